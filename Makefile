# Every target makes its own .venv from the locks; nothing is taken from the machine but Python and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet install
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: backlog dist docs foreign frames reference kills pulls forests page worst bench bulk lock-bench lock-foreign image chaos fuzz hostile load load-report mixed soak station help demo train test check format install lock lock-terraform clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/runtime: requirements/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Rookery needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@printf '%s\n' "Making $(VENV) from requirements/runtime.txt (once; about a minute)..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r requirements/runtime.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev: $(VENV)/runtime requirements/dev.txt
	@printf '%s\n' "Adding the tools of requirements/dev.txt..."
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

install: $(VENV)/runtime ## Make .venv from the locks, with the command rookery in it
	@printf '%s\n' "Rookery is in $(VENV). Next: $(BIN)/rookery demo    (or: source $(BIN)/activate; rookery --help)"

demo: $(VENV)/runtime ## The penguins data set, end to end, on this machine (ARGS="--use-emulator HOST:PORT")
	@$(BIN)/rookery demo $(ARGS)

train: $(VENV)/runtime ## Train the model from data/penguins.csv and print its report
	@$(BIN)/rookery train $(ARGS)

test: $(VENV)/dev ## Run the tests (ARGS="-k broker")
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

image: $(VENV)/dev ## Build the images and try them, docker-compose.yml too (root; the packages that .ci/run installs; LOCK=worker-compiled)
	@ROOKERY_TEST_IMAGE=1 ROOKERY_TEST_IMAGE_LOCK=$(LOCK) $(BIN)/python -m pytest -q -s tests/deploy/test_image_runs.py tests/deploy/test_compose_runs.py $(ARGS)

chaos: $(VENV)/dev ## Kill workers and break disks for 3 minutes; every reading must be accounted for (SEED=7 MINUTES=3 ARGS="--broker --pull")
	@$(BIN)/python -m rookery.load.chaos $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

load: $(VENV)/dev ## Load-test a target and reconcile every reading (SHAPE=spike TARGET=broker|emulator|production)
	@$(BIN)/rookery load --shape $(or $(SHAPE),normal) --target $(or $(TARGET),broker) $(ARGS)

load-report: $(VENV)/dev ## Run baseline, normal, stress and spike (6 minutes) and write docs/load-report.md (ARGS="--runs FOLDER ...")
	@$(BIN)/python -m tools.load_report $(ARGS)

fuzz: $(VENV)/dev ## Fuzz real workers with random bodies, heads, encodings and endings (SEED=7 COUNT=1000000)
	@$(BIN)/python -m rookery.load.fuzz $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT)) $(ARGS)

worst: $(VENV)/dev ## Push every message that costs a worker much, one by one: memory, lines, readings beside it (SEED=7)
	@$(BIN)/python -m rookery.load.amplification $(if $(SEED),--seed $(SEED)) $(ARGS)

hostile: $(VENV)/dev ## Hostile connections of every sort at a real worker: memory and open files come back (COUNT=10000)
	@$(BIN)/python -m rookery.load.hostile $(if $(COUNT),--count $(COUNT)) $(ARGS)

soak: $(VENV)/dev ## Watch memory and open files under steady traffic (MINUTES=60)
	@$(BIN)/python -m rookery.load.soak $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

mixed: $(VENV)/dev ## Singles beside tables at a worker on one core, each row accounted for (MINUTES=20 FAILING=1: observers raise at random)
	@$(BIN)/python -m rookery.load.mixed $(if $(MINUTES),--minutes $(MINUTES)) $(if $(FAILING),--failing-observers) $(ARGS)

bulk: $(VENV)/dev ## Publish 5,000,000 rows to results, the publisher killed -9 five times on the way (ROWS=5000000 KILLS=5)
	@$(BIN)/python -m tools.bulk_trial $(if $(ROWS),--rows $(ROWS)) $(if $(KILLS),--kills $(KILLS)) $(ARGS)

frames: $(VENV)/dev ## Publish a pandas frame of 1,000,000 rows, predict and read back; every row accounted for (ROWS=1000000)
	@$(BIN)/python -m tools.frames_trial $(if $(ROWS),--rows $(ROWS)) $(ARGS)

pulls: $(VENV)/dev ## Pull 1,000,000 single readings through one stream: every one accounted for, memory flat (ROWS=1000000 ARGS=--push)
	@$(BIN)/python -m tools.pulls.trial $(if $(ROWS),--rows $(ROWS)) $(ARGS)

backlog: $(VENV)/dev ## Publish 5,000,000 messages to a broker without a reader, then read them: memory bounded, full rate (ROWS=5000000)
	@$(BIN)/python -m tools.pulls.backlog $(if $(ROWS),--rows $(ROWS)) $(ARGS)

