# `make demo` shows what whatsit does; `make test` proves it. Both set up all that they need, in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest

.DEFAULT_GOAL := help
.PHONY: help demo check quick test test-oldest lint format bench docs clean browser

help:
	@echo "make demo    train on 2,624 photos of solar cells and show the report"
	@echo "make check   lint, types and the quick tests, in about a minute"
	@echo "make test    all tests, the browser's too (installs Debian's chromium where it is missing)"
	@echo "make test-oldest   the quick tests with the oldest versions that pyproject.toml admits, in .venv-oldest"
	@echo "make lint    ruff and mypy"
	@echo "make format  let ruff mend what it can"
	@echo "make bench   the measurements that need no other library"
	@echo "make docs    write docs/reference anew"
	@echo "make clean   remove the virtual environment and all that was made"

demo: $(VENV)/.installed-demo
	$(BIN)/whatsit demo --output demo/solar-cells-model
	@echo
	@echo "Open demo/solar-cells-model/report.html in a browser."

check: $(VENV)/.installed-dev
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint quick

quick: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "not slow" --numprocesses auto --dist worksteal

test: $(VENV)/.installed-dev browser
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

# The oldest version of whatever an install brings, the newest of the tools of the tests. Faults, as they depend on uvicorn.
test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python -m pytest -m "not slow" --numprocesses auto --dist worksteal
	$(OLDEST)/bin/python -m pytest tests/serving/test_faults.py

$(OLDEST)/.installed: pyproject.toml tests/oldest.py
	@echo "Making $(OLDEST) of the oldest versions; the first time takes some minutes"
	@$(PYTHON) -m venv --clear $(OLDEST)
	@$(PYTHON) tests/oldest.py > $(OLDEST)/constraints.txt
	@$(OLDEST)/bin/python -m pip install --quiet --progress-bar off --constraint $(OLDEST)/constraints.txt --editable '.[dev]'
	@touch $@

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Those that need no other library, on the demo's photos; benchmarks/ has more.
bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/start.py
	$(BIN)/python benchmarks/throughput.py "$$($(BIN)/python -c 'from whatsit.demo import photo_folder as f; print(f())')"
	$(BIN)/python benchmarks/accuracy.py --sets elpv
	$(BIN)/python benchmarks/memory.py

docs: $(VENV)/.installed-dev
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) $(OLDEST) demo build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("whatsit needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# A stamp a set of extras. Pip's many lines are cut to one a package; its errors go to stderr, uncut.
$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "Installing whatsit[$*] and what it needs; the first time takes some minutes"
	@rm -f $@.done
	@{ $(BIN)/python -m pip install --progress-bar off --editable '.[$*]' && touch $@.done; } \
		| sed -n 's/^Collecting \([^ ]*\).*/  \1/p'
	@test -f $@.done
	@mv $@.done $@

# The report and the server's page are tested in a real browser. Debian's package; nothing is fetched from elsewhere.
browser:
	@if ! command -v chromium >/dev/null; then \
		if ! command -v apt-get >/dev/null; then \
			echo "make test needs chromium on the PATH; install it, then try again" >&2; exit 1; \
		elif [ "$$(id -u)" = 0 ]; then as_root=""; \
		elif command -v sudo >/dev/null; then as_root="sudo"; \
		else echo "make test needs Chromium. As root: apt-get install chromium" >&2; exit 1; fi; \
		echo "Installing chromium from Debian"; \
		$$as_root apt-get update -qq && \
		$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
			chromium fonts-dejavu-core >/dev/null; \
	fi
