# Everything happens in ops/: these are only the names.
PYTHON ?= python3
OPS := $(PYTHON) -m ops

.DEFAULT_GOAL := help
.PHONY: help up demo models test lint test-faults crawl bench-live bench-metrics bench-train clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

up: ## start everything and print the address
	@$(OPS) up

demo: ## train two small runs to compare, on the hub that is up
	@$(OPS) manage demo

models: ## install SmolLM2-135M, the demo model that answers in words
	@$(OPS) models

test: ## lint and test everything but the slow suites
	@$(OPS) test

lint: ## check style, types, architecture, templates and translations
	@$(OPS) lint

test-faults: ## kill processes and fill disks, and see that nothing is lost
	@$(OPS) test faults

crawl: ## walk every page of a hub in a browser
	@$(OPS) test crawl

bench-live: ## measure the time from log() to the point drawn
	@$(OPS) test bench

bench-metrics: ## measure taking in, keeping, reading and drawing of curves
	@$(OPS) bench metrics

bench-train: ## compare our training loop with the shortest one
	@$(OPS) bench train

clean: ## remove caches and the virtual environment; data stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
