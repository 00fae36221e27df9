# Each command sets up what it needs on a new machine; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory --no-builtin-rules

PYTHON ?= python3
BIN := .venv/bin
COMPOSE := $(shell command -v docker-compose || echo docker compose)
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --quiet pyproject.toml --all-extras

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/ready ## the whole suite on this machine, without Docker
	@exec $(BIN)/python -m dev.demo

.PHONY: test
test: .venv/ready node_modules/ready machine ## all tests; installs what they need first
	$(BIN)/python -m pytest --numprocesses=2 --durations=25

.PHONY: bench
bench: .venv/ready ## measured comparisons; ARGS=--help tells how else (docs/benchmarks.md)
	@$(BIN)/python -m bench $(ARGS)

.PHONY: check
check: .venv/ready node_modules/ready ## format, lint, types, the plan of the house, manifests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	node_modules/.bin/tsc --project tsconfig.json
	$(BIN)/python -m pytest --quiet --no-header tests/deploy

.PHONY: book
book: .venv/ready ## book an appointment in the running demo; ARGS=--help tells how else
	@$(BIN)/python -m dev.booking $(ARGS)

.PHONY: contract
contract: .venv/ready ## write schemas, AsyncAPI and docs/events.md from the contract
	$(BIN)/python -m contract

.PHONY: docs
docs: contract ## write the pages that are made from the code
	$(BIN)/python -m dev.reference
	$(BIN)/python -m deploy.acls

.PHONY: screens
screens: .venv/ready node_modules/ready machine ## take the pictures of docs/screens
	SCREENS=1 $(BIN)/python -m pytest tests/journeys tests/invitation/test_look.py
	$(BIN)/python -m dev.screens

.PHONY: lock
lock: .venv/ready ## write requirements*.txt from pyproject.toml
	$(LOCK) --output-file requirements.txt
	$(LOCK) --group dev --output-file requirements-dev.txt

.PHONY: up
up: .venv/ready ## the suite in containers
	$(BIN)/python -m deploy.prepare
	$(COMPOSE) up --build --detach
	@echo 'start: http://localhost:8000  (more addresses: docs/operations.md, "One machine")'

.PHONY: down
down: ## stop the containers and forget their data
	$(COMPOSE) down --volumes

.PHONY: machine
machine:
	@dev/machine.sh

.venv/ready: requirements-dev.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv || { dev/machine.sh venv && $(PYTHON) -m venv --clear .venv; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

node_modules/ready: package-lock.json .npmrc
	command -v npm >/dev/null || dev/machine.sh npm
	npm ci --no-progress
	touch $@
