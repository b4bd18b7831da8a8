# Every command that a developer or CI needs; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
NAME ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test run check format lint types house bench lock clean

help: ## list the commands
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## .venv with the locked versions

$(STAMP): requirements.lock requirements-dev.lock pyproject.toml
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup ## set up, run the main job on real input, print what happened
	@$(RUN) demo/demo.py

run: setup ## a server to look around in, with the demo's data
	@$(RUN) demo/demo.py --keep

# Half of the time is waiting, hence three processes; a browser wants the machine for itself.
BROWSER := tests/admin/test_in_chromium.py tests/admin/test_pictures.py tests/admin/test_first_run.py

test: setup ## the whole test suite
	@$(RUN) -m pytest -n 3 --dist worksteal $(addprefix --ignore=,$(BROWSER))
	@$(RUN) -m pytest $(BROWSER)

check: format lint types test ## all that CI asks for

format: setup
	@$(VENV)/bin/ruff format --check .

lint: setup
	@$(VENV)/bin/ruff check .

types: setup
	@$(VENV)/bin/mypy

house: setup
	@$(RUN) -m pytest tests/house

bench: setup ## every benchmark, or NAME=import for one
	@$(RUN) benchmarks/run.py $(NAME)

lock: ## renew requirements.lock and requirements-dev.lock (needs uv)
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate pyproject.toml -o requirements.lock
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --group dev pyproject.toml -o requirements-dev.lock

clean: ## remove what the other commands made
	rm -rf $(VENV) .tocsin .demo .mypy_cache .pytest_cache .ruff_cache
