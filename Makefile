# Every task of the project. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
PORT ?= 8000
# The newest checked interpreter first; any later Python 3 is taken when it is the only one.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# A stamp is named after the content of its lock file, so that a restored or copied environment is judged rightly.
RUN_STAMP := $(VENV)/.run-$(shell cat requirements.txt requirements-embedded.txt | cksum | tr ' ' '-')
DEV_STAMP := $(VENV)/.dev-$(shell cat requirements-dev.txt | cksum | tr ' ' '-')
# Linters of the deployment's files, apart from everything that runs.
DEPLOY_VENV := var/deploy-tools
DEPLOY_STAMP := $(DEPLOY_VENV)/.made-$(shell cat requirements-deploy.txt | cksum | tr ' ' '-')
# The fuzzer, beside the development environment rather than in it: not every Python has a wheel of it.
FUZZ_TOOLS := var/fuzz-tools
FUZZ_STAMP := $(FUZZ_TOOLS)/.made-$(shell cat requirements-fuzz.txt | cksum | tr ' ' '-')
MODEL := var/models/SmolLM2-135M-Instruct.Q4_1.gguf
PIP_INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes
PIP_COMPILE := $(VENV)/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-emit-options
# Tests take between a millisecond and a minute: whoever is done first takes what the others have not begun. Many of
# them wait for a server: three workers keep two cores busy.
PYTEST := $(PY) -m pytest -n 3 --dist worksteal
# Tests start some hundred processes, each of which would compile the whole product where this is set.
unexport PYTHONDONTWRITEBYTECODE
# What a production deployment would set; `manage.py check --deploy` is only worth something under it.
PRODUCTION_LIKE := ENVIRONMENT=production ALLOWED_HOSTS=optimizer.example.com DATA_DIR=var/check \
	SECRET_KEY=only-for-the-system-checks-of-make-check-0123456789-abcdefghijklmnopqrstuvwxyz

.PHONY: help run setup test test-stores check-quietly test-browser test-lists check lint bench-gateway bench-retraining bench-metrics bench-off-policy bench-routing bench-experiments bench-insights bench-live bench-import bench-savings poisoning drill faults money soak check-deploy check-docs sbom audit routes fuzz lock format

help: ## List the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: setup ## Set up whatever is missing and start everything on port PORT (default 8000)
	@exec $(PY) manage.py optimizer start --port $(PORT)

setup: $(RUN_STAMP) ## Create the virtual environment, install the pinned packages, fetch the small model
	@test -f $(MODEL) || $(PY) scripts/fetch_model.py $(MODEL) || true

test: $(DEV_STAMP) ## Run the checks, the tests on SQLite and on PostgreSQL, and those in a browser
	@scripts/install_test_services.sh
	@$(MAKE) lint
	@$(MAKE) -j2 test-stores check-quietly
	@$(MAKE) test-browser

test-stores: $(DEV_STAMP) ## Run the tests on SQLite, then those that the store matters to on PostgreSQL
	@scripts/install_test_services.sh
	@TEST_BACKEND=sqlite $(PYTEST)
	@TEST_BACKEND=postgresql $(PYTEST)

# Beside the tests on the stores, whose output comes as it is written: two outputs at once could not be read.
check-quietly: $(DEV_STAMP) ## Run the checks and show what they say when all are done
	@mkdir -p var && $(MAKE) check >var/check.log 2>&1 || { cat var/check.log; exit 1; }
	@cat var/check.log

test-browser: $(DEV_STAMP) ## Run the tests of the pages in chromium; SCREENSHOTS=<folder> keeps their pictures
	@scripts/install_test_services.sh
	@$(PY) -m pytest -n 2 tests/browser

test-lists: $(DEV_STAMP) ## Open every list of the admin in chromium and take each of its actions: some six minutes
	@scripts/install_test_services.sh
	@$(PY) -m pytest -n 2 tests/browser/every_list.py

check: $(DEV_STAMP) ## Format, lint, types, import layers, migrations, system checks, API schema
	@$(MAKE) lint
	@$(VENV)/bin/mypy .
	@DATA_DIR=var/check $(PY) manage.py makemigrations --check --dry-run
	@$(PRODUCTION_LIKE) $(PY) manage.py check --deploy --fail-level WARNING
	@DATA_DIR=var/check $(PY) manage.py spectacular --validate --fail-on-warn --file /dev/null

lint: $(DEV_STAMP) ## Format, lint and import layers: what fails within seconds
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/lint-imports

bench-gateway: $(DEV_STAMP) ## Measure the gateway against its peers
	@$(PY) -m benchmarks.gateway

bench-retraining: $(DEV_STAMP) ## Show how time and memory of a retraining grow with the ratings
	@$(PY) -m benchmarks.retraining

bench-metrics: $(DEV_STAMP) ## Show what reports and roll-ups cost over a year of traffic; 10 million rows take 15 GB; ARGS adds options
	@$(PY) -m benchmarks.metrics $(ARGS)

bench-off-policy: $(DEV_STAMP) ## Hold the scoring of policies on past traffic against worlds where the truth is known
	@$(PY) -m benchmarks.off_policy

bench-live: $(DEV_STAMP) ## Show what a thousand viewers of live metrics cost; ARGS adds options
	@$(PY) -m benchmarks.live $(ARGS)

bench-import: $(DEV_STAMP) ## Move ROWS (default 1000000) ledger rows from SQLite to PostgreSQL, with a kill in the middle
	@$(PY) -m benchmarks.sqlite_import --rows $(or $(ROWS),1000000)

bench-savings: $(DEV_STAMP) ## Make a savings report on a made-up log of ROWS (default 1000000) rows; ARGS adds options
	@$(PY) -m benchmarks.savings_report --rows $(or $(ROWS),1000000) $(ARGS)