station: $(VENV)/dev ## Publish 1,000,000 rows to `rookery up` while its programs are killed -9; every row accounted for (ROWS=1000000 SEED=1)
	@$(BIN)/python -m tools.station_trial $(if $(ROWS),--rows $(ROWS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

page: $(VENV)/dev ## Compare every number of the live page after 100,000 published readings; its pictures go to build/page (Chromium)
	@mkdir -p build/page
	@ROOKERY_TEST_BURST=100000 ROOKERY_TEST_PICTURES=build/page $(BIN)/python -m pytest -q tests/rookery/watch/test_page_numbers.py \
		tests/rookery/watch/test_accessibility.py -k "published_burst or grave" $(ARGS)

forests: $(VENV)/dev ## Random models, their compiled forests bit for bit as XGBoost (COUNT=200 ROWS=1000000 SEED=1)
	@ROOKERY_TEST_FORESTS=$(or $(COUNT),200) ROOKERY_TEST_FOREST_ROWS=$(or $(ROWS),1000000) ROOKERY_TEST_FOREST_SEED=$(or $(SEED),1) \
		$(BIN)/python -m pytest -q tests/worker/inference/test_forest.py -k random_model_is_answered $(ARGS)

kills: $(VENV)/dev ## Kill -9 a device with an outbox 1,000 times; nothing that publish returned for may be lost (KILLS=1000)
	@ROOKERY_TEST_KILLS=$(or $(KILLS),1000) $(BIN)/python -m pytest -q tests/publisher/outbox/test_outbox.py -k killed $(ARGS)

bench: $(VENV)/dev ## Measure against the peers, write docs/performance.md (QUICK=1: 5 minutes; ROUNDS=5 ONLY=singles,models,...; ARGS=--preflight)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY)) $(ARGS)

dist: $(VENV)/runtime ## Build the sdist of the present commit and its wheel into dist
	@$(BIN)/python -m tools.distribution dist

check: $(VENV)/dev ## Lint, format, types, architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(PYTHON) tools/types_tree.py && cd build/types && ../../$(BIN)/mypy --config-file ../../pyproject.toml
	@$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(VENV)/dev ## Format, and fix lint errors where ruff can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

reference: $(VENV)/runtime ## Write docs/reference anew from the code
	@$(BIN)/python -m tools.reference docs/reference

docs: reference $(VENV)/dev ## Write docs/reference anew, and build the documentation site in build/site (no network)
	@$(BIN)/python -m sphinx -W --keep-going -q -b html -d build/doctrees docs build/site
	@echo "The site: build/site/index.html"

UV := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --no-header --custom-compile-command "make lock" pyproject.toml

# Extras of the worker's image.
IN_IMAGE := $(addprefix --extra ,worker storage topic oidc tracing)

lock: ## Write the locks anew from pyproject.toml (UPGRADE=--upgrade for newer versions)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) uv
	@$(UV) $(UPGRADE) --extra all --group build -o requirements/runtime.txt
	@$(UV) $(UPGRADE) --extra all --group build --group dev -c requirements/runtime.txt -o requirements/dev.txt
	@$(UV) $(UPGRADE) $(IN_IMAGE) --group build -c requirements/runtime.txt -o requirements/worker.txt
	@$(UV) $(UPGRADE) $(IN_IMAGE) --extra compiled --group build -c requirements/runtime.txt -o requirements/worker-compiled.txt
	@$(UV) $(UPGRADE) --extra broker --extra bulk --extra storage --group build -c requirements/runtime.txt -o requirements/tools.txt

lock-terraform: ## Write the lock of Terraform's provider, for every platform (needs terraform, and its registry)
	@terraform -chdir=deploy/terraform init -backend=false -upgrade -input=false
	@terraform -chdir=deploy/terraform providers lock $(addprefix -platform=,linux_amd64 linux_arm64 darwin_amd64 darwin_arm64 windows_amd64)

BENCH_LOCKS := beam bentoml fastapi litserve mlserver mosec

lock-bench: ## Write the locks of the benchmark's peers anew (UPGRADE=--upgrade), with the xgboost-cpu of runtime.txt
	@$(PIP) uv
	@for each in $(BENCH_LOCKS); do grep -E '^xgboost-cpu==.*< .3.12' requirements/runtime.txt | tr -d '\\' | cut -d' ' -f1 | \
		$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--custom-compile-command "make lock-bench" $(UPGRADE) --constraints - --overrides requirements/bench/overrides.in \
		requirements/bench/$$each.in -o requirements/bench/$$each.txt || exit 1; done

lock-foreign: ## Write the lock of the other projects' Pub/Sub clients anew (UPGRADE=--upgrade)
	@$(PIP) uv
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--custom-compile-command "make lock-foreign" $(UPGRADE) requirements/foreign.in -o requirements/foreign.txt

.venv-foreign/installed: requirements/foreign.txt
	@printf '%s\n' "Making .venv-foreign from requirements/foreign.txt (once)..."
	@test -x .venv-foreign/bin/python || $(PYTHON) -m venv .venv-foreign
	@.venv-foreign/bin/python -m pip --disable-pip-version-check --quiet --quiet install --require-hashes -r requirements/foreign.txt
	@touch $@

foreign: $(VENV)/dev .venv-foreign/installed ## Run clients of other projects on the embedded broker, each in their own environment
	@ROOKERY_FOREIGN_PYTHON=.venv-foreign/bin/python $(BIN)/python -m pytest -q tests/broker/foreign $(ARGS)

clean: ## Remove the .venv and the caches
	rm -rf $(VENV) .venv-bench .venv-foreign .mypy_cache .pytest_cache .ruff_cache .hypothesis
