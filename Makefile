# `make run` opens JupyterLab with the chat panel, `make test` passes all tests; `make help` lists the rest.

PYTHON ?= python3
SHELL := /bin/bash
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD := 1

FRONT_END := $(shell find labextension 2>/dev/null -type f \( -path '*/src/*' -o -path '*/style/*' -o -path '*/schema/*' \
	-o -path '*/scripts/*' \) -not -path '*/node_modules/*') $(wildcard labextension/tsconfig*.json)
NPM := npm --prefix labextension
PYTEST ?= python -m pytest
# Many tests wait for other processes, so two at a time; the tests of a file share its servers, and stay together.
PYTEST_ARGS ?= --numprocesses 2 --dist loadfile --no-loadscope-reorder
as_root := $(if $(filter 0,$(shell id -u)),--allow-root)
no_browser := $(if $(DISPLAY)$(WAYLAND_DISPLAY)$(filter Darwin,$(shell uname)),,--no-browser)
LAB_ARGS ?= $(as_root) $(no_browser)

.DELETE_ON_ERROR:
.PHONY: help run dev install build test lint format typecheck pytest unit-js ui-test test-containers ollama helm bench docs dist upgrade clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/|/' | awk -F '|' '{ printf "%-10s%s\n", $$1, $$2 }'

run: build  ## open JupyterLab with the chat panel
	jupyter lab $(LAB_ARGS)

dev: build  ## the same, reloading both ends on change
	scripts/dev.sh $(LAB_ARGS)

# --- what is installed and built, each once ---------------------------------------------------------------------------

install: .make/python .make/npm  ## everything that development needs, in .venv and labextension/node_modules

build: .make/lab  ## the front end, and its place in JupyterLab

.make/venv:
	scripts/install-debian.sh run
	@mkdir -p .make
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	touch $@

# The build's own tools come first, pinned; then the package, and then what it needs for development. A link that
# `develop` made goes before, or pip would remove the built front end through it.
.make/python: .make/venv pyproject.toml constraints.txt labextension/package.json
	python -m pip install --quiet --constraint constraints.txt editables hatchling hatch-jupyter-builder hatch-nodejs-version
	rm -rf .venv/share/jupyter/labextensions/jupyterlab-aichat
	SKIP_JUPYTER_BUILDER=1 python -m pip install --quiet --no-deps --no-build-isolation --editable .
	python -m pip install --quiet --constraint constraints.txt 'jupyterlab-aichat[dev]'
	touch $@

.make/npm: labextension/package.json labextension/package-lock.json
	@command -v npm >/dev/null || { echo 'Node.js 20 or newer, with npm, is needed to build the front end'; exit 69; }
	@mkdir -p .make
	$(NPM) ci --no-audit --no-fund
	touch $@

.make/front-end: .make/python .make/npm labextension/package.json $(FRONT_END)
	$(NPM) run build
	touch $@

.make/lab: .make/front-end
	jupyter-builder develop --overwrite .
	touch $@

.make/test-system:
	scripts/install-debian.sh test
	@mkdir -p .make
	touch $@

.make/hub-proxy: tests/hub/package.json tests/hub/package-lock.json
	@mkdir -p .make
	npm --prefix tests/hub ci --no-audit --no-fund --ignore-scripts
	touch $@

# --- what is checked --------------------------------------------------------------------------------------------------

test: lint typecheck unit-js ui-test pytest  ## all checks and tests

lint: install  ## style, import contracts, spelling
	ruff check .
	ruff format --check .
	lint-imports --no-logo
	codespell
	$(NPM) run --if-present lint

format: install  ## put all files into their form
	ruff check --fix .
	ruff format .
	$(NPM) run --if-present format

typecheck: install  ## mypy and tsc, both strict
	mypy
	cd labextension && node_modules/.bin/tsc --noEmit

unit-js: install  ## the front end's unit tests
	$(NPM) test

ui-test: build .make/test-system  ## the front end in Chromium, in a real JupyterLab
	$(NPM) run test:e2e

# Without caret ranges in tracebacks: to find them Python 3.11 parses source, and where the garbage collector reports an
# exception while pytest itself parses, that ends the whole run (https://github.com/python/cpython/issues/106905).
pytest: export PYTHONNODEBUGRANGES := 1
pytest: build .make/test-system .make/hub-proxy  ## the Python tests
	$(PYTEST) $(PYTEST_ARGS)

test-containers: build .make/test-system  ## docker-compose.yml, built and run for real by podman (as root; minutes)
	scripts/install-debian.sh containers
	AICHAT_TEST_CONTAINERS=1 $(PYTEST) tests/deploy/test_containers.py

ollama:  ## build the real Ollama that the tests ask (5 minutes, once; needs Go 1.24+)
	tests/ollama/install.sh

helm:  ## build the real Helm that renders the chart in tests (2 minutes, once; needs Go 1.24+)
	tests/deploy/install-helm.sh

# --- the rest ---------------------------------------------------------------------------------------------------------

bench: build  ## what we promise, measured
	python -m benchmarks.provider
	python -m benchmarks.relay

docs: install  ## generate what docs/ and the front end take from the code
	python -m scripts.generate

dist: build  ## wheel and source distribution, in dist/
	python -m build --no-isolation

upgrade: install  ## newest versions that pyproject.toml allows, into constraints.txt
	python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[dev]'
	( sed -n 1p constraints.txt; python -m pip list --format freeze --exclude-editable | grep -viE '^(pip|setuptools)==' ) > .make/new
	mv .make/new constraints.txt

clean:  ## remove everything that was made here, installed packages included
	rm -rf .make .venv build dist jupyter_aichat/{labextension,static,_version.py} labextension/{node_modules,lib,dist} tests/hub/node_modules
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis labextension/*.tsbuildinfo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
