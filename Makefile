# Two commands do all: `make demo` and `make test`. Both set up .venv from hash-locked requirements.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
PROJECT := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .

.PHONY: demo test fast real lint format bench lock clean

demo: $(VENV)/.ready ## A whole incident, sped up, on real servers
	$(BIN)/plazo demo $(ARGS)

test: lint $(VENV)/.ready-dev ## Everything: fast tests, then those on real servers
	$(BIN)/python -m tests

fast: $(VENV)/.ready-dev ## The tests that start no server
	$(BIN)/python -m tests -m "not real"

real: $(VENV)/.ready-dev ## The tests that start real servers
	$(BIN)/python -m tests -m real

lint: $(VENV)/.ready-dev ## Style, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.ready-dev ## The table behind the README's figures
	$(BIN)/python -m benchmarks

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(INSTALL) -r requirements.txt
	$(PROJECT)
	touch $@

$(VENV)/.ready-dev: requirements-dev.txt pyproject.toml | $(VENV)/bin/python
	$(INSTALL) -r requirements-dev.txt
	$(PROJECT)
	touch $@ $(VENV)/.ready

lock: ## Rewrite both requirement files: hashes, and no registry's name
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --extra embedded --extra build pyproject.toml -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --extra embedded --extra build --extra dev -c requirements.txt \
		pyproject.toml -o requirements-dev.txt

clean:
	rm -rf $(VENV) .hypothesis .mypy_cache .ruff_cache .import_linter_cache
