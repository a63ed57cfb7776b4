# make demo, make test: each sets up what it needs. `make lock` after a change of pyproject.toml.
# WORKERS of pytest take whole files; tests also wait, so there may be more than cores.
SHELL := /bin/sh
# many processes are started: each would compile our modules anew
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
READY := .venv/.ready
CODE := labline engine topics schemas lab_replay
WORKERS ?= 3
SIDE_BY_SIDE := --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
PURE := tests/unit tests/property tests/golden labline
CHECKED := $(CODE) tests $(wildcard benchmarks) $(wildcard examples)

.PHONY: help setup demo test quick pytest pure lint types layers errors bench faults chaos lock clean

help:
	@echo "make demo    the main job, start to end, on real flights and a real Kafka"
	@echo "make quick   lint, types, layers and the tests that need no broker: a minute or two"
	@echo "make test    lint, types, layers, all tests"
	@echo "also: setup lint types layers errors bench faults chaos lock clean"

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@rm -f $(READY)
	@if ! test -x $(BIN)/python; then \
	  fit='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'; \
	  for python in python3.13 python3.12 python3.11 python3 python; do \
	    if $$python -c "$$fit" >/dev/null 2>&1; then break; fi; python=; \
	  done; \
	  if test -n "$$python"; then echo "making .venv with $$python" >&2; $$python -m venv .venv; \
	  elif command -v uv >/dev/null 2>&1; then uv venv --quiet --python '>=3.11,<3.14' .venv; \
	  else echo "labline needs Python 3.11 or newer (with venv), or uv" >&2; exit 1; fi; \
	fi
	@uv=uv; if ! command -v uv >/dev/null 2>&1; then \
	  uv=$(BIN)/uv; \
	  sed -n '/^uv==/,/[^\\]$$/p' requirements.lock >.venv/uv.lock && \
	  $(BIN)/python -m pip install --quiet --require-hashes -r .venv/uv.lock || exit 1; \
	fi; \
	$$uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes \
	  -r requirements.lock && \
	$$uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)
	$(BIN)/labline demo

test: lint layers
	@$(MAKE) --no-print-directory -j2 types pytest

quick: lint layers
	@$(MAKE) --no-print-directory -j2 types pure

pytest: $(READY)
	$(BIN)/pytest $(SIDE_BY_SIDE) -m "not chaos"

pure: $(READY)
	HYPOTHESIS_PROFILE=quick $(BIN)/pytest $(SIDE_BY_SIDE) -m "not (broker or chaos or slow)" $(PURE)

lint: $(READY)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

errors: $(READY)
	$(BIN)/python -m labline.engine.errors >docs/errors.md

bench: $(READY)
	$(BIN)/python benchmarks/scorer.py
	$(BIN)/python benchmarks/publish.py
	PYTHONPATH=. $(BIN)/python benchmarks/lab.py

faults: $(READY)
	$(BIN)/python -m tests.faults

chaos: $(READY)
	LABLINE_TESTS_WHOLE=1 $(BIN)/pytest -m "chaos or slice"

lock:
	printf 'hatchling>=1.27\neditables\n' | uv pip compile pyproject.toml - --universal \
	  --all-extras --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  --quiet -o requirements.lock

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +
