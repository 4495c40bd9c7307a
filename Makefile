# `make serve` and `make test` do all of their own set-up, on a machine with Python 3.11 and make.

.DEFAULT_GOAL := help
.PHONY: help serve example test test-system lint unit coverage policy matrix tables mutate solver deep fuzz gateway-fuzz soak stress bench bench-core bench-facts bench-followers image image-test sbom audit lock clean

# PYTHON=... chooses another interpreter for .venv; SERVE="--port 8191" passes options to `serve`.
PYTHON ?=
SERVE ?=
# BENCH="--quick" measures one round, to try it.
BENCH ?=
FOLLOWERS ?=
# SECONDS=... is how long `make soak` takes, SEED=... what it does.
SECONDS ?= 300
SEED ?= 1
# REQUESTS=... is how many requests each test of `make stress` sends at least.
REQUESTS ?= 200000
# EXAMPLE="--postgresql" runs the example on a PostgreSQL server of its own.
EXAMPLE ?=
BIN := .venv/bin
PYTHON_INSTALL := python -m pip install --quiet --disable-pip-version-check --no-input
PIP_INSTALL := $(BIN)/$(PYTHON_INSTALL)
REFERENCE := tests/differential/test_against_reference.py
# DEPTH=... is how many times as many other cases `make deep` tries as `deep` in tests/depth.py says.
DEPTH ?= 5
# WORKERS=... is how many processes share the tests; CI has two cores.
WORKERS ?= 2
# A worker with nothing left to do takes tests from the other, so that both end together.
TESTS := --ignore tests/system --ignore tests/image --ignore tests/stress --numprocesses $(WORKERS) --dist worksteal
# Tests start a hundred processes: what one has compiled the next reads, whatever the machine's own
# setting is, and out of the way of the sources.
BYTECODE := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(CURDIR)/.venv/pycache
PROXIES := ls /usr/sbin/nginx /usr/bin/caddy >/dev/null 2>&1 || { apt-get update -qq && apt-get install -qq -y --no-install-recommends nginx-light caddy; }
LOCKED := --require-hashes --only-binary :all:

help: ## Show the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-25s %s\n", $$1, $$2}'

serve: .venv/serving ## Serve the demo world on http://127.0.0.1:8181
	@$(BIN)/sidecar serve $(SERVE)

example: .venv/testing ## A team service with its sidecar, at http://127.0.0.1:8282
	@cd examples/team-service && $(CURDIR)/$(BIN)/python -m local $(EXAMPLE)

# One line each, in this order even under `make -j`: the cheapest answer first.
test: .venv/testing ## All that must pass: lint, types, architecture, tests, policy suites
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory policy

lint: .venv/testing ## Formatting, lint, types, architecture, the Dockerfile
	$(BIN)/ruff format --check .
	$(BIN)/sidecar fmt --check
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

unit: .venv/testing ## Tests, the end-to-end ones included
	$(BYTECODE) $(BIN)/python -m pytest $(TESTS)

coverage: .venv/testing ## The same tests with branch coverage, which takes half as long again
	$(BIN)/coverage erase
	$(BYTECODE) $(BIN)/coverage run -m pytest $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-system: .venv/testing .venv/proxies .venv/browser ## What needs more than the locks: another Python, PostgreSQL, systemd, proxies, a browser
# Debian's servers, which nobody needs to start: the tests do.
	@ls /usr/lib/postgresql/*/bin/initdb /usr/sbin/pgbouncer >/dev/null 2>&1 || { apt-get update -qq && apt-get install -qq -y --no-install-recommends postgresql pgbouncer; }
	@{ command -v systemd-analyze && command -v docker-compose; } >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends systemd docker-compose; }
	@command -v promtool >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends prometheus; }
	@$(PROXIES)
	@ls /usr/sbin/rsyslogd >/dev/null 2>&1 || { apt-get update -qq && apt-get install -qq -y --no-install-recommends rsyslog; }
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core; }
	$(BYTECODE) $(BIN)/python -m pytest tests/system

soak: .venv/testing ## Five minutes of random writes and faults, every answer checked against a model
	@ls /usr/lib/postgresql/*/bin/initdb /usr/sbin/pgbouncer >/dev/null 2>&1 || { apt-get update -qq && apt-get install -qq -y --no-install-recommends postgresql pgbouncer; }
	SOAK_SECONDS=$(SECONDS) SOAK_SEED=$(SEED) $(BYTECODE) $(BIN)/python -m pytest -s tests/system/test_soak.py

