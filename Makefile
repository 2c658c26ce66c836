# make check is what CI runs. Each step can be run alone; the tests come last,
# so that what they say is what one sees.

LINT := go tool -modfile tools/go.mod golangci-lint

# Modules beside the root: their dependencies are not for our users.
MODULES := $(patsubst %/go.mod,%,$(shell find . -mindepth 2 -name node_modules -prune -o -mindepth 2 -name go.mod -print | sort))

# The current release of Go. go.mod has the one before, which is the oldest that
# the library works with, and which runs everything else here.
GO_CURRENT ?= go1.27.4

.PHONY: check fmt vet platforms lint tidy build modules interop test current zones 386 windows fuzz bench matrix

check: fmt vet platforms lint tidy build api-check release-check actions modules interop matrix current zones 386 test

fmt:
	@files=$$(gofmt -l .); test -z "$$files" || { gofmt -d $$files; exit 1; }

vet:
	go vet ./...

# What cannot run here is vetted at least, tests included.
PLATFORMS := windows/amd64 darwin/arm64 linux/arm64
platforms:
	@for platform in $(PLATFORMS); do echo "go vet ($$platform)"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go vet ./... || exit 1; done

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

# What became of each call with each fault, in memory and over sockets: a line
# each. Also each call with every response that never ends, and lists of 100,000.
matrix:
	@out=$$(go test -count=1 -timeout 40m -run '^TestFaultMatrix|^TestDecode_(hostile|large)' -v . -every-cell) || { echo "$$out"; exit 1; }; echo "$$out" | grep '^fault matrix'

# The README's command, with the race detector and in any order.
test:
	TZ=UTC go test -timeout 30m -race -shuffle=on ./...

# The same with the current release.
current:
	GOTOOLCHAIN=$(GO_CURRENT) go vet ./...
	GOTOOLCHAIN=$(GO_CURRENT) go test ./...

# West and east of Greenwich. A test in a synctest bubble begins in 1999 or 2000.
# The time limit is for a bubble whose clock stands still.
ZONES := America/Los_Angeles Asia/Kolkata
zones:
	@for zone in $(ZONES); do echo "go test (TZ=$$zone)"; TZ=$$zone go test -timeout 15m ./... || exit 1; done

# With ints of 32 bits, and without cgo, so that it needs no C library for 386.
386:
	CGO_ENABLED=0 GOARCH=386 go vet ./...
	CGO_ENABLED=0 GOARCH=386 go test ./...

# The packages that know about paths, on Windows or what stands for it: wine 10 of
# Debian 13. wine 8 of Debian 12 lacks functions that Go needs. Not part of check.
WINDOWS := . ./databrickstest ./internal/...
windows:
	CGO_ENABLED=0 GOOS=windows go test -timeout 30m -exec wine $(WINDOWS)

# Each fuzz target for a while: make fuzz FUZZTIME=1m
FUZZTIME ?= 10s
fuzz:
	@for target in $$(grep -rho --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/^func //' | sort -u); do \
		dir=$$(dirname $$(grep -rl --include='*_test.go' "^func $$target(" . | head -1)); \
		echo "$$dir $$target"; go test -run='^$$' -fuzz="^$$target$$" -fuzztime=$(FUZZTIME) $$dir || exit 1; done

# Side by side with plain net/http, with two Go releases, into bench/REPORT.md: make bench ROUNDS=5 BUILDS=3
ROUNDS ?= 3
BUILDS ?= 1
RELEASES ?= go1.26.8,go1.27.4
bench:
	cd bench && go run . -releases $(RELEASES) -rounds $(ROUNDS) -builds $(BUILDS)

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
