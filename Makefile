# make demo, make test: each sets up what it needs. `make lock` after a change of pyproject.toml.
SHELL := /bin/sh
BIN := .venv/bin
READY := .venv/.ready
CODE := labline engine topics schemas lab_replay
CHECKED := $(CODE) tests $(wildcard benchmarks) $(wildcard examples)

.PHONY: help setup demo test lint types layers bench faults chaos lock clean

help:
	@echo "make demo    the main job, start to end, on real flights and a real Kafka"
	@echo "make test    lint, types, layers, tests"
	@echo "also: setup lint types layers bench faults chaos lock clean"

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

test: lint types layers
	$(BIN)/pytest -m "not chaos"

lint: $(READY)
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)

types: $(READY)
	$(BIN)/mypy

layers: $(READY)
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python benchmarks/scorer.py
	$(BIN)/python benchmarks/publish.py
	PYTHONPATH=. $(BIN)/python benchmarks/lab.py

faults: $(READY)
	$(BIN)/python -m tests.faults

chaos: $(READY)
	$(BIN)/pytest -m chaos

lock:
	printf 'hatchling>=1.27\neditables\n' | uv pip compile pyproject.toml - --universal \
	  --all-extras --generate-hashes --no-emit-index-url --no-header --python-version 3.11 \
	  --quiet -o requirements.lock

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +
