# Every target does its own set-up; `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

HOST ?= $(or $(DIGITS_HOST),127.0.0.1)
PORT ?= $(or $(DIGITS_PORT),8000)
RECIPE ?= default
FUZZ_SECONDS ?= 3600
PYTHON ?= python3

SERVE := .venv/serve/bin
DEV := .venv/dev/bin
# Marks a virtual environment as complete for the lock file it was made from.
SERVE_READY := .venv/serve/.ready
DEV_READY := .venv/dev/.ready

.PHONY: help serve train rows rollback evaluate compare compile test fuzz bench bench-bulk stress soak audit check format openapi lock docker docker-train sbom clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

serve: $(SERVE_READY) ## run the service (HOST, PORT; settings: DIGITS_...)
	DIGITS_HOST=$(HOST) DIGITS_PORT=$(PORT) exec $(SERVE)/python -m app.main

train: $(DEV_READY) ## train and publish a model (RECIPE=default|paper|smoke, MNIST=path, FORCE=1, KEEP=versions, KEEP_ROWS=1, FEEDBACK=url)
	$(DEV)/python -m model_training train --recipe $(RECIPE) $(if $(MNIST),--mnist $(MNIST)) $(if $(FORCE),--force) \
		$(if $(KEEP),--keep $(KEEP)) $(if $(KEEP_ROWS),--keep-rows) $(if $(FEEDBACK),--feedback '$(FEEDBACK)')

rollback: $(SERVE_READY) ## publish the version before again (RECIPE, VERSION=another one)
	$(SERVE)/python -m app.cli rollback artifacts/$(RECIPE) $(if $(VERSION),--to $(VERSION))

rows: $(DEV_READY) ## train the network for whole rows alone, and publish the model anew with it (RECIPE, MNIST=path, KEEP=versions)
	$(DEV)/python -m model_training rows --recipe $(RECIPE) $(if $(MNIST),--mnist $(MNIST)) $(if $(KEEP),--keep $(KEEP))

evaluate: $(DEV_READY) ## measure the published model (RECIPE, MNIST=path, REAL=folder of SET/LABEL/FILE, RECORD=1 to keep figures and the reference for drift)
	$(DEV)/python -m model_training evaluate --model artifacts/$(RECIPE) $(if $(MNIST),--mnist $(MNIST)) $(if $(REAL),--real $(REAL)) $(if $(RECORD),--record)

compare: $(DEV_READY) ## compare the published models with classical methods; takes minutes (MNIST=path, REAL=folder)
	$(DEV)/python -m model_training compare $(if $(MNIST),--mnist $(MNIST)) $(if $(REAL),--real $(REAL))

compile: $(DEV_READY) ## publish a saved Keras model of your own with its compiled twin (MODEL=path.keras, NAME=custom)
	$(DEV)/python -m model_training compile $(MODEL) $(if $(NAME),--name $(NAME))

# A file's tests share servers and models, and stay together; each process takes a gigabyte of memory.
test: $(DEV_READY) ## run the tests (ARGS for pytest)
	$(DEV)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

fuzz: $(DEV_READY) ## feed broken pictures, bodies and requests to everything that reads them; Linux on x86 only (FUZZ_SECONDS=3600, ONLY="png http")
	$(DEV)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --upgrade \
		--target build/fuzz/atheris --requirement tests/fuzz/requirements.txt
	PYTHONPATH=build/fuzz/atheris $(DEV)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(if $(ONLY),--only $(ONLY))

bench: $(DEV_READY) $(SERVE_READY) ## compare with other ways to serve the model; takes a quarter of an hour (QUICK=1, ONLY=litserve,ceiling)
	$(DEV)/python -m tests.benchmarks $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))
	$(DEV)/python -m tests.deploy

bench-bulk: $(DEV_READY) ## compare `digits bulk` with a loop in one process; takes three minutes
	$(DEV)/python -m tests.benchmarks.bulk

