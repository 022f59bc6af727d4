# Short names for the npm scripts and for `tenants`.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# Written by npm. Dependencies are up to date if it is newer than the lock file.
node_modules/.package-lock.json: package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: dev
dev: node_modules/.package-lock.json ## serve four demo tenants from an embedded PostgreSQL, and examples/vue; reload after changes, until Ctrl-C
	@npm run --silent console
	@if [ -d examples/vue ]; then npm run --silent front-end & trap "kill $$! 2>/dev/null" EXIT INT TERM; fi; npm run --silent dev

.PHONY: psql
psql: node_modules/.package-lock.json ## SQL shell of the login that migrates, or inside one tenant: make psql [TENANT=acme]
	@npm run --silent tenants -- $(if $(TENANT),sql --schema "$(TENANT)",psql)

.PHONY: reset
reset: node_modules/.package-lock.json ## delete the data of make dev after a confirmation: make reset [YES=1]
	@npm run --silent tenants -- reset $(if $(YES),--yes)

.PHONY: test
test: node_modules/.package-lock.json ## check format, lint and types, then run every test on a real PostgreSQL
	@npm run --silent test

.PHONY: test-docker
test-docker: node_modules/.package-lock.json ## with Docker: database, isolation and fleet tests on its PostgreSQL, and the image
	@TEST_DOCKER=true TEST_POSTGRES=docker npm run --silent test:docker

.PHONY: test-versions
test-versions: node_modules/.package-lock.json ## database, isolation and tenancy tests on older PostgreSQL, an hour: make test-versions [VERSIONS="16 17"]
	@for version in $(or $(VERSIONS),15 16 17); do TEST_POSTGRES=$$version npm run --silent test:versions || exit 1; done

.PHONY: test-pgbouncer
test-pgbouncer: node_modules/.package-lock.json ## with pgbouncer installed: HTTP, isolation and conformance tests through it
	@TEST_POOLER=pgbouncer npm run --silent test:pgbouncer

.PHONY: check
check: node_modules/.package-lock.json ## check format, lint and types only
	@npm run --silent check

.PHONY: format
format: node_modules/.package-lock.json ## fix format and lint
	@npm run --silent format

.PHONY: isolation
isolation: node_modules/.package-lock.json ## run all attacks, disable each wall in turn, and write a report to .data/: make isolation [PREPARED=off]
	$(if $(filter-out on off,$(PREPARED)),$(error PREPARED is on or off))
	@$(if $(PREPARED),PREPARED_STATEMENTS=$(PREPARED)) npm run --silent isolation

.PHONY: fault
fault: node_modules/.package-lock.json ## fault tests: kill, fill, flood and stop the service and its PostgreSQL
	@npm run --silent fault

.PHONY: soak
soak: node_modules/.package-lock.json ## measure the service's memory over many requests: make soak [REQUESTS=500000]
	@npm run --silent soak -- $(REQUESTS)

.PHONY: bench
bench: node_modules/.package-lock.json ## compare requests with a server without walls, 10 minutes: make bench [QUICK=1]
	@TEST_POSTGRES=embedded npm run --silent bench -- $(if $(QUICK),--quick)

.PHONY: migrate
migrate: node_modules/.package-lock.json ## migrate the shared schema and every tenant
	@npm run --silent tenants -- migrate

.PHONY: seed
seed: node_modules/.package-lock.json ## create the demo tenants acme, globex, initech and hooli
	@npm run --silent tenants -- seed

.PHONY: tenants
tenants: node_modules/.package-lock.json ## run a command of tenants: make tenants ARGS="list-tenants"
	@npm run --silent tenants -- $(ARGS)

.PHONY: dump-tenant
dump-tenant: node_modules/.package-lock.json ## dump one tenant to a file: make dump-tenant TENANT=acme [OUT=acme.tenant]
	@npm run --silent tenants -- dump-tenant --schema "$(TENANT)" $(if $(OUT),--out "$(OUT)")

.PHONY: restore-tenant
restore-tenant: node_modules/.package-lock.json ## restore a tenant from a dump: make restore-tenant FILE=acme.tenant [SCHEMA=… DOMAIN=…]
	@npm run --silent tenants -- restore-tenant --in "$(FILE)" $(if $(SCHEMA),--schema "$(SCHEMA)") $(if $(DOMAIN),--domain $(DOMAIN))

.PHONY: build
build: node_modules/.package-lock.json ## compile to dist/
	@npm run --silent build

.PHONY: audit
audit: node_modules/.package-lock.json ## check dependencies for known vulnerabilities, high and above
	@npm run --silent audit
