# Two commands do all the set-up on a machine with Python 3.11 and make:
#   make demo    installs and runs the demo
#   make test    installs and runs the checks and the tests
PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?= -c constraints-cpu.txt
BIN := $(VENV)/bin

.PHONY: demo test coverage check notebooks install install-dev clean help

help:
	@echo "make demo   install, then crawl in, small model out (1 to 2 minutes, offline)"
	@echo "make test   install, then all checks and tests (a quarter of an hour)"
	@echo "make coverage   the tests once more, with the lines they miss"
	@echo "make clean  remove the virtual environment and the demo's output"

demo: $(VENV)/.installed
	$(BIN)/gristmill demo --out demo-out

test: $(VENV)/.installed-dev check
	$(BIN)/python -m pytest -q

coverage: $(VENV)/.installed-dev
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest -q
	$(BIN)/python -m coverage report --skip-covered --sort=cover

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints-cpu.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q $(PIP_ARGS) -e '.[train,dashboard]'
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints-cpu.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q $(PIP_ARGS) -e '.[train,dashboard,notebooks,dev]'
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) demo-out
