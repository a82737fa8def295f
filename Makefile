# Every target sets itself up in .venv; the machine brings Python 3.11-3.14, pip and make.
# All paths are relative, so that the project may lie in a folder with spaces.

LEVEL = quick
ARGS =
WORKERS = $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
UV_VERSION = 0.13.8

PY := .venv/bin/python
export PIP_USER := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME

# Threads of linear algebra that wait for each other are slow beside the workers of a simulation.
export OPENBLAS_NUM_THREADS := 1

# Compiled simulations are kept beside the libraries they were compiled with, for this machine.
export JAX_COMPILATION_CACHE_DIR := $(CURDIR)/.venv/compiled
export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS := 0.3
export JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES := -1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help verify figures test test-slow lint docs bench lock clean distclean FORCE

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1|/p' Makefile | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo "Options: ARGS='...' goes to the command; LEVEL=quick|full; WORKERS=N processes, else all cores;"
	@echo "         PYTHON=python3.12 is what a new .venv is made from."

# ---- set-up -----------------------------------------------------------------------------------
# A stamp is named after the contents of the lock and of pyproject.toml and after the folder: times
# mean nothing in a fresh clone, and a moved folder must be installed again. requirements-dev.lock
# holds all of requirements.lock, so an environment for development also serves `make verify`.
# requirements-nt.lock holds neural-tangents, without what its metadata ask for (tensorflow).

INPUTS = requirements-nt.lock pyproject.toml
stamp = .venv/ready-$(1)-$(shell { pwd -P; cat $(2) $(INPUTS); } | cksum | cut -d ' ' -f 1)
DEV := $(call stamp,dev,requirements-dev.lock)
RUN := $(or $(wildcard $(DEV)),$(call stamp,run,requirements.lock))

# An environment whose Python has gone is made again whatever its stamp says.
$(sort $(DEV) $(RUN)): $(if $(wildcard $(PY)),,FORCE)
	@PYTHON='$(PYTHON)' sh .ci/setup requirements$(if $(findstring ready-dev,$@),-dev).lock
	@touch $@

# ---- what users do ----------------------------------------------------------------------------

verify: $(RUN) ## check every claim; LEVEL=full for the heavy versions; ARGS='depth_limit --seed 7'
	@$(PY) -m paper_checks run --level $(LEVEL) --workers $(WORKERS) $(ARGS)

figures: $(RUN) ## draw the figures; ARGS=depth_limit for one subject
	@$(PY) -m figures $(ARGS)

# ---- what developers do -----------------------------------------------------------------------

SPREAD = $(if $(filter 1,$(WORKERS)),,-n $(WORKERS) --dist loadfile)

test: $(DEV) ## run the fast tests; ARGS='tests/test_x.py -k name'
	@$(PY) -m pytest -m 'not slow' $(SPREAD) $(ARGS)

test-slow: $(DEV) ## run the slow tests
	@$(PY) -m pytest -m slow $(SPREAD) $(ARGS)

lint: $(DEV) ## check style, format and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

docs: $(DEV) ## build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs --quiet build --strict
	@echo 'Wrote site/index.html'

bench: $(DEV) ## time the package against the alternatives
	@set -e; for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(PY) "$$file" $(ARGS); done

lock: $(DEV) ## resolve the lock files again; ARGS=--upgrade for the newest versions
	@$(PY) -m uv --version >/dev/null 2>&1 || $(PY) -m pip install -q uv==$(UV_VERSION)
	@$(RESOLVE) --group build pyproject.toml -o requirements.lock $(ARGS)
	@$(RESOLVE) --group build --extra dev -c requirements.lock pyproject.toml \
		-o requirements-dev.lock $(ARGS)
	@$(RESOLVE) --group nt --no-deps -o requirements-nt.lock $(ARGS)

# One version of each package for all Pythons where that is possible, and wheels only.
RESOLVE = $(PY) -m uv pip compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest --no-build --generate-hashes --no-annotate \
	--custom-compile-command 'make lock'

clean: ## remove caches, built documentation and packages; results in runs/ stay
	@rm -rf site dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## also remove .venv
	@rm -rf .venv
