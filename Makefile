# make run   starts the server, make test   checks everything; both install what they need into .venv.
VENV := .venv
PYTHON ?= python3

.PHONY: test
test: $(VENV)/.test
	$(VENV)/bin/pytest -q $(PYTEST_ARGS)

$(VENV)/.test: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q -e '.[test]'
	touch $@
