# Every target sets up what it needs. PYTHON and VENV (without spaces) can be given: make test VENV=/somewhere/else
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Two targets at once would install into one environment at once.
.NOTPARALLEL:
.PHONY: help demo lab notebooks test slow gallery verdicts gpu check docs bench clean

help:  ## what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 10

# One stamp per set of extras, so that the demo does not wait for the tools of the tests.
$(VENV)/.%: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "samerun needs Python 3.11 or newer, and $(PYTHON) is %d.%d; name another: make PYTHON=python3.11" % sys.version_info[:2])'
	@echo "installing into $(VENV); the first time takes minutes, because of torch"
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$*]"
	touch $@

demo: $(VENV)/.demo  ## the verdict on a script on real data, as it is and cured, and the 20-epoch experiment
	cd examples/verify && ! $(abspath $(BIN))/samerun verify --quick -- $(abspath $(BIN))/python kaggle_loop.py
	cd examples/verify && $(abspath $(BIN))/samerun verify --quick -- $(abspath $(BIN))/python kaggle_loop_exact.py
	$(BIN)/samerun demo

lab: $(VENV)/.lab  ## every claim about seeds as an experiment, on one page
	$(BIN)/samerun lab

notebooks: $(VENV)/.dev  ## the same experiments as notebooks, in JupyterLab
	$(BIN)/jupyter lab examples/lab

test: $(VENV)/.dev  ## everything but the slow tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

slow: $(VENV)/.dev  ## the slow tests, and the import rules
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "slow or imports"

gallery: $(VENV)/.dev  ## the planted divergences, all of them; takes ten minutes
	$(BIN)/python -m pytest -m gallery

verdicts: $(VENV)/.dev  ## the examples with frameworks, tried out in every scenario; takes half an hour
	$(BIN)/python -m pytest -m verdicts

gpu: $(VENV)/.dev  ## the tests that need a CUDA device
	$(BIN)/python -m pytest -m gpu

check: $(VENV)/.dev  ## lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.dev  ## the site, in docs/_build/html; warnings are errors
	$(BIN)/sphinx-build --fail-on-warning --nitpicky --keep-going -q docs docs/_build/html

bench: $(VENV)/.dev  ## one table of ratios
	$(BIN)/python -m benchmarks

clean:  ## remove everything that was made
	rm -rf $(VENV) build dist docs/_build samerun-demo samerun-lab .mypy_cache .pytest_cache .ruff_cache .samerun_cache .hypothesis .import_linter_cache
