# make all            set up and run the workflow with the default configuration
# make setup          set up .venv only: CPython 3.11 and pinned packages
# make predict        set up and predict meshes of the photos in examples/ with the packaged model
# make test           set up and run every check and every test
# make lint           set up and run the checks only
# make docs           set up and build the documentation site in build/site; warnings are errors
# make clean          remove caches and builds, keep results
# make clean-results  remove results/ and Snakemake's records of them: hours or days of work
SHELL := bash
BIN := .venv/bin

# Containers often set this variable. With it, every job compiles its packages anew, which takes 3 seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: all predict test lint check-style check-workflow check-imports check-types docs setup clean clean-results
.DEFAULT_GOAL := all

all: setup
	@$(BIN)/python tools/stale_lock.py
	$(BIN)/snakemake all

predict: setup
	$(BIN)/shelfnet predict examples --output results/predictions --preview results/predictions/previews

test: lint
	$(BIN)/python -m pytest -n logical --maxprocesses 8 --dist worksteal

lint: setup
	@$(MAKE) --no-print-directory --jobs 2 check-style check-workflow check-imports check-types

check-style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m compileall -q shelfnet workflow tools tests

check-workflow:
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

check-imports:
	$(BIN)/lint-imports

check-types:
	$(BIN)/pyright

docs: setup
	$(BIN)/python -m sphinx --quiet --fresh-env --fail-on-warning --keep-going docs build/site

setup:
	@tools/setup.sh

clean:
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache build docs/api *.egg-info

clean-results:
	rm -rf results .snakemake
