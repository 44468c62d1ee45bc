# The few commands of the project. All need Python 3.11 or newer and make; `make test`, `integration` and `kafka` also a JDK 17 or newer, Maven and Go.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
EXAMPLE ?=
ORDERS := examples/orders/orders.yaml examples/orders -i orders=@examples/orders/orders.csv
ARGS ?=
JOBS ?= auto
# Tests on real services wait more than they compute.
SERVED_JOBS ?= 3
EXECUTIONS ?= 2000
# The tests that are there for the engine and its language: they must take every branch of both.
COVERING := tests/unit/engine tests/unit/expression tests/unit/executor tests/unit/limiter tests/flows/test_conformance.py
# The tests that use real services (tests/services).
SERVED := tests/integration tests/contract
COVERED := --cov=kestra_stream/engine --cov=kestra_stream/expression

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# pip compiles what it installs, but not what it only links to; the first run shall be as quick as the second.
EDITABLE = $(PIP) install --no-deps --no-build-isolation --editable . && $(BIN)/python -m compileall -q kestra_stream
COMPILE := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --no-strip-extras
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help run kafka services test unit integration faults lint fmt coverage bench docs publish-schemas dist lock clean
.DELETE_ON_ERROR:

help:  ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile

run: $(VENV)/.ready  ## set up what is missing and run an example (EXAMPLE=FLOW.yaml ARGS="-i name=value")
	@$(BIN)/kestra-stream run $(or $(EXAMPLE),$(ORDERS)) $(ARGS)

kafka: $(VENV)/.ready-dev  ## install what is missing and run Kafka and an S3-compatible server until Ctrl-C (ARGS="--kafka-port 9092")
	@$(BIN)/python -m tests.services run $(ARGS)

services: $(VENV)/.ready-dev  ## install the services that tests and `make kafka` need
	@$(BIN)/python -m tests.services install

test: lint coverage services  ## set up what is missing, run every check and every test
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(COVERING:%=--ignore=%) $(SERVED:%=--ignore=%)
	$(BIN)/pytest -n $(SERVED_JOBS) --dist loadscope --no-loadscope-reorder --durations=40 $(SERVED)

unit: $(VENV)/.ready-dev  ## run the tests that need no more than a moment
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not slow" tests/unit

integration: services  ## run the tests on real services (they share one broker)
	$(BIN)/pytest -n $(SERVED_JOBS) --dist loadscope --no-loadscope-reorder --durations=40 $(SERVED)

faults: services  ## kill, freeze and replace servers while 2,000 executions run (EXECUTIONS=10000 for more)
	KESTRA_STREAM_TEST_EXECUTIONS=$(EXECUTIONS) $(BIN)/pytest tests/integration/faults -s

lint: $(VENV)/.ready-dev  ## run every check that runs no code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/interrogate kestra_stream
	$(BIN)/mypy
	$(BIN)/pyright

fmt: $(VENV)/.ready-dev  ## format the code and apply the safe fixes
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

coverage: $(VENV)/.ready-dev  ## run the tests of the engine and of expressions, which must take every branch of both
	$(BIN)/pytest -n $(JOBS) --dist worksteal $(COVERING) $(COVERED) --hypothesis-seed=4 --cov-report=term-missing:skip-covered --cov-fail-under=100

bench: $(VENV)/.ready-dev  ## measure; the results go to benchmarks/results (BENCHMARK=expressions for one of them)
	@set -e; for name in $(or $(BENCHMARK),expressions log engine); do $(BIN)/python -m benchmarks.$$name $(ARGS); done

docs: $(VENV)/.ready  ## write the generated pages of docs/ anew
	$(BIN)/python docs/write_topics.py
	$(BIN)/python docs/write_configuration.py
	$(BIN)/python docs/write_schemas.py
	$(BIN)/python docs/write_asyncapi.py

publish-schemas: $(VENV)/.ready  ## write down the schemas of this release, which later ones must be compatible with
	$(BIN)/python docs/write_schemas.py --publish

dist: $(VENV)/.ready  ## build the wheel into dist/
	$(BIN)/hatchling build -t wheel

lock:  ## resolve the dependencies anew (needs uv)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv" >&2; exit 1; }
	$(COMPILE) $(ARGS) --group dev -o requirements-dev.lock
	$(COMPILE) $(ARGS) --group build -c requirements-dev.lock -o requirements.lock

clean:  ## remove everything that these commands have made
	rm -rf $(VENV) .cache/services dist build htmlcov .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is newer than the lock it was made from; the second run of a command sets up nothing.
$(VENV)/.ready: requirements.lock pyproject.toml | $(VENV)/bin/pip
	@echo "Installing kestra_stream into $(VENV) (once) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(EDITABLE)
	@touch $@

$(VENV)/.ready-dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/pip
	@echo "Installing kestra_stream and its tools into $(VENV) (once) ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(EDITABLE)
	@touch $@

$(VENV)/bin/pip:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment: install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
