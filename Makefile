# statarb: the verbs of this project. `make` alone lists them.
PYTHON ?= python3
VENV_BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)
TOOLS := .venv/.installed-requirements-dev.txt

.DEFAULT_GOAL := help
.PHONY: help demo run test soak check bench calibrate screenshots fix clean

help:  ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1 \t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo:  ## the whole desk on a simulated exchange; no network needed after the first installation
	$(PYTHON) start.py --demo

run:  ## the whole desk on live Binance trades
	$(PYTHON) start.py

test: $(TOOLS)  ## the whole test suite, browser tests included where Chromium is found
	$(VENV_BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

soak: $(TOOLS)  ## the long checks: a ten-minute outage, hundreds of kills, thousands of refreshes; above an hour
	$(VENV_BIN)/python -m pytest -m soak -s

check: $(TOOLS)  ## format, lint and types, without changing anything
	$(VENV_BIN)/ruff format --check .
	$(VENV_BIN)/ruff check .
	$(VENV_BIN)/mypy

bench: $(TOOLS)  ## the benchmarks, as a table and bench/results.json
	$(VENV_BIN)/python -m bench

calibrate: $(TOOLS)  ## level, power and coverage of the statistics, by simulation, into docs/methods.md
	$(VENV_BIN)/python -m bench.calibration --write

screenshots: $(TOOLS)  ## the README's pictures, taken of a demo of its own; ten minutes
	$(VENV_BIN)/python docs/screenshots.py

fix: $(TOOLS)  ## format the code and repair what the linter can repair
	$(VENV_BIN)/ruff check --fix .
	$(VENV_BIN)/ruff format .

clean:  ## remove caches and test output; .venv and data stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis bench/out tests/out
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

$(TOOLS): requirements.txt requirements-dev.txt
	$(PYTHON) start.py --install requirements-dev.txt
	@touch $@
