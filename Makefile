# The only vocabulary of the project: people and CI call these and nothing else.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PEERS := .venv-peers
TFGNN := .venv-tfgnn
ADDONS := .venv-addons
TORCH := .venv-torch
FOREIGN := .venv-foreign
# PyTriton's own Python 3.11 does not run beside the library of 3.11.6 and later.
SYSTEM_PYTHON ?= /usr/bin/python3
AUDIT := .venv-audit
# Two workers: TensorFlow takes seconds to import and most tests use one core.
# OPTIONS: further ones, such as --complete, which allows no avoidable skip.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -q $(OPTIONS)

.PHONY: demo test test-slow test-all test-onednn test-serving test-torch test-foreign \
	durations mutants faults size lint typecheck format bench bench-peers bench-guard \
	golden addons-golden docs examples wheel sbom audit lock pictures browser clean

demo: $(STAMP)            ## learns from digit scans without labels, and compares
	$(BIN)/cl-keras demo --out runs/demo

test: $(STAMP)            ## quick tests, no network
	$(PYTEST)

test-slow: $(STAMP)       ## the tests that `make test` leaves out
	$(PYTEST) --slow -m slow

test-all: $(STAMP)        ## both, real data from $$CL_KERAS_DATA or ../shared/data
	$(PYTEST) --slow

test-onednn: $(STAMP)     ## with the kernels that TensorFlow takes on new processors
	TF_ENABLE_ONEDNN_OPTS=1 $(PYTEST) tests/encoders tests/losses tests/methods

durations: $(STAMP)       ## the fifty slowest tests
	$(PYTEST) --slow --durations=50

mutants: $(STAMP)         ## breaks forty claims, one by one: a test must see each
	$(BIN)/python tests/mutants.py

test-serving: $(STAMP)    ## a real TensorFlow Serving: $$CL_KERAS_TF_SERVING, or Docker
	$(PYTEST) --slow tests/serving

test-torch: $(TORCH)/.installed   ## checkpoints as .pth files, which PyTorch reads
	$(TORCH)/bin/python -m pytest -q $(OPTIONS) tests/checkpoints/test_reading.py

test-foreign: $(STAMP) $(FOREIGN)/.installed   ## others' servers and clients
	$(PYTEST) --slow tests/serving/test_foreign.py

faults: $(STAMP)          ## kills, full disks, lost workers: a table of what was lost
	$(PYTEST) --slow --long tests/faults

size: $(STAMP)            ## lines of code; files and functions that are too long
	$(BIN)/python tests/size.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) typecheck

typecheck: $(STAMP)
	$(BIN)/mypy cl_keras zoo export

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) bench-peers   ## side by side with the peers; IMAGES, PLANETOID: data
	$(BIN)/python benchmarks/limits.py $(if $(IMAGES),--images $(IMAGES))
	$(BIN)/python benchmarks/nt_xent.py --peer $(PEERS)/bin/python
	$(BIN)/python benchmarks/knn.py
	$(BIN)/python benchmarks/startup.py
	$(if $(IMAGES),$(BIN)/python benchmarks/augmentation.py --images $(IMAGES) \
		--peer $(PEERS)/bin/python)
	$(if $(IMAGES),$(BIN)/python benchmarks/simclr_fit.py --images $(IMAGES) \
		--peer $(PEERS)/bin/python)
	$(if $(IMAGES),$(BIN)/python benchmarks/readers.py --images $(IMAGES))
	$(if $(PLANETOID),$(BIN)/python benchmarks/dgi_epoch.py --data $(PLANETOID) \
		--peer $(PEERS)/bin/python --tfgnn $(TFGNN)/bin/python)
	$(if $(PLANETOID),$(BIN)/python benchmarks/graph_views.py --data $(PLANETOID) \
		--peer $(PEERS)/bin/python)

bench-peers: $(PEERS)/.installed $(TFGNN)/.installed

bench-guard: $(STAMP)     ## fails if a cheap ratio is 25 % worse than benchmarks/guard.json
	$(BIN)/python benchmarks/guard.py $(if $(IMAGES),--images $(IMAGES)) \
		$(if $(PLANETOID),--planetoid $(PLANETOID))

golden: $(PEERS)/.installed           ## rewrite the arrays taken from peers
	$(PEERS)/bin/python tests/golden/nt_xent.py
	$(PEERS)/bin/python tests/golden/image_losses.py
	$(PEERS)/bin/python tests/golden/crop_losses.py
	$(PEERS)/bin/python tests/golden/dgi.py
	$(PEERS)/bin/python tests/golden/torch_encoders.py

