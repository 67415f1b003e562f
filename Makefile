# Two commands set everything up: `make demo` and `make test`. PYTHON may name any Python >= 3.11.
PYTHON ?= python3
SECONDS ?= 180
BIN := .venv/bin
FOLDERS := cache descriptors segmenter pipelines tests

.PHONY: demo test check fuzz wheel clean

demo: .venv/.demo
	$(BIN)/python -m langseg.pipelines.demo

test: .venv/.dev
	$(BIN)/python -m pytest

check: .venv/.dev
	$(BIN)/ruff format --check $(FOLDERS)
	$(BIN)/ruff check $(FOLDERS)
	$(BIN)/mypy
	$(BIN)/lint-imports

# For SECONDS each: what an LLM may reply, and what a class list may say.
fuzz: .venv/.dev
	$(BIN)/python tests/fuzz/fuzz_validate.py --seconds $(SECONDS)
	$(BIN)/python tests/fuzz/fuzz_template_data.py --seconds $(SECONDS)

# The wheel is built through the sdist (a wheel from the tree may ship deleted modules), installed
# in an empty environment and used from another folder.
wheel: .venv/.dev
	PYTHON=$(PYTHON) BUILDER=$(CURDIR)/$(BIN)/python sh .ci/wheel

clean:
	rm -rf .venv build dist *.egg-info

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "LangSeg needs Python 3.11 or newer; try make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[offline]'
	touch $@

.venv/.dev: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@ .venv/.demo
