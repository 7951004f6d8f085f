# `make demo` and `make test` need nothing but Python 3.11+ and make: the virtual environment is made on first use.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DEV    := $(VENV)/.ready-dev
WEB    := $(VENV)/.ready-browser
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test soak check lint types docs docs-check bench clean

help: ## what can be made
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "relations needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[report]'
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(READY)

demo: $(READY) ## two years of a hotel group: simulated, recorded, rebuilt, shown
	$(BIN)/relations demo

# The report is looked at in a real browser. Where none can be installed, its tests say so and are skipped (not in CI).
$(WEB): | $(BIN)/python
	@if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	      chromium chromium-driver fonts-noto-cjk >/dev/null; \
	  else echo "no chromium: the tests in a browser are skipped (Debian: apt install chromium chromium-driver fonts-noto-cjk)"; fi; fi
	@touch $@

test: $(DEV) $(WEB) ## every test, on SQLite and on a real PostgreSQL, the report in a real browser
	$(BIN)/python -m pytest -n 2 --dist loadfile

SEED     ?= $(shell date +%s)
EXAMPLES ?= 500
MINUTES  ?= 240
soak: $(DEV) ## long searches: every property with a new SEED, EXAMPLES of each, for MINUTES at most
	@echo "seed $(SEED); again with: make soak SEED=$(SEED) EXAMPLES=$(EXAMPLES) MINUTES=$(MINUTES)"
	CI= SOAK_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n 2 --dist loadfile -m "soak or hypothesis" \
	  --hypothesis-profile=soak --soak-seed=$(SEED) --soak-minutes=$(MINUTES)

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV)
	$(BIN)/mypy
	$(BIN)/mypy tests

docs: $(DEV) ## writes the generated reference again
	$(BIN)/python docs/generate.py

docs-check: $(DEV)
	$(BIN)/python docs/generate.py --check

check: lint types docs-check test ## lint, types, generated docs and all tests

bench: $(DEV) ## every budget, with its peer and its limit measured in the same run
	$(BIN)/python -m benchmarks

clean: ## removes what make has made
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
