# The course's commands. `make help` lists them.
PYTHON ?= python3
VENV ?= .venv
# Where pip finds torch. On Linux pip's default is a CUDA build of several GB; for the CPU build:
#   make book TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
WORKERS ?= 2

BIN := $(VENV)/bin
READY := $(VENV)/.ready
export MPLBACKEND = agg
export PYTHONHASHSEED = 0

# Stored outputs were made with the pinned versions on Linux, and are compared exactly there.
# Elsewhere the notebooks must run and their claims hold.
COMPARE ?= $(if $(filter Linux,$(shell uname -s)),--nbval,--nbval-lax)

.PHONY: help book test notebooks serve lab lint benchmark records clean setup
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

book: $(READY) ## set up everything and build the website into _build/html
	$(BIN)/jupyter-book build . --all -W -n --keep-going --quiet
	@echo "The book is built. Open _build/html/index.html in a browser."

test: $(READY) book browser ## set up everything and run all tests
	@# The notebooks are run even if a test fails, so that one run tells everything.
	@# A worker has one thread: threads of several workers would wait for each other.
	failed=0; \
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests -n $(WORKERS) --dist loadscope || failed=1; \
	$(BIN)/python -m pytest book $(COMPARE) -n $(WORKERS) --dist loadscope || failed=1; \
	exit $$failed

notebooks: $(READY) ## execute all notebooks again and store their outputs
	$(BIN)/python book/_pipeline/execute.py

serve: book ## build the website and serve it on this computer
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory _build/html 8000

lab: $(READY) ## open the notebooks in JupyterLab (installed at the first call)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[lab]'
	$(BIN)/jupyter lab book

lint: $(READY) ## check style, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

benchmark: $(READY) ## time the methods against torch, alternating, in one run
	$(BIN)/python -m tests.benchmarks $(BENCHMARK)

records: $(READY) ## measure the stored records of seconds again
	$(BIN)/python book/_pipeline/measure.py

clean: ## remove what was built (the environment .venv stays; remove it by hand)
	rm -rf _build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

setup: $(READY) ## set up the environment and nothing else

# One stamp for the whole environment: torch first (see TORCH_INDEX), then the rest, all pinned.
$(READY): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "The course needs Python 3.11, 3.12 or 3.13; $(PYTHON) is missing or another version. Try: make PYTHON=python3.12 ..."; exit 1; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) \
	  "$$(grep '^torch==' constraints.txt)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[book,test,lint]'
	@touch $(READY)

.PHONY: browser
browser: $(READY)
	@$(BIN)/python tests/site/browser.py
