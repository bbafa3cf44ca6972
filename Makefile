# Everything sets itself up: a virtual environment in .venv, made once and brought up to date when pyproject.toml changes.
#
#   make demo     train a small network, log it, read the log back through the API, compare byte for byte
#   make test     the tests, after installing the clients that are tried (make clients) into .venv-clients
#   make check    formatting, lint, types, tests
#   make bench    the benchmarks (BENCH_FLAGS=--help lists what can be chosen)
#   make clean    remove what the above have made

PYTHON ?= python3
# Tests wait as much as they compute: three at a time, also where there are two processors.
PYTEST_FLAGS ?= --numprocesses=3 --dist=loadfile
BENCH_FLAGS ?=

PIP = .venv/bin/python -m pip --quiet --disable-pip-version-check

.PHONY: demo test clients check lint bench clean
.DELETE_ON_ERROR:

demo: .venv/demo.stamp
	bash examples/demo.sh

test: .venv/dev.stamp clients
	.venv/bin/python -m pytest $(PYTEST_FLAGS)

# The programs that are tried against joblog, each in an environment of its own. Without a registry their tests are skipped,
# which CI does not let pass.
clients: $(patsubst tests/clients/environments/%.txt,.venv-clients/%/stamp,$(wildcard tests/clients/environments/*.txt))

.venv-clients/%/stamp: tests/clients/environments/%.txt .venv/bin/python
	@echo "installing $$(tr '\n' ' ' < $<)into $(@D)"
	@rm -rf $(@D) && .venv/bin/python -m venv --without-pip $(@D)
	@if $(PIP) --python $(@D)/bin/python install --no-compile --requirement $<; then touch $@; \
	  else echo "$(@D): not installed, its tests are skipped" >&2; rm -rf $(@D); fi

check: lint test

lint: .venv/dev.stamp
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	@if command -v tsc >/dev/null; then tsc -p tests/ui/tsconfig.json; else echo "tsc is not installed: the viewer's types are not checked"; fi

bench: .venv/dev.stamp
	.venv/bin/python -m bench $(BENCH_FLAGS)

clean:
	rm -rf .venv .venv-clients .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# dev and demo, each with its own stamp: make test does not need what only the demo uses.
.venv/%.stamp: pyproject.toml .venv/bin/python
	@echo "installing joblog[$*] into .venv"
	@$(PIP) install --editable '.[$*]'
	@touch $@

# Debian ships Python without ensurepip until python3-venv is installed: a venv made then has no pip.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "joblog needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing Debian's python3-venv"; \
	    apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes python3-venv >/dev/null; \
	  else \
	    echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; \
	  fi
	@echo "making .venv"
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
