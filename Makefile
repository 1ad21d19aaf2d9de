# The only vocabulary of the project: people and CI call these and nothing else.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := .venv-peers
# Two workers: TensorFlow takes seconds to import and most tests use one core.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: demo test test-all test-serving lint typecheck format bench peers golden docs wheel clean

demo: $(STAMP)            ## the whole way once, on real digit scans
	$(BIN)/cl-keras demo --out runs/demo

test: $(STAMP)            ## quick tests, no network
	$(PYTEST) -q

test-all: $(STAMP)        ## slow and real-data tests too
	$(PYTEST) -q --slow

test-serving: $(STAMP)    ## a real TensorFlow Serving: $$CL_KERAS_TF_SERVING, or Docker
	$(PYTEST) -q --slow tests/serving

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) typecheck

typecheck: $(STAMP)
	$(BIN)/mypy cl_keras zoo export

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) $(PEERS)/.installed   ## side by side with the peers
	$(BIN)/python benchmarks/nt_xent.py --peer $(PEERS)/bin/python

peers: $(PEERS)/.installed

golden: $(PEERS)/.installed           ## rewrite the arrays taken from peers
	$(PEERS)/bin/python tests/golden/nt_xent.py

docs: $(STAMP)            ## run the examples in the docstrings
	$(BIN)/python -m pytest -q tests/contract/test_docs.py --slow

wheel: $(STAMP)
	rm -rf build dist
	$(BIN)/python -m build --wheel

clean:
	rm -rf build dist *.egg-info $(VENV) $(PEERS) runs

$(STAMP): setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e ".[all]"
	touch $@

$(PEERS)/.installed:
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install -q torch torchvision "lightly==1.6.0"
	touch $@
