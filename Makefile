# `make` lists what there is. Everything runs in .venv, which `make install` fills with the pinned packages.

PYTHON ?= python3
BIN := .venv/bin
T ?= tests
SIZE ?= 10k
OPERATIONS ?= 1000000
KILLS ?= 1000

.DEFAULT_GOAL := help
.PHONY: help install run test check format fmt lint types imports sdl drift bench soak migration lock clean develop

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

install:  ## make .venv with the pinned packages
	@PYTHON="$(PYTHON)" sh requirements/install.sh runtime

run: install  ## start everything on http://127.0.0.1:8000 (PORT=8080 for another port)
	@exec env $(if $(PORT),REGULARS_PORT=$(PORT)) $(BIN)/python -m server all

develop:
	@PYTHON="$(PYTHON)" sh requirements/install.sh dev

test: develop  ## run the tests (T=tests/loyalty/ledger for some of them)
	@$(BIN)/pytest -q -n 2 $(T)

check: format lint types imports sdl drift test  ## everything that must hold before a change is merged

format: develop  ## is the code formatted?
	@$(BIN)/ruff format --check --quiet . || { echo "Run make fmt."; exit 1; }

fmt: develop  ## format the code
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --fix --quiet .

lint: develop  ## what ruff finds
	@$(BIN)/ruff check --quiet .

types: develop  ## what mypy finds
	@$(BIN)/mypy

imports: develop  ## who may import whom
	@$(BIN)/lint-imports --no-logo

sdl: develop  ## are schema/*.graphql what the code says, and does nothing break for clients?
	@$(BIN)/python -m server export-schema --check
	@$(BIN)/pytest -q tests/server/test_export.py

drift: develop  ## do the migrations say what the models say?
	@$(BIN)/pytest -q tests/migrations

bench: develop  ## measure (SIZE=100k for more customers)
	@$(BIN)/python -m benchmarks --size $(SIZE)

soak: develop  ## the ledger against its laws, and killed processes, for hours (OPERATIONS=1000000 KILLS=1000)
	@$(BIN)/python -m benchmarks.soak_ledger --operations $(OPERATIONS)
	@$(BIN)/python -m benchmarks.soak_crash --kills $(KILLS)

migration: develop  ## write the migration for changed models or posting.sql (NAME=what_changes)
	@$(BIN)/python -m migrations $(NAME)

lock: develop  ## pin what pyproject.toml asks for (UPGRADE=1 for the newest)
	@UPGRADE="$(UPGRADE)" sh requirements/lock.sh

clean:  ## remove what can be made again; data stay
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
