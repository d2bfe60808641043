# Two commands are all a fresh clone needs: `make demo` and `make test`. Both make .venv themselves.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# mypy rejects a folder without Python files
SOURCES := cleaner docs tests $(if $(wildcard benchmarks/*.py),benchmarks)

.PHONY: help demo test lint mypy format docs bench peers evidence clean
.DEFAULT_GOAL := help

help: ## list these targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/' | expand -t 14

# A stamp is newer than pyproject.toml as long as what it asks for is installed.
.venv/installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	@touch $@

.venv/installed-dev: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable '.[dev]'
	@touch .venv/installed $@

.venv/installed-bench: .venv/installed-dev
	$(PIP) --editable '.[bench]'
	@touch $@

demo: .venv/installed ## clean the sample articles and show every change in colour
	rm -rf build/demo
	$(BIN)/cleaner run seeds -o build/demo
	$(BIN)/cleaner diff --no-pager seeds

test: java lint ## everything that must pass: ruff, mypy, pytest
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Spark is tested as it is used, and it needs Java.
.PHONY: java
java:
	@java -version >/dev/null 2>&1 || { echo 'make test wants Java 17 or newer, for Spark: apt-get install openjdk-17-jre-headless' >&2; exit 1; }

lint: .venv/installed-dev ## ruff and mypy only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory mypy

mypy: .venv/installed-dev
	$(BIN)/mypy $(SOURCES)

format: .venv/installed-dev ## sort imports, apply safe fixes, format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/installed-dev ## write the reference, the catalogue, the schema, and the output that documents show
	$(BIN)/python -m docs.generate

bench: .venv/installed-bench peers ## measure speed, also of other tools; BENCH=--quick to see that it works
	$(BIN)/python benchmarks/speed.py $(BENCH)

# Each in an environment of its own: they want versions that do not go together.
PEERS := $(patsubst benchmarks/peers/%.txt,build/peers/%/installed,$(wildcard benchmarks/peers/*.txt))

peers: $(PEERS) ## install the tools to compare with

build/peers/%/installed: benchmarks/peers/%.txt
	test -x build/peers/$*/bin/python || $(PYTHON) -m venv build/peers/$*
	build/peers/$*/bin/python -m pip --disable-pip-version-check install --quiet --requirement $<
	@touch $@

evidence: .venv/installed-dev ## measure the precision of every rule, on the labelled texts that CLEANER_QUALITY names
	$(BIN)/python benchmarks/evidence.py

clean: ## remove .venv and everything built
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
