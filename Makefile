# Everything a developer does here. `make` alone says what there is.

.DEFAULT_GOAL := help
.SUFFIXES:

PROGRAMS       := worker enqueue audit graphsim
VERSION        ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BENCH          ?= .
FUZZ           ?= .
FUZZ_TIME      ?= 20s
BENCH_PACKAGES ?= ./internal/e2e/... ./internal/budget/...

# The linter is pinned, checksummed and built like any other Go code, in a
# module of its own because its dependencies are not ours.
GOLANGCI_LINT := go tool -modfile=tools/lint/go.mod golangci-lint

.PHONY: help
help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# VCS stamping stays off: the version is set here, and it fails in a checkout of another user.
.PHONY: build
build: ## build worker, enqueue, audit and graphsim into bin/
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-X graphpatch/internal/cli.Version=$(VERSION)' -o bin/ $(PROGRAMS:%=./cmd/%)

.PHONY: demo
demo: build deps ## show it all: a simulated Graph, a worker, an import, the audit
	@scripts/demo

.PHONY: test
test: deps ## run all tests under the race detector (needs a C compiler)
	@scripts/ensure-mariadb
	go test -race -timeout 15m ./...

.PHONY: lint
lint: ## check format, code and go.mod
	$(GOLANGCI_LINT) fmt --diff
	$(GOLANGCI_LINT) run
	go mod tidy -diff

.PHONY: fmt
fmt: ## format the code
	$(GOLANGCI_LINT) fmt

.PHONY: bench
bench: deps ## run the benchmarks (BENCH=pattern, BENCH_PACKAGES=packages)
	go test -run '^$$' -bench '$(BENCH)' -benchmem -timeout 3h $(BENCH_PACKAGES)

.PHONY: chaos
chaos: deps ## break things for some minutes each and count what is lost
	GRAPHPATCH_CHAOS=1 go test -run Chaos -v -timeout 40m ./internal/e2e

.PHONY: fuzz
fuzz: ## run each fuzz test for a while (FUZZ_TIME=20s, FUZZ=pattern)
	@FUZZ_TIME='$(FUZZ_TIME)' FUZZ='$(FUZZ)' scripts/fuzz

.PHONY: deps
deps: ## see to it that a Postgres server is installed
	@scripts/ensure-postgres

.PHONY: clean
clean: ## remove what make built
	rm -rf bin