stress: .venv/testing ## Restarts, reloads, kills and exhaustion under load, 200,000 requests each
	@command -v cc >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends gcc libc6-dev; }
	STRESS_REQUESTS=$(REQUESTS) $(BYTECODE) $(BIN)/python -m pytest -s tests/stress

policy: .venv/serving ## The policy suites, as a reviewer runs them
	$(BIN)/sidecar test

matrix: .venv/reviewing ## Write the matrix anew, after a change of access that is meant
	$(BIN)/sidecar matrix --lines > policies/matrix.txt

tables: .venv/serving ## Write the tables of Polar's grammar anew, after a change of it or of lark
	$(BIN)/python -m sidecar.polar.tables

mutate: .venv/reviewing ## Would the suites notice a slip in the policy?
	$(BIN)/sidecar mutate

solver: .venv/reviewing ## Install z3, which check, diff, explain, matrix, mutate and prove need

deep: .venv/testing ## A million requests against the reference, and at least five times as many other cases
	DEPTH=20 $(BYTECODE) $(BIN)/python -m pytest $(REFERENCE) --numprocesses $(WORKERS) --dist worksteal
	DEPTH=$(DEPTH) $(BYTECODE) $(BIN)/python -m pytest -m many --ignore $(REFERENCE) --numprocesses $(WORKERS) --dist worksteal

gateway-fuzz: .venv/testing .venv/proxies ## 10,000 requests that nobody thought of through each proxy; SEED=... chooses them
	@$(PROXIES)
	GATEWAY_FUZZ=10000 GATEWAY_SEED=$(SEED) $(BYTECODE) $(BIN)/python -m pytest tests/system/gateways/test_fuzz.py

fuzz: .venv/testing ## Five minutes of questions that nobody thought of
	FUZZ_SECONDS=260 $(BIN)/python -m pytest tests/e2e/test_openapi.py

bench-core: .venv/serving ## Compiled decisions against Oso, in one run
	$(BIN)/python -m bench.core

bench: .venv/bench/installed ## This sidecar beside its peers, in one run; writes bench/RESULTS.md
	@.venv/bench/bin/python -m bench.run $(BENCH)

image-test: .venv/testing ## Build both images without a Docker engine, and run them
	@{ command -v buildah && command -v podman && command -v mmdebstrap; } >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends buildah podman runc conmon mmdebstrap; }
	$(BYTECODE) $(BIN)/python -m pytest tests/image

# FOLLOWERS="--followers 50 --notify" changes what is measured.
bench-followers: .venv/testing ## 100 followers of one PostgreSQL server: what they cost, when the last one knows
	$(BIN)/python -m bench.followers $(FOLLOWERS)

# FIRST_READ="--memberships 10000000 --kinds sqlite" changes what is read.
bench-facts: .venv/testing ## The first read of a million memberships: time, CPU and memory
	$(BIN)/python -m bench.first_read $(FIRST_READ)

image: ## Build the container image
	docker build --platform linux/amd64 --tag sidecar .

sbom: .venv/audit/installed ## Write what the image of the pack consists of to dist/sbom.cdx.json (CycloneDX)
	@mkdir -p dist
	.venv/audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file dist/sbom.cdx.json .venv/audit/image

audit: .venv/audit/installed ## Known vulnerabilities of what the images consist of; needs data from pypi.org
	.venv/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-postgres.lock

lock: .venv/uv/bin/uv ## Take the newest versions that pyproject.toml allows into the locks
	$(LOCK) --extra async --extra gateway --extra lsp --extra review --extra postgres --group dev --output-file requirements-dev.lock pyproject.toml
	$(LOCK) --constraint requirements-dev.lock --output-file requirements.lock pyproject.toml
	$(LOCK) --constraint requirements-dev.lock --extra review --output-file requirements-review.lock pyproject.toml
	$(LOCK) --constraint requirements-dev.lock --extra gateway --output-file requirements-gateway.lock pyproject.toml
	$(LOCK) --constraint requirements-dev.lock --extra postgres --output-file requirements-postgres.lock pyproject.toml
	$(LOCK) --constraint requirements-dev.lock --extra lsp --output-file requirements-lsp.lock pyproject.toml
	$(LOCK) --constraint requirements-dev.lock --group build --output-file requirements-build.lock
	$(LOCK) --constraint requirements-dev.lock --group audit --output-file requirements-audit.lock
	$(LOCK) --constraint requirements-dev.lock --group proxies --output-file requirements-proxies.lock
	$(LOCK) --constraint requirements-dev.lock --group browser --output-file requirements-browser.lock
	$(LOCK) --constraint requirements-dev.lock --group bench --output-file requirements-bench.lock pyproject.toml

