# `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- Use it --------------------------------------------------------------------------------------------------

.PHONY: demo
demo: .venv/.installed  ## Show the main job: a dozen callbacks, live, until all have ended
	.venv/bin/ringback demo

.PHONY: run
run: .venv/.installed  ## Serve on 127.0.0.1:50051 with ringback.db until Ctrl-C
	.venv/bin/ringback serve

.PHONY: test
test: .venv/.installed  ## Run the tests
	.venv/bin/pytest --numprocesses 2 --quiet

# --- Check it ------------------------------------------------------------------------------------------------

.PHONY: lint
lint: .venv/.installed  ## Check style, types, and the direction of imports
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

.PHONY: kill-storm
kill-storm: .venv/.installed  ## Kill a loaded server fifty times, and look for anything lost or doubled
	.venv/bin/python tests/hunts/kill_storm.py

.PHONY: dialer-hunt
dialer-hunt: .venv/.installed  ## Twenty dialers, some of them bad, and 5,000 callbacks: order, capacity, nothing doubled
	.venv/bin/python tests/hunts/dialers.py

.PHONY: latency
latency: .venv/.installed  ## Measure how soon a dialer hears of what is due
	.venv/bin/python bench/latency.py

# --- The development environment -----------------------------------------------------------------------------

.PHONY: venv
venv: .venv/.installed  ## Make .venv, the environment for everything but the stubs

.venv/.installed: pyproject.toml
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --editable '.[dev]'
	touch $@

# --- The contract: protos/ to src/ringback/v1/ ---------------------------------------------------------------

# The generator has an environment of its own: it is older than the runtime, on purpose (protos/requirements.txt).
STUBS_VENV := build/stubs-venv
BUF := $(STUBS_VENV)/bin/buf
STUBS := src/ringback/v1

$(STUBS_VENV)/.installed: protos/requirements.txt
	$(PYTHON) -m venv --clear $(STUBS_VENV)
	$(STUBS_VENV)/bin/pip install --quiet --requirement protos/requirements.txt
	touch $@

.PHONY: stubs
stubs: $(STUBS_VENV)/.installed  ## Regenerate src/ringback/v1 from protos/
	rm -f $(STUBS)/*_pb2.py $(STUBS)/*_pb2.pyi $(STUBS)/*_pb2_grpc.py $(STUBS)/*_pb2_grpc.pyi
	$(BUF) generate

# Compares whole folders, so a stub that is missing, edited or left over from a deleted proto is noticed alike,
# committed or not.
.PHONY: check-stubs
check-stubs: $(STUBS_VENV)/.installed  ## Fail if src/ringback/v1 is not what protos/ generates
	rm -rf build/stubs-check
	$(BUF) generate --output build/stubs-check
	@diff --recursive --unified --exclude=__init__.py --exclude=__pycache__ $(STUBS) build/stubs-check/$(STUBS) \
		|| { echo "The stubs in $(STUBS) are not what protos/ generates. Run 'make stubs' and commit." >&2; exit 1; }
	@echo "The stubs are what protos/ generates."

.PHONY: lint-protos
lint-protos: $(STUBS_VENV)/.installed  ## Check the style of protos/, and that no client breaks
	$(BUF) lint
	$(BUF) format --diff --exit-code
	@protos/breaking.sh $(BUF)
