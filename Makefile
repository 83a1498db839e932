# Every target sets up what it needs. PYTHON and VENV can be given: make test VENV=/somewhere/else
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test slow check docs bench clean

# One stamp per set of extras, so that the demo does not wait for the tools of the tests.
$(VENV)/.%: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$*]"
	touch $@

demo: $(VENV)/.demo  ## the 20-epoch experiment on real data
	$(BIN)/samerun demo

test: $(VENV)/.dev  ## everything but the slow tests
	$(BIN)/python -m pytest

slow: $(VENV)/.dev  ## the slow tests, and the import rules
	$(BIN)/python -m pytest -m "slow or imports"

check: $(VENV)/.dev  ## lint, formatting, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.dev  ## the site, in docs/_build/html; warnings are errors
	$(BIN)/sphinx-build --fail-on-warning --nitpicky --keep-going -q docs docs/_build/html

bench: $(VENV)/.dev  ## one table of ratios
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist docs/_build samerun-demo .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
