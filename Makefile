# make demo    set everything up in .venv, migrate a real service and show the report
# make test    what CI runs
# make help    the rest
#
# Needs Python 3.11 or newer with venv, and git. PYTHON=... chooses an interpreter.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
UV := uv==0.13.9
COMPILE = .cache/uv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate
ORDERS := fixtures/flask-orders

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint lock parts wheel python clean

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.runtime ## migrate fixtures/flask-orders and show the report
	SECRET_KEY=$$($(BIN)/python -c 'import secrets; print(secrets.token_hex(32))') \
	$(BIN)/dock2wasm migrate $(ORDERS) --probes $(ORDERS)/probes.yaml --recording $(ORDERS)/recording.json --env SECRET_KEY

test: lint ## everything that CI runs; the last line is pytest's
	$(BIN)/python -m pytest

lint: $(VENV)/.dev ## format, style, types, borders between packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-all: $(VENV)/.dev ## everything, nothing cached; writes docs/test-all.md
	.ci/test-all $(BIN)

parts: $(VENV)/.dev ## build the libraries of the Python lane from C, compare with the committed hashes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --upgrade \
		--target .cache/parts -r migrate/wheels/requirements.txt
	PYTHONPATH=.cache/parts $(BIN)/python templates/lanes/python/native/build.py

wheel: $(VENV)/.dev ## build dist/dock2wasm-*.whl
	$(BIN)/python -m build --wheel --outdir dist

lock: .cache/uv/bin/uv ## write the lock files anew (PyPI decides: review the change)
	$(COMPILE) --upgrade --extra runtime --output-file requirements.lock pyproject.toml
	$(COMPILE) --upgrade --extra runtime --extra dev --constraints requirements.lock \
		--output-file requirements-dev.lock pyproject.toml

clean: ## remove what was made, the environment included
	rm -rf $(VENV) .cache dist fixtures/*/wasm

python:
	@[ -n "$(PYTHON)" ] || { echo "No Python 3.11 or newer with venv was found." >&2; \
		echo "  do: sudo apt-get install -y python3 python3-venv   (or: make PYTHON=/path/to/python3)" >&2; exit 1; }

$(BIN)/python: | python
	$(PYTHON) -m venv $(VENV)

# Exact versions with hashes first; then dock2wasm itself, without looking for anything more.
$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@ $(VENV)/.runtime

.cache/uv/bin/uv: | python
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/pip install --quiet --disable-pip-version-check $(UV)
