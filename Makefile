# What a developer types. Every target makes what it needs, with nothing but Python >= 3.11
# and pip's own settings; a stamp in .venv says what is already there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --retries 10 --timeout 60
RELEASE_CHECK := $(BIN)/python -m tools.release_check
# Past `make lock LOCK_FLAGS=--upgrade` nothing moves a version.
LOCK_FLAGS ?=
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet $(LOCK_FLAGS)

# What one system alone has stands behind a question for it, or its name is unknown elsewhere.
ELSEWHERE := $(BIN)/mypy src --no-warn-unreachable

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: demo test check bench sim soak lock release-check deploy-check clean help

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.runtime  ## Three stations on this machine, and a real transfer
	$(BIN)/meshdl demo

test: $(VENV)/.test  ## All tests, those on real parts too
	@tools/install-system-packages
	tools/run-tests $(BIN)/python

check: $(VENV)/.check  ## Lint, format, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(ELSEWHERE) --platform win32 --cache-dir .mypy_cache/win32
	$(ELSEWHERE) --platform darwin --cache-dir .mypy_cache/darwin
	$(BIN)/lint-imports

bench: $(VENV)/.bench  ## Every figure that a document may cite, in one run
	@tools/install-system-packages
	$(BIN)/python -m bench

sim: $(VENV)/.test  ## Only the simulated swarms and disks, with ten times the examples (minutes)
	tools/run-tests $(BIN)/python tests/simulation --hypothesis-profile=sim --timeout=900 \
		-o faulthandler_timeout=890

soak: $(VENV)/.test  ## The same and the codecs, with a hundred times the examples (an hour)
	tools/run-tests $(BIN)/python tests/simulation tests/unit --hypothesis-profile=soak --timeout=1800 \
		-o faulthandler_timeout=1790
	$(BIN)/python -m pytest tests/real/test_radio_dire_wolf.py --hypothesis-profile=soak \
		-o faulthandler_timeout=1490 -rP

lock: $(VENV)/.check  ## Write requirements/*.txt anew from pyproject.toml
	$(LOCK) pyproject.toml --output-file requirements/runtime.txt
	$(LOCK) pyproject.toml --extra redis --output-file requirements/signal.txt
	$(LOCK) --group build --output-file requirements/build.txt
	$(LOCK) pyproject.toml --group test --output-file requirements/test.txt
	$(LOCK) pyproject.toml --group check --output-file requirements/check.txt
	$(LOCK) pyproject.toml --group bench --output-file requirements/bench.txt

release-check: $(VENV)/.check  ## Build, install the wheel elsewhere, prove wheels for all platforms
	$(RELEASE_CHECK)

deploy-check: $(VENV)/.runtime  ## Follow the guides to the systemd units, under a real systemd
	@tools/deploy-check $(BIN)/python

clean:  ## Remove everything that is not the project's own
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests bench tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "meshdl needs Python >= 3.11; name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { \
		echo "Python has no venv module; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

# The build back end first and on its own, so that the editable install downloads nothing
# that is not locked.
$(VENV)/.runtime: $(VENV)/.python requirements/build.txt requirements/runtime.txt pyproject.toml
	$(PIP) install --require-hashes -r requirements/build.txt
	$(PIP) install --require-hashes -r requirements/runtime.txt
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test $(VENV)/.check $(VENV)/.bench: $(VENV)/.%: $(VENV)/.runtime requirements/%.txt
	$(PIP) install --require-hashes -r requirements/$*.txt
	@touch $@
