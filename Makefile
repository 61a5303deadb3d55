# tongdai: a cloud PBX with a CRM integration API. Settings are TONGDAI_* variables and pass through.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup run test check fix docs bench chaos sdk clean
BIN := .venv/bin
CODE := $(wildcard tongdai tests bench chaos sdk)

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 16

setup: ## the Python environment that `run` needs (.venv, from requirements.lock)
	@bin/setup

run: export TONGDAI_SANDBOX ?= true
run: setup ## everything, on this machine: PostgreSQL, Asterisk, a demo domain, the API. Ctrl-C stops it
	@exec $(BIN)/python -m tongdai up $(ARGS)

test: ## all tests, on real PostgreSQL and Asterisk. ARGS="-k transfer" picks some
	@bin/setup dev
	@$(BIN)/python -m pytest -n 4 $(ARGS)

check: ## lint, format, types, direction of imports, dangerous code, vulnerable packages
	@bin/setup dev
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy $(CODE)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/bandit -q -r -c pyproject.toml tongdai
	@$(BIN)/python -m tests.audit

fix: ## what lint and format can mend by themselves
	@bin/setup dev
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

SITE ?= site
docs: ## the documents as a site to read and search offline, in Vietnamese and English: site/index.html
	@bin/setup dev
	@for language in en vi; do $(BIN)/sphinx-build -q -n -W --keep-going -j auto -c docs/site \
		-d $(SITE)/.doctrees/$$language -D language=$$language . $(SITE)/$$language || exit 1; done
	@cp docs/site/index.html $(SITE)/index.html

bench: ## the benchmarks of docs/benchmarks.md
	@bin/setup dev
	@$(BIN)/python -m bench $(ARGS)

chaos: ## faults on purpose, for docs/reliability.md: half an hour. ARGS=controller picks one
	@bin/setup dev
	@$(BIN)/python -m chaos $(ARGS)

sdk: ## the packages for programs that use the API, for Python and TypeScript, into sdk/dist
	@bin/setup dev
	@$(BIN)/python -m sdk

clean: ## removes .venv and caches here; data and the downloaded Asterisk stay
	@rm -rf .venv site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
