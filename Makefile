# `make demo` and `make test` set up what they need themselves; see tests/setup.sh.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# one worker more than cores: some tests only wait
WORKERS ?= $(shell expr $$(nproc) + 1)

.PHONY: demo test pytest bench lint deb guest bench-guest clean

demo: $(VENV)/demo
	@$(BIN)/python tests/demo/demo.py

test: $(VENV)/test
	@$(MAKE) --no-print-directory --jobs=2 lint pytest

pytest: $(VENV)/test
	@$(BIN)/python -m pytest -m "not guest" -n $(WORKERS) --dist worksteal

lint: $(VENV)/test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/test
	@$(BIN)/python tests/bench/bench.py
	@$(BIN)/python tests/bench/digests.py

deb:
	@debian/build.sh

guest: deb
	@$(PYTHON) tests/guest/run.py

bench-guest: deb
	@$(PYTHON) tests/guest/run.py measure

$(VENV)/demo: setup.py tests/setup.sh
	@tests/setup.sh demo $(PYTHON) $(VENV)

$(VENV)/test: setup.py tests/setup.sh
	@tests/setup.sh test $(PYTHON) $(VENV)

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
