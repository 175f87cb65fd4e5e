# Everything is installed into .venv by the project's own files; only python3, gcc and make must be there.
PYTHON ?= python3
BIN := .venv/bin
ASV := $(BIN)/asv --config benchmarks/asv.conf.json
COMPILED := setup.py pyproject.toml $(wildcard fastlr/rules/*.py fastlr/kernels/*.py fastlr/*/*.h fastlr/*/*.pxd fastlr/*/*.pyx)

.PHONY: demo test lint unit test-slow test-random test-peers bench-quick bench performance finding diagnosis clean

demo: .venv/demo  ## train on the digits with five optimizers
	$(BIN)/fastlr train digits --compare sgd,momentum,adagrad,rmsprop,adam

test: lint unit  ## everything CI runs

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: .venv/test
	$(BIN)/pytest

test-slow: .venv/test  ## what takes minutes
	$(BIN)/pytest -m slow

test-random: .venv/test  ## the default run with other random examples than always
	HYPOTHESIS_PROFILE=random $(BIN)/pytest

test-peers: .venv/peers  ## against the real Keras and optax
	KERAS_BACKEND=jax $(BIN)/pytest -m peers

# What asv shall not take: float64, and where the last parameter is a number, those of three digits and more.
SMALL := ^(?!.*float64|.*, [0-9]{3,}\)$$)

bench-quick: .venv/test  ## every benchmark once and small: fails if one raises
	$(ASV) machine --yes
	$(ASV) run --python=same --quick --show-stderr --bench '$(SMALL)'

bench: .venv/test  ## the commit checked out, every benchmark; .asv/html/index.html shows them
	$(ASV) machine --yes
	$(ASV) run 'HEAD^!' --show-stderr
	$(ASV) publish

performance: .venv/race  ## docs/performance.md: the race against every peer, measured here; half an hour
	$(BIN)/python -m docs.performance

finding: .venv/test  ## docs/finding.md: find_lr against sweeps and other tools' rules; half an hour
	$(BIN)/python -m docs.finding

diagnosis: .venv/test  ## docs/diagnosis.md: how often the diagnosis of a rate is right; a quarter of an hour
	$(BIN)/python -m docs.diagnosis

.venv/bin/python:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip

.venv/demo: .venv/bin/python $(COMPILED)
	$(BIN)/pip install --quiet --editable '.[lab]'
	touch $@

.venv/test: .venv/bin/python $(COMPILED)
	$(BIN)/pip install --quiet --editable '.[test]'
	touch $@ .venv/demo

.venv/peers: .venv/test
	$(BIN)/pip install --quiet --editable '.[test,peers]'
	touch $@

# DeepSpeed's setup asks the torch that is installed.
.venv/race: .venv/test
	$(BIN)/pip install --quiet --editable '.[test,race]' ninja wheel
	DS_BUILD_OPS=0 $(BIN)/pip install --quiet --no-build-isolation deepspeed
	touch $@

clean:
	rm -rf build dist *.egg-info fastlr/*/*.so