stress: $(DEV_READY) ## overload it and restart it under load; takes five minutes
	$(DEV)/python -m tests.benchmarks.overload
	STRESS=1 $(DEV)/python -m pytest --no-cov tests/system/test_overload.py tests/system/test_shutdown.py

soak: $(DEV_READY) ## an hour of mixed requests while versions change and processes end (SECONDS=300 for less, reported in build/soak)
	$(DEV)/python -m tests.soak $(if $(SECONDS),--seconds $(SECONDS),--results tests/soak/results)

audit: $(DEV_READY) ## look for known vulnerabilities in the locked dependencies; asks the advisory service OSV
	$(DEV)/python -m tests.audit

check: $(DEV_READY) ## format, lint and types
	$(DEV)/ruff format --check .
	$(DEV)/ruff check .
	$(DEV)/mypy

format: $(DEV_READY) ## bring the code into its format
	$(DEV)/ruff format .
	$(DEV)/ruff check --fix .

openapi: $(DEV_READY) ## write app/openapi.json, the document of the interface
	$(DEV)/python -m tests.contract

lock: $(DEV_READY) ## resolve the dependencies of pyproject.toml anew (UPGRADE=1)
	$(DEV)/uv pip compile pyproject.toml $(LOCK_FLAGS) --extra feedback -o requirements.txt
	$(DEV)/uv pip compile pyproject.toml $(LOCK_FLAGS) --extra train --extra feedback -o requirements-train.txt
	$(DEV)/uv pip compile pyproject.toml $(LOCK_FLAGS) --extra train --extra tracking --extra tracing --extra feedback --extra client --extra ray --group dev -o requirements-dev.txt
	$(DEV)/uv pip compile tests/fuzz/requirements.in $(LOCK_FLAGS) --python-version 3.11 -o tests/fuzz/requirements.txt
	for lock in $(BENCH)/*.in; do \
		[ $$lock = $(BENCH)/common.in ] || \
			$(DEV)/uv pip compile $$lock $(LOCK_FLAGS) --python-version 3.11 -o $${lock%.in}.txt || exit 1; \
	done
BENCH := tests/benchmarks/requirements
LOCK_FLAGS := --quiet --universal --generate-hashes --no-header --no-annotate $(if $(UPGRADE),--upgrade)

docker: ## build the image of the service; shows its size by layer
	docker build --tag digits .
	docker history --format 'table {{.Size}}\t{{.CreatedBy}}' digits

docker-train: ## train in a container; the model lands in artifacts/ (RECIPE, MNIST, FORCE)
	docker build --target train --tag digits-train .
	docker run --rm --user "$$(id -u):$$(id -g)" --volume "$(CURDIR)/artifacts:/srv/artifacts" \
		$(if $(MNIST),--volume "$(abspath $(MNIST)):/mnist/$(notdir $(MNIST)):ro") \
		digits-train train --recipe $(RECIPE) $(if $(MNIST),--mnist /mnist/$(notdir $(MNIST))) $(if $(FORCE),--force)

sbom: $(DEV_READY) ## write build/sbom.json: what the image's Python holds (CycloneDX); shows its size by package
	$(DEV)/uv venv --quiet --clear --python "$$(command -v $(PYTHON))" build/sbom
	$(DEV)/uv pip sync --quiet --no-config --require-hashes --python build/sbom requirements.txt
	$(DEV)/python deploy/prune.py build/sbom
	$(DEV)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file build/sbom.json \
		build/sbom/bin/python

clean: ## remove the virtual environments and caches
	rm -rf .venv .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build

$(SERVE_READY): requirements.txt
	@$(call environment,.venv/serve,requirements.txt)

$(DEV_READY): requirements-dev.txt
	@$(call environment,.venv/dev,requirements-dev.txt)

define environment
	set -euo pipefail; \
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ..." >&2; exit 1; }; \
	echo "Setting up $(1) from $(2) ..."; \
	$(PYTHON) -m venv --clear $(1); \
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement $(2); \
	touch $(1)/.ready
endef
