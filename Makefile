# The two commands of the README are `make demo` and `make test`; both set up what is missing and say so.
PYTHON ?= python3
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
SHELL := /bin/bash
DIST := dist

.PHONY: check unit unit-worker unit-others demo story-model-update story-annotation story-substra images compose-up compose wheel test test-peers lint format bench bench-staging bench-storage bench-nodes chain weights lock up clean help
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: .venv/local ## the main job on this machine: chain, node, containers, real data
	@$(BIN)/python -m examples.demo

story-model-update: .venv/local ## a model made, restructured, trained on by three, federated: TensorFlow, six accounts
	@$(BIN)/python -m assets.stories.model-update.story

story-annotation: .venv/local ## pictures annotated, checked, compared and paid for
	@$(BIN)/python -m assets.stories.annotation.story

story-substra: .venv/local ## Substra's layouts: two hospitals' private data, three rounds, leaderboards; then composites
	@$(BIN)/python -m assets.stories.substra.story

images: .venv/local ## the images of compose.yaml, without an image registry where none answers; NAMES="node tensorflow" only these
	@$(BIN)/python -m images.build $(NAMES)

compose-up: .venv/local ## images, settings, secrets, then the network of compose.yaml; ARGS="--scale worker=4" goes to it
	@$(BIN)/python -m images.compose up $(ARGS)

compose: .venv/local ## docker compose with any command: make compose ARGS="logs -f worker", ARGS="down --volumes"
	@$(BIN)/python -m images.compose $(ARGS)

check: .venv/dev ## lint, types, unit and contract tests without Docker, root or network, and the daemon's coverage: a minute
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target lint unit

unit: unit-worker unit-others ## the tests of `make check` alone

unit-worker: .venv/dev ## the daemon's unit tests, and that they cover the daemon; tracing slows them by half, so the others are not traced
	@$(BIN)/pytest --numprocesses 2 --dist worksteal --max-worker-restart 0 --cov --cov-report term tests/unit/worker

unit-others: .venv/dev ## the other tests of `make check`; they compute, so each processor has one worker
	@$(BIN)/pytest -m "unit or twin" --ignore tests/unit/worker --numprocesses logical --dist worksteal --max-worker-restart 0 tests/unit tests/contract

test: .venv/dev ## every test of our own: pallets' rules through the embedded chain, contracts, containers, end to end
	@$(BIN)/pytest -m "not peers" --numprocesses auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test-peers: .venv/dev ## tests against other people's programs (fetched from PyPI, npm and Debian): polkadot.js, papi, substratools, Prometheus, Podman
	@$(BIN)/pytest -m peers
	@$(BIN)/pytest --engine podman -m docker --numprocesses auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0 tests/contract/test_engine*.py tests/e2e/test_main_job.py

lint: .venv/dev ## ruff, ruff format, mypy (of the examples too), and whether what is imported is declared
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/deptry node_runtime

format: .venv/dev ## let ruff rewrite the Python sources
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: .venv/dev ## what a task costs, against bare `docker run` in the same minute
	@$(BIN)/python -m tests.bench

bench-staging: .venv/dev ## what a data sample of 1 GiB costs a task, against a copy; SUBSTRA=PYTHON adds Substra's local mode
	@$(BIN)/python -m tests.bench_staging

bench-storage: .venv/dev ## 1 GiB and 10,000 small files through an S3 server, against obstore and minio-py; FOLDER=/dev/shm leaves the disk out
	@$(BIN)/python -m tests.bench_storage $(FOLDER)

bench-nodes: .venv/dev ## 20 nodes that claim 500 tasks: refused claims, calls of the chain; two nodes against one
	@$(BIN)/python -m tests.bench_nodes

chain: .venv/dev ## rebuild the chain's wasm from images/chain and put it inside the package
	@$(BIN)/python images/chain/build.py

types: .venv/dev ## write the types of tasks in Python anew after a change of the YAML's keys (node_runtime/client/kinds.pyi)
	@$(BIN)/python -m tests.python_types

weights: .venv/dev ## measure the pallets' benchmarks anew and write their weights.rs; `make chain` comes after it
	@$(BIN)/python images/chain/benchmark.py

lock: .venv/dev ## write the lock files again after a change of pyproject.toml; pins stay where they can
	@$(COMPILE) pyproject.toml --extra local -o requirements.lock
	@$(COMPILE) pyproject.toml --extra dev -o requirements-dev.lock
	@$(COMPILE) pyproject.toml images/node/requirements.in -c requirements.lock -o images/node/requirements.lock
	@$(COMPILE) images/storage/requirements.in -o images/storage/requirements.lock

wheel: .venv/local ## dist/node_runtime-VERSION-py3-none-any.whl, and constraints.txt: the versions that it and its extras were tested with
	@rm -rf $(DIST)/*.whl && mkdir -p $(DIST) && $(BIN)/python -m hatchling build -t wheel -d $(DIST)
	@sed -nE 's/^([A-Za-z0-9_.-]+==[^ \\]+)( ; [^\\]*[^ \\])? *\\?$$/\1\2/p' requirements-dev.lock > $(DIST)/constraints.txt

clean: ## remove the environment and what runs left behind
	@rm -rf .venv .state dist assets/digits/data assets/substra/*/data assets/stories/*/shards assets/stories/*/results

.venv/made:
	@$(PYTHON) .ci/make_venv.py

.venv/local: requirements.lock pyproject.toml | .venv/made
	@echo "installing the Python packages into .venv"
	@$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: requirements-dev.lock pyproject.toml | .venv/made
	@echo "installing the Python packages for development into .venv"
	@$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@ .venv/local