clean: ## Remove all that make made
	rm -rf .venv .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

# --- set-up -------------------------------------------------------------------------------------

# The stamps are older than their lock exactly when the lock changed after the installation.

# Nothing is compiled when it is installed: tests keep byte code elsewhere, and need a third of it.
.venv/testing: requirements-dev.lock .venv/serving
	@echo "installing the tools of requirements-dev.lock"
	@$(PIP_INSTALL) $(LOCKED) --no-compile -r requirements-dev.lock
	@touch $@

.venv/serving: requirements.lock requirements-build.lock pyproject.toml | .venv/bin/pip
	@echo "installing requirements.lock"
	@$(PIP_INSTALL) $(LOCKED) -r requirements-build.lock -r requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# Envoy, which is 100 MB.
.venv/proxies: requirements-proxies.lock .venv/testing
	@echo "installing Envoy by requirements-proxies.lock"
	@$(PIP_INSTALL) $(LOCKED) --no-compile -r requirements-proxies.lock
	@touch $@

# What drives a browser, and the rules by which a page is checked for accessibility.
.venv/browser: requirements-browser.lock tests/system/page/package.json .venv/testing
	@echo "installing Playwright by requirements-browser.lock, and axe-core"
	@$(PIP_INSTALL) $(LOCKED) --no-compile -r requirements-browser.lock
	@mkdir -p .venv/axe && cp tests/system/page/package.json tests/system/page/package-lock.json .venv/axe
	@cd .venv/axe && npm ci --silent --no-audit --no-fund
	@touch $@

# The solver, which only reviewers' tools need; those of `make test` have it too.
.venv/reviewing: requirements-review.lock .venv/serving
	@echo "installing the solver of requirements-review.lock"
	@$(PIP_INSTALL) $(LOCKED) -r requirements-review.lock
	@touch $@

# Peers get an environment of their own; wrk and a C compiler come from Debian where they are
# missing and we may install them, the binary of Cerbos from an npm package.
.venv/bench/installed: requirements-bench.lock requirements-build.lock bench/package-lock.json | .venv/serving
	@echo "installing the peers of requirements-bench.lock and bench/package-lock.json"
	@command -v wrk >/dev/null && command -v cc >/dev/null || apt-get install -qq -y --no-install-recommends wrk gcc libc6-dev
	@$(BIN)/python -m venv .venv/bench
	@.venv/bench/bin/$(PYTHON_INSTALL) $(LOCKED) -r requirements-build.lock -r requirements-bench.lock
	@.venv/bench/bin/$(PYTHON_INSTALL) --no-deps --no-build-isolation --no-index --editable .
	@mkdir -p .venv/bench/npm && cp bench/package.json bench/package-lock.json .venv/bench/npm
	@cd .venv/bench/npm && npm install --silent --no-audit --no-fund
	@touch $@

# An environment of its own, beside one that holds what the images hold.
.venv/audit/installed: requirements-audit.lock requirements-postgres.lock | .venv/bin/pip
	@echo "installing the tools of requirements-audit.lock"
	@$(BIN)/python -m venv .venv/audit && $(BIN)/python -m venv --without-pip .venv/audit/image
	@.venv/audit/bin/$(PYTHON_INSTALL) $(LOCKED) -r requirements-audit.lock
	@.venv/audit/bin/$(subst pip install,pip --python .venv/audit/image install,$(PYTHON_INSTALL)) $(LOCKED) -r requirements-postgres.lock
	@touch $@

.venv/bin/pip:
	@python="$$(sh .ci/find-python $(PYTHON))" && echo "creating .venv with $$python" && "$$python" -m venv --clear .venv

LOCK = .venv/uv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

.venv/uv/bin/uv: | .venv/bin/pip
	@$(BIN)/python -m venv .venv/uv && .venv/uv/bin/pip install --quiet uv
