# make demo   the whole pipeline on the embedded default, into runs/pocket
# make test   all tests
# make check  linters and types
# Each sets up its own environment in .venv first, from the lock, and nothing outside this folder.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TORCH := $(shell grep '^torch==' requirements/cpu.txt)
TORCH_INDEX := https://download.pytorch.org/whl/cpu
LOCK := requirements/cpu.txt requirements/dev.txt pyproject.toml
STAMP := $(VENV)/.installed

export HF_HUB_OFFLINE ?= 0
export TOKENIZERS_PARALLELISM := false

.PHONY: demo test test-fast test-heavy check format setup pocket-models clean

demo: $(STAMP)
	$(BIN)/alignray run jobs/recipes/pocket.yaml --out runs/pocket

test: test-fast test-heavy

test-fast: $(STAMP)
	$(BIN)/python -m pytest -q -m "not heavy"

test-heavy: $(STAMP)
	$(BIN)/python -m pytest -q -m heavy

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy alignray

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

setup: $(STAMP)

# The stamp is written last: an interrupted installation starts again.
$(STAMP): $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "make: Python 3.11 is needed; name it with make PYTHON=/path/to/python3.11" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -q --no-deps "$(TORCH)" \
		|| $(PIP) install -q --no-deps --index-url $(TORCH_INDEX) "$(TORCH)"
	$(PIP) install -q --no-deps -r requirements/cpu.txt -r requirements/dev.txt
	$(PIP) install -q --no-deps --no-build-isolation -e .
	@touch $@

pocket-models: $(STAMP)
	$(BIN)/python -m alignray.pocket.build

clean:
	rm -rf runs build *.egg-info
