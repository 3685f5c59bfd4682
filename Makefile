# The whole interface for people who work on recoup. Needs Python 3.11 or newer and make; `make demo` does the rest.
#
# The lock is complete and hashed; `--no-deps` because it is, and because pip 23 trips over extras in such a file.
# `make demo` and `make up` install requirements.txt; `make test` and `make lint` install requirements-dev.txt.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
RUNTIME := $(VENV)/.installed
DEVELOPMENT := $(VENV)/.installed-dev
MODULES := cli.py settings.py settings_file.py settings_groups.py

export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PIP_NO_INPUT := 1

.PHONY: help setup demo up test lint bench lock clean

help: ## Show what there is.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: $(RUNTIME) ## Make the virtual environment; the others do it by themselves.

demo: $(RUNTIME) ## Live through a billing month on this machine; again from the start each time. No accounts needed.
	@$(BIN)/recoup demo --fresh $(ARGS)

up: $(RUNTIME) ## Start Prefect and the worker until Ctrl-C. ARGS=--sandbox needs no accounts.
	@$(BIN)/recoup up $(ARGS)

test: $(DEVELOPMENT) ## Run the tests. ARGS="tests/domain -x" runs some.
	@$(BIN)/python -m pytest -q -rfE -p tests.skips -n 2 --dist loadgroup $(ARGS)

lint: $(DEVELOPMENT) ## ruff, mypy and the import rule.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "fix: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

bench: $(DEVELOPMENT) ## Measure, with ratios to a bare baseline taken in the same run.
	@$(BIN)/python -m benchmarks $(ARGS)

lock: ## Make both lock files again from pyproject.toml. Needs uv. UPGRADE=--upgrade takes newer versions.
	@command -v $(or $(UV),uv) >/dev/null || { echo "uv is not installed; see CONTRIBUTING.md"; exit 1; }
	$(or $(UV),uv) pip compile -q $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate pyproject.toml -o requirements.txt
	$(or $(UV),uv) pip compile -q $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean: ## Remove the virtual environment and caches; data under .recoup stays.
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# The first Python of 3.11 or newer that really answers: a shim may be on PATH with nothing behind it.
$(BIN)/python:
	@for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	  if $$python -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    $$python -m venv $(VENV) && exit 0; fi; done; \
	echo "No Python 3.11 or newer with venv was found. On Debian: apt-get install python3 python3-venv" >&2; exit 1

$(RUNTIME): requirements.txt pyproject.toml | $(BIN)/python
	@echo "Setting up (once, about a minute)" >&2
	@$(PIP) install --no-deps --require-hashes -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DEVELOPMENT): requirements-dev.txt $(RUNTIME)
	@echo "Setting up what the tests need (once)" >&2
	@$(PIP) install --no-deps --require-hashes -r requirements-dev.txt
	@touch $@
