# make check is what CI runs. Each step can be run alone; the tests come last,
# so that what they say is what one sees.

LINT := go tool -modfile tools/go.mod golangci-lint

# Modules beside the root: their dependencies are not for our users.
MODULES := $(patsubst %/go.mod,%,$(shell find . -mindepth 2 -name node_modules -prune -o -mindepth 2 -name go.mod -print | sort))

.PHONY: check fmt vet lint tidy build modules interop test fuzz bench matrix

check: fmt vet lint tidy build modules interop matrix test

fmt:
	@files=$$(gofmt -l .); test -z "$$files" || { gofmt -d $$files; exit 1; }

vet:
	go vet ./...

# Building the linter takes about a minute and a half on two cold cores, once;
# that is well within what CI has, so all of it runs, there and here.
lint:
	$(LINT) run ./...

tidy:
	go mod tidy -diff
	@for module in $(MODULES); do echo "go mod tidy -diff ($$module)"; (cd $$module && go mod tidy -diff) || exit 1; done

# All programs and examples.
build:
	go build ./...

modules:
	@for module in $(filter-out ./tools,$(MODULES)); do echo "go vet and test ($$module)"; (cd $$module && go vet ./... && go test ./...) || exit 1; done

# Other people's clients against the workspace in memory.
interop:
	interop/run

# What became of each call with each fault, in a line.
matrix:
	@go test -count=1 -v -run '^TestFaultMatrix$$' . | grep '^fault matrix:'

# The README's command, with the race detector and in any order.
test:
	go test -race -shuffle=on ./...

# Each fuzz target for a while: make fuzz FUZZTIME=1m
FUZZTIME ?= 10s
fuzz:
	@for target in $$(grep -rho --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/^func //' | sort -u); do \
		dir=$$(dirname $$(grep -rl --include='*_test.go' "^func $$target(" . | head -1)); \
		echo "$$dir $$target"; go test -run='^$$' -fuzz="^$$target$$" -fuzztime=$(FUZZTIME) $$dir || exit 1; done

# Side by side with plain net/http, into bench/REPORT.md: make bench ROUNDS=3 BUILDS=1
ROUNDS ?= 5
BUILDS ?= 3
bench:
	cd bench && go run . -rounds $(ROUNDS) -builds $(BUILDS)

# The exported API as text, so that a review sees what changes.
.PHONY: api api-check release-check release-notes actions vulncheck
api:
	go run -C tools ./api .. . ./scim ./v12 ./databrickstest > api.txt

api-check:
	@go run -C tools ./api .. . ./scim ./v12 ./databrickstest | diff -u api.txt - || { echo "the exported API changed; look at the difference, and run make api"; exit 1; }

# What the change breaks since the latest release, or since BASE.
release-check:
	tools/release-check

# The section of the changelog for VERSION.
release-notes:
	@awk '/^## /{show = index($$0, "[$(VERSION)]")} show' CHANGELOG.md

# The workflows under .github.
actions:
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# Known vulnerabilities in what we use; asks vuln.go.dev.
vulncheck:
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...