addons-golden: $(ADDONS)/.installed   ## rewrite those taken from TensorFlow Addons
	$(ADDONS)/bin/python tests/golden/addons.py

# Warnings, such as a link that leads nowhere, are errors. SITE: further options.
docs: $(STAMP)            ## the site in docs/_build/html; its guides run
	rm -rf docs/_build/html
	$(BIN)/sphinx-build -W --keep-going -q -d docs/_build/doctrees $(SITE) \
		docs docs/_build/html

examples: $(STAMP)        ## run the examples in the docstrings
	$(BIN)/python -m pytest -q tests/contract/test_docs.py --slow

wheel: $(STAMP)
	rm -rf build dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --wheel -n

pictures: $(STAMP)        ## of the demo in a terminal and of its report, into docs/
	$(BIN)/python tests/terminal.py docs/demo.svg cl-keras demo --out runs/demo
	$(BIN)/python tests/pictures.py runs/demo $(OTHER)

browser:                  ## Chromium, for the tests that open a report
	command -v chromium || \
		(apt-get update -q && apt-get install -q -y --no-install-recommends chromium)

lock:                     ## renew requirements.lock: the newest versions that agree
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install -q uv
	.venv-lock/bin/uv pip compile -q --upgrade --python-version 3.11 --extra all \
		--extra docs --generate-hashes --no-annotate --no-header \
		setup.cfg pyproject.toml -o requirements.lock
	rm -rf .venv-lock

audit: $(AUDIT)/.installed    ## versions of requirements.lock with known weaknesses
	$(AUDIT)/bin/pip-audit --require-hashes --disable-pip -r requirements.lock

sbom: $(AUDIT)/.installed     ## what the wheel's environment is made of, into dist/
	mkdir -p dist
	$(AUDIT)/bin/cyclonedx-py requirements --output-reproducible requirements.lock \
		-o dist/cl_keras.cdx.json

clean:
	rm -rf build dist docs/_build *.egg-info $(VENV) $(PEERS) $(TFGNN) $(ADDONS) $(TORCH) \
		$(FOREIGN) $(AUDIT) runs

# Each file is the one that was locked: pip compares its hash.
$(STAMP): setup.cfg pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	touch $@

$(AUDIT)/.installed:
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install -q pip-audit cyclonedx-bom sigstore twine
	touch $@

$(PEERS)/.installed: benchmarks/peer.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install -q -r benchmarks/peer.txt
	$(PEERS)/bin/python -m pip install -q --no-deps solo-learn==1.0.2
	touch $@

# PyTorch by itself, on top of the environment of all else. TORCH_OPTIONS: those of pip,
# such as an index of builds for processors alone, which are much smaller.
$(TORCH)/.installed: $(STAMP)
	$(PYTHON) -m venv $(TORCH)
	$(BIN)/python -c "import sysconfig; path = sysconfig.get_path('purelib'); \
		print(f'import site; site.addsitedir({path!r})')" \
		> $$($(TORCH)/bin/python -c "import sysconfig; \
		print(sysconfig.get_path('purelib'))")/base.pth
	$(TORCH)/bin/python -m pip install -q torch $(TORCH_OPTIONS)
	touch $@

$(FOREIGN)/.installed: $(FOREIGN)/triton/.installed $(FOREIGN)/bentoml/.installed \
		$(FOREIGN)/ovmsclient/.installed $(FOREIGN)/tfjs/.installed
	touch $@

$(FOREIGN)/%/.installed: tests/serving/foreign/%.txt
	$(SYSTEM_PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install -q -r $<
	touch $@

$(FOREIGN)/tfjs/.installed: tests/serving/foreign/package.json | $(STAMP)
	sh $(<D)/tfjs.sh $(@D) $(BIN)/python
	touch $@

# TensorFlow Addons ended with TensorFlow 2.15: its environment is of that time.
$(ADDONS)/.installed:
	$(PYTHON) -m venv $(ADDONS)
	$(ADDONS)/bin/python -m pip install -q tensorflow==2.15.1 tensorflow-addons==0.23.0
	touch $@

$(TFGNN)/.installed: benchmarks/tfgnn.txt
	$(PYTHON) -m venv $(TFGNN)
	$(TFGNN)/bin/python -m pip install -q -r benchmarks/tfgnn.txt
	touch $@