bench-experiments: $(DEV_STAMP) ## Simulate experiments: false winners, power, whole decisions
	@OMP_NUM_THREADS=1 $(PY) -m benchmarks.experiments $(ARGS)

bench-insights: $(DEV_STAMP) ## Hold cost reviews against planted problems, and the ranking against simulated teams; ARGS adds options
	@OMP_NUM_THREADS=1 $(PY) -m benchmarks.insights $(ARGS)

bench-routing: $(DEV_STAMP) ## Show what routing saves at equal quality on the outcomes in the folder DATA; ARGS adds options
	@test -n "$(DATA)" || { echo "Say where the outcomes are: make bench-routing DATA=<folder>" >&2; exit 2; }
	@$(PY) -m benchmarks.routing "$(DATA)" $(ARGS)

poisoning: $(DEV_STAMP) ## Let people who agree to rate falsely try to move routing, a thousand times each; ARGS adds options
	@OMP_NUM_THREADS=1 $(PY) -m benchmarks.poisoning $(ARGS)

drill: $(DEV_STAMP) ## Run the compose file's processes through a deploy, kills, a backup and a restore under load; ARGS adds options
	@$(PY) -m benchmarks.drill $(ARGS)

faults: $(DEV_STAMP) ## Harm everything in every way of docs/FAULTS.md; CELL="A1 B", SEED, SEEDS (default 1), RESUME=<file>, ARGS
	@scripts/install_test_services.sh
	@$(PY) -m faults $(if $(CELL),--cell $(CELL)) --seed $(or $(SEED),1) --seeds $(or $(SEEDS),1) $(if $(RESUME),--resume $(RESUME)) $(ARGS)

money: $(DEV_STAMP) ## Hold 200,000 requests under kills, races and duplicates against the provider's books; RESUME=<file>, ARGS
	@scripts/install_test_services.sh
	@$(PY) -m faults.money $(if $(RESUME),--resume $(RESUME)) $(ARGS)

soak: $(DEV_STAMP) ## Load the product for MINUTES (default 60) and show whether anything it holds grows; ARGS adds options
	@scripts/install_test_services.sh
	@$(PY) -m faults.soak --minutes $(or $(MINUTES),60) $(ARGS)

check-deploy: $(DEPLOY_STAMP) ## Lint Dockerfile, compose files, scripts, Kubernetes manifests and nginx's configuration
	@scripts/check_deploy.sh $(DEPLOY_VENV)

check-docs: $(DEV_STAMP) ## Hold the documents against the code, both ways: endpoints, settings, figures, alerts, schedules, commands, links
	@$(PY) -m pytest -q -n 0 tests/docs

sbom: $(DEPLOY_STAMP) ## Write what the image holds of Python packages to var/sbom.json (CycloneDX), from the lock file
	@mkdir -p var
	@$(DEPLOY_VENV)/bin/cyclonedx-py requirements --output-reproducible --of JSON -o var/sbom.json requirements.txt
	@echo "Wrote var/sbom.json"

audit: $(DEPLOY_STAMP) ## Look every pinned package up in the advisories of PyPI; needs the network
	@$(DEPLOY_VENV)/bin/pip-audit --require-hashes --disable-pip --requirement requirements.txt

routes: $(DEV_STAMP) ## Print who may ask what, route by route (docs/ACCESS.md); ARGS=--write puts it there
	@$(PY) -m tests.access $(ARGS)

fuzz: $(DEV_STAMP) $(FUZZ_STAMP) ## Throw hostile bytes at every parser, led by coverage, and requests at every operation; MINUTES (default 5), SEED, ARGS="--what operations"
	@PYTHONPATH=$(FUZZ_TOOLS) $(PY) -m tests.fuzz --minutes $(or $(MINUTES),5) --seed $(or $(SEED),1) $(ARGS)

lock: $(DEV_STAMP) ## Pin the packages of the *.in files anew, with hashes; UPGRADE=1 takes newer releases
	@$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) requirements.in -o requirements.txt
	@$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) requirements-embedded.in -o requirements-embedded.txt
	@$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) requirements-otel.in -o requirements-otel.txt
	@$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) requirements-dev.in -o requirements-dev.txt
	@$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) requirements-deploy.in -o requirements-deploy.txt
	@$(PIP_COMPILE) $(if $(UPGRADE),--upgrade) requirements-fuzz.in -o requirements-fuzz.txt

format: $(DEV_STAMP) ## Rewrite the code in the house format
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

$(PY):
	@PYTHON="$(PYTHON)" scripts/create_venv.sh $(VENV)

$(DEPLOY_STAMP):
	@PYTHON="$(PYTHON)" scripts/create_venv.sh $(DEPLOY_VENV)
	@$(DEPLOY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-deploy.txt
	@rm -f $(DEPLOY_VENV)/.made-* && touch $@

$(FUZZ_STAMP): | $(PY)
	@echo "Installing the pinned fuzzer into $(FUZZ_TOOLS)"
	@rm -rf $(FUZZ_TOOLS)
	@if $(PIP_INSTALL) --only-binary :all: --target $(FUZZ_TOOLS) -r requirements-fuzz.txt; then touch $@; \
		else echo "It has wheels for Python 3.11 to 3.13 on Linux. Without it the guided part is not run." >&2; fi

$(RUN_STAMP): | $(PY)
	@echo "Installing the pinned packages into $(VENV)"
	@$(PIP_INSTALL) -r requirements.txt -r requirements-embedded.txt
	@rm -f $(VENV)/.run-* && touch $@

$(DEV_STAMP): | $(PY)
	@echo "Installing the pinned development packages into $(VENV)"
	@$(PIP_INSTALL) -r requirements-dev.txt
	@rm -f $(VENV)/.dev-* && touch $@
