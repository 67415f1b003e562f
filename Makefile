# Two commands set everything up: `make demo` and `make test`. PYTHON may name any Python >= 3.11.
# Both install what constraints.txt pins: the versions that were tested.
PYTHON ?= python3
SECONDS ?= 180
BIN := .venv/bin
PIP := python -m pip --quiet --disable-pip-version-check install
PYTEST := python -m pytest --numprocesses auto --dist worksteal
FOLDERS := cache descriptors segmenter pipelines tests

.PHONY: demo test test-fast test-long check fuzz wheel constraints newest lowest clean

demo: .venv/.demo
	$(BIN)/python -m langseg.pipelines.demo

# All that a change must pass.
test: .venv/.dev
	$(BIN)/$(PYTEST) -m "not long"
	@echo "make test-long last ran: $$(tail -n 1 tests/long_runs.md)"

# A cut through all rooms, within a minute.
test-fast: .venv/.dev
	$(BIN)/$(PYTEST) -m "not slow and not long"

# Minutes of kills, random seeds, fuzzing and a real vLLM: by hand, before an issue is called done.
test-long: .venv/.dev
	PYTHON=$(PYTHON) .ci/long

check: .venv/.dev
	$(BIN)/ruff format --check $(FOLDERS)
	$(BIN)/ruff check $(FOLDERS)
	$(BIN)/mypy
	PYTHONPATH=.typing $(BIN)/lint-imports

# For SECONDS each: what an LLM may reply, and what a class list may say.
fuzz: .venv/.dev
	$(BIN)/python tests/fuzz/fuzz_validate.py --seconds $(SECONDS)
	$(BIN)/python tests/fuzz/fuzz_template_data.py --seconds $(SECONDS)

# The wheel is built through the sdist (a wheel from the tree may ship deleted modules), installed
# in an empty environment and used from another folder.
wheel: .venv/.dev
	PYTHON=$(PYTHON) BUILDER=$(CURDIR)/$(BIN)/python sh .ci/wheel

# Pin the newest allowed version of everything: what `make demo` and `make test` install from then on.
constraints:
	PYTHON=$(PYTHON) .ci/constraints

# The fast tests with the newest allowed versions: a new release is met here first.
newest:
	rm -rf .venv-newest
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/$(PIP) -e '.[dev]'
	.venv-newest/bin/$(PYTEST) -m "not slow and not long"

# The fast tests with the lowest versions that pyproject.toml allows: before a release.
lowest:
	rm -rf .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python .ci/lowest >.venv-lowest/constraints.txt
	.venv-lowest/bin/$(PIP) -c .venv-lowest/constraints.txt -e '.[dev]'
	.venv-lowest/bin/$(PYTEST) -m "not slow and not long"

clean:
	rm -rf .venv .venv-newest .venv-lowest build dist *.egg-info

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "LangSeg needs Python 3.11 or newer; try make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv

.venv/.demo: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/$(PIP) -c constraints.txt -e '.[offline]'
	touch $@

.venv/.dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/$(PIP) -c constraints.txt -e '.[dev]'
	touch $@ .venv/.demo
