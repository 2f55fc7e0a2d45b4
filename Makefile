# Two commands on a fresh machine with Python 3.11 or later, git and make: `make demo` and `make test`.
# Both set everything up first, in .venv, from the lock.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := demo
AT_ONCE ?= -n 2 --dist loadfile

export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test check unit lock clean

help:  ## What can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(READY)  ## Install everything into .venv, from the lock

$(READY): requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "sitewatch needs Python 3.11 or later; " \
		+ sys.executable + " is " + sys.version.split()[0] + ". Say which: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r requirements-uv.lock
	$(BIN)/uv pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: setup  ## Run the main job on simulated imagery: no account, no network
	$(BIN)/sitewatch demo $(DEMO)

check: setup  ## Lint, format, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: setup  ## All tests but the slow ones
	$(BIN)/python -m pytest $(AT_ONCE) -m "not slow and not prefect"

test: check  ## All checks and all tests
	$(BIN)/python -m pytest $(AT_ONCE) --cov --cov-report=term:skip-covered --cov-report=xml

lock: $(READY)  ## Resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --extra dev --extra browser --extra parquet --extra postgis --extra zarr --extra ogc --extra scale --extra timestamp \
		--python-version 3.11 \
		--no-header pyproject.toml -o requirements.lock
	echo "uv" | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate - -o requirements-uv.lock

clean:  ## Remove what was installed and made
	rm -rf $(VENV) $(DEMO) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage coverage.xml
