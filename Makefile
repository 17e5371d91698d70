# Everything a person or CI does with this checkout. `make help` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DATA ?= data
SUITES := unit property contract golden architecture integration simulation powerloss e2e
# Seconds a suite may take before it counts as failed.
BOX_unit := 300
BOX_property := 600
BOX_contract := 600
BOX_golden := 120
BOX_architecture := 200
BOX_integration := 900
BOX_simulation := 900
BOX_powerloss := 500
BOX_e2e := 2400

.PHONY: help setup run cluster test $(addprefix test-,$(SUITES)) test-kafka test-long check format lint types layers bench sim lock publish image clean
.DEFAULT_GOAL := help

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## Make .venv with everything the other targets need

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "GoVault needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "This Python comes without venv. On Debian or Ubuntu: apt-get install $$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; exit 1; }
	@echo "Setting up $(VENV) (once; a minute or so)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

run: $(READY) ## Start a vault from nothing, in ./data, on 127.0.0.1:8080
	@GOVAULT_SERVER__STORAGE_ROOT=$${GOVAULT_SERVER__STORAGE_ROOT:-$(DATA)} exec $(BIN)/govault start

cluster: $(READY) ## Start Apache Kafka and three nodes here (needs Java and Maven), in ./data-cluster
	@exec $(BIN)/python -m deploy.local.cluster

test: $(addprefix test-,$(SUITES)) ## Run every suite, each in its time box
	@echo "All suites passed: $(SUITES)"

$(addprefix test-,$(SUITES)): test-%: $(READY) ## Run one suite, e.g. make test-unit
	@echo "== $* (at most $(BOX_$*) s)"
	@timeout --kill-after=10 $(BOX_$*) $(BIN)/python -m pytest -q -m "not long" tests/$*

test-long: $(READY) ## Run what takes minutes each: links cut in network namespaces, whole clusters stopped, restarted, rebuilt
	@timeout --kill-after=10 2400 $(BIN)/python -m pytest -q -m long tests/e2e

check: $(READY) format lint types layers ## Format, lint, types, layers and the fast tests: about a minute
	@timeout 240 $(BIN)/python -m pytest -q -m "not slow" tests/unit tests/golden tests/architecture

format: $(READY)
	@$(BIN)/ruff format --check --quiet . || { echo "Run: $(BIN)/ruff format ."; exit 1; }

lint: $(READY)
	@$(BIN)/ruff check --quiet .

types: $(READY)
	@$(BIN)/mypy --no-error-summary

layers: $(READY)
	@$(BIN)/lint-imports --no-logo > .import-linter.out 2>&1 || { cat .import-linter.out; exit 1; }
	@rm -f .import-linter.out

test-kafka: $(READY) ## Run the suites of a whole node once more, on Apache Kafka (needs Java and Maven)
	@echo "== a node on Apache Kafka (at most 600 s)"
	@TEST_KILLS=$${TEST_KILLS:-6} timeout --kill-after=10 600 $(BIN)/python -m tests.kafka.suite -q -m "not long" \
	  tests/e2e/cli tests/e2e/crash tests/integration/node

bench: $(READY) ## Measure against restic, borg and nginx in one run (see docs/benchmarks.md)
	@$(BIN)/python -m tests.benchmarks.run

sim: $(READY) ## Simulate: make sim SEED=1 N=1000
	@GOVAULT_SIM_SEED=$${SEED:-0} GOVAULT_SIM_N=$${N:-200} $(BIN)/python -m pytest -q tests/simulation

publish: $(READY) ## Write schemas/published/ anew from the code
	@$(BIN)/python -m schemas.publish

lock: $(READY) ## Resolve the dependencies anew into the lock files
	@$(BIN)/pip install --quiet pip-tools
	@$(BIN)/pip-compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --strip-extras --no-header --no-annotate --allow-unsafe -o requirements.lock pyproject.toml
	@$(BIN)/pip-compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --strip-extras --no-header --no-annotate --allow-unsafe --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	@$(BIN)/pip-compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	  --strip-extras --no-header --no-annotate --allow-unsafe -o tests/e2e/oidc/requirements.txt tests/e2e/oidc/requirements.in

image: ## Build the container image (needs a container engine)
	docker build -f deploy/Dockerfile -t govault .

clean: ## Remove what the targets made (not ./data)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
