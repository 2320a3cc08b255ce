# The two commands of the README are `make demo` and `make test`; both set up what is missing and say so.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash

.PHONY: demo story-model-update story-annotation test lint format bench chain lock up clean help
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: .venv/local ## the main job on this machine: chain, node, containers, real data
	@$(BIN)/node-runtime demo

story-model-update: .venv/local ## a model made, restructured, trained on by three, federated: TensorFlow, six accounts
	@$(BIN)/python assets/stories/model-update/story.py

story-annotation: .venv/local ## pictures annotated, checked, compared and paid for
	@$(BIN)/python assets/stories/annotation/story.py

test: .venv/dev ## every test: pallets' rules through the embedded chain, contracts, containers, end to end
	@$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0

lint: .venv/dev ## ruff, ruff format and mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

format: .venv/dev ## let ruff rewrite the Python sources
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

bench: .venv/dev ## what a task costs, against bare `docker run` in the same minute
	@$(BIN)/python -m tests.bench

chain: .venv/dev ## rebuild the chain's wasm from images/chain and put it inside the package
	@$(BIN)/python images/chain/build.py

lock: .venv/dev ## resolve the dependencies anew
	@$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade --extra local -o requirements.lock
	@$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade --extra dev -o requirements-dev.lock

clean: ## remove the environment and what runs left behind
	@rm -rf .venv .state assets/digits/data assets/stories/*/shards assets/stories/*/results

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
