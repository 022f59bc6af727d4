# Verbs only: the work is in the npm scripts and in `tenants`.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Dependencies are there when this file is newer than the lock file.
node_modules/.installed: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: dev
dev: node_modules/.installed ## serve two demo tenants from an embedded PostgreSQL, until Ctrl-C
	@npm run --silent dev

.PHONY: test
test: node_modules/.installed ## check format, lint and types, then run every test on a real PostgreSQL
	@npm run --silent test

.PHONY: check
check: node_modules/.installed ## check format, lint and types only
	@npm run --silent check

.PHONY: format
format: node_modules/.installed ## mend format and lint
	@npm run --silent format

.PHONY: isolation
isolation: node_modules/.installed ## attack an installation, take every wall down in turn, and write a report to .data/
	@npm run --silent isolation

.PHONY: migrate
migrate: node_modules/.installed ## bring the shared schema and every tenant up to the code
	@npm run --silent tenants -- migrate

.PHONY: seed
seed: node_modules/.installed ## create the demo tenants acme and globex
	@npm run --silent tenants -- seed

.PHONY: tenants
tenants: node_modules/.installed ## operate the tenants: make tenants ARGS="list-tenants"
	@npm run --silent tenants -- $(ARGS)

.PHONY: build
build: node_modules/.installed ## compile to dist/
	@npm run --silent build
