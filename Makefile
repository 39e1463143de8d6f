# make demo   install what is needed and run the pipeline on the example data, offline
# make test   install what the tests need too, and pass them
# make install-blind   index files of the whole sky, for fields above 1 degree without pointing
# make install, make lint, make coverage, make bench, make clean: their parts and more

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXAMPLE := example_data/vatt4k
DEMO := demo
DOORS := $(wildcard pp_*.py pptool_*.py toolbox.py catalog.py diagnostics.py)

# after the clone was moved, or Python was renewed, what we installed does not start any more
STALE := $(shell [ ! -e $(VENV)/.installed ] || $(BIN)/pip --version >/dev/null 2>&1 \
    || rm -f $(VENV)/.installed $(VENV)/.installed-tests $(BIN)/python)

.PHONY: install install-blind install-tests demo test pass coverage lint style types bench clean

install: $(VENV)/.installed
	@echo "Installed. Type 'source $(BIN)/activate' and then, for example, 'pp_doctor'."

install-tests: $(VENV)/.installed-tests

install-blind:
	@tools/install_blind.sh

$(VENV)/bin/python:
	@PYTHON=$(PYTHON) tools/install_system.sh
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Photometry Pipeline needs Python 3.11 or newer; name one: make PYTHON=python3.12")'
	$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	@PYTHON=$(PYTHON) tools/install_system.sh
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@for door in $(DOORS); do ln -sf ../../$$door $(BIN)/$$door; done
	@touch $@

# the programs of the tests first, so that all that is missing is told at once
$(VENV)/.installed-tests: pyproject.toml
	@PYTHON=$(PYTHON) tools/install_system.sh tests
	@$(MAKE) -s --no-print-directory $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@for door in $(DOORS); do ln -sf ../../$$door $(BIN)/$$door; done
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed
	@BIN=$(BIN) EXAMPLE=$(EXAMPLE) DEMO=$(DEMO) tools/demo.sh

# types are checked beside the tests: one process, which without a cache takes half a minute
test: $(VENV)/.installed-tests style
	@$(MAKE) --no-print-directory -j 2 types pass

# the tests start hundreds of commands, which would compile the package anew without bytecode; on
# two cores a third process works while others wait: a twelfth less by the clock
pass: $(VENV)/.installed-tests
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n 3 --dist worksteal

# the same, and which lines no test has run; a third slower
coverage: $(VENV)/.installed-tests
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered -n 2 --dist worksteal

lint: style types

style: $(VENV)/.installed-tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell

types: $(VENV)/.installed-tests
	$(BIN)/mypy

bench: $(VENV)/.installed-tests
	@for each in help_speed matching prepare_speed extract_speed period stacks targets report accuracy speed fault_matrix; do \
	    echo "== $$each"; $(BIN)/python benchmarks/$$each.py || exit 1; done

clean:
	rm -rf $(DEMO) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
