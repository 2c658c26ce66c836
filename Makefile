# make check does what CI does. Each step can be run alone. The tests are the last step, so
# that their output is at the end.

LINT := go tool -modfile tools/go.mod golangci-lint

# Modules beside the root. Users of the library do not download their dependencies.
MODULES := $(patsubst %/go.mod,%,$(shell find . -mindepth 2 -name node_modules -prune -o -mindepth 2 -name go.mod -print | sort))

# The current release of Go. go.mod has the release before it, which is the oldest supported
# one. All other steps run with that release.
GO_CURRENT ?= go1.27.4

.PHONY: check fmt vet platforms lint tidy build modules interop test current zones 386 windows fuzz bench matrix

check: fmt vet platforms lint tidy build api-check release-check actions modules interop matrix current zones 386 test

fmt:
	@files=$$(gofmt -l .); test -z "$$files" || { gofmt -d $$files; exit 1; }

vet:
	go vet ./...

# Vets the code and the tests for platforms on which they cannot run here. js has the
# fewest system calls.
PLATFORMS := windows/amd64 darwin/arm64 linux/arm64
platforms:
	@for platform in $(PLATFORMS); do echo "go vet ($$platform)"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go vet ./... || exit 1; done
	GOOS=js GOARCH=wasm go build . ./v12 ./scim ./databrickstest

# The first run builds the linter, which takes about a minute and a half on two cores. This is
# fast enough for CI, so the complete linter runs there and here.
lint:
	$(LINT) run ./...

tidy:
	go mod tidy -diff
	@for module in $(MODULES); do echo "go mod tidy -diff ($$module)"; (cd $$module && go mod tidy -diff) || exit 1; done

# Builds all programs and examples.
build:
	go build ./...

modules:
	@for module in $(filter-out ./tools,$(MODULES)); do echo "go vet and test ($$module)"; (cd $$module && go vet ./... && go test ./...) || exit 1; done

# Tests the in-memory workspace with clients of other authors.
interop:
	interop/run

# Prints one line with the outcome of each call with each fault, in memory and over sockets. Also
# tests each call with endless responses, and with lists of 100,000 elements.
matrix:
	@out=$$(go test -count=1 -timeout 40m -run '^TestFaultMatrix|^TestDecode_(hostile|large)' -v . -every-cell) || { echo "$$out"; exit 1; }; echo "$$out" | grep '^fault matrix'

# Runs the tests with the race detector, in random order.
test:
	TZ=UTC go test -timeout 30m -race -shuffle=on ./...

# Runs vet and the tests with the current release of Go.
current:
	GOTOOLCHAIN=$(GO_CURRENT) go vet ./...
	GOTOOLCHAIN=$(GO_CURRENT) go test ./...

# Runs the tests west and east of Greenwich, where a synctest bubble starts in 1999 or in 2000. The
# time limit ends a bubble whose clock does not advance.
ZONES := America/Los_Angeles Asia/Kolkata
zones:
	@for zone in $(ZONES); do echo "go test (TZ=$$zone)"; TZ=$$zone go test -timeout 15m ./... || exit 1; done

# Runs the tests with 32-bit ints. Without cgo, this needs no C library for 386.
386:
	CGO_ENABLED=0 GOARCH=386 go vet ./...
	CGO_ENABLED=0 GOARCH=386 go test ./...

# Runs the tests of packages that depend on paths, on Windows or in wine 10 of Debian 13. wine 8 of
# Debian 12 lacks functions that Go needs. This is not part of check.
WINDOWS := . ./databrickstest ./internal/...
windows:
	CGO_ENABLED=0 GOOS=windows go test -timeout 30m -exec wine $(WINDOWS)

# Runs each fuzz target for a time: make fuzz FUZZTIME=1m
FUZZTIME ?= 10s
fuzz:
	@for target in $$(grep -rho --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/^func //' | sort -u); do \
		dir=$$(dirname $$(grep -rl --include='*_test.go' "^func $$target(" . | head -1)); \
		echo "$$dir $$target"; go test -run='^$$' -fuzz="^$$target$$" -fuzztime=$(FUZZTIME) $$dir || exit 1; done

# Compares the speed with plain net/http, with two Go releases, and writes bench/REPORT.md: make bench ROUNDS=5 BUILDS=3
ROUNDS ?= 3
BUILDS ?= 1
RELEASES ?= go1.26.8,go1.27.4
bench:
	cd bench && go run . -releases $(RELEASES) -rounds $(ROUNDS) -builds $(BUILDS)

# Writes the exported API as text, so that reviews show its changes.
.PHONY: api api-check release-check release-notes actions vulncheck
api:
	go run -C tools ./api .. . ./scim ./v12 ./databrickstest > api.txt

api-check:
	@go run -C tools ./api .. . ./scim ./v12 ./databrickstest | diff -u api.txt - || { echo "the exported API changed; check the difference, and run make api"; exit 1; }

# Shows incompatible changes since the latest release, or since BASE.
release-check:
	tools/release-check

# Prints the section of the changelog for VERSION.
release-notes:
	@awk '/^## /{show = index($$0, "[$(VERSION)]")} show' CHANGELOG.md

# Checks the workflows under .github.
actions:
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# Looks up known vulnerabilities of the dependencies at vuln.go.dev.
vulncheck:
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...
