# Everything is installed into .venv by the project's own files; only python3, gcc and make must be there.
PYTHON ?= python3
BIN := .venv/bin
COMPILED := setup.py pyproject.toml $(wildcard fastlr/rules/*.py fastlr/kernels/*.py fastlr/*/*.h fastlr/engine/*.pyx)

.PHONY: demo test lint unit test-slow test-peers bench clean

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

test-peers: .venv/peers  ## against the real Keras and optax
	KERAS_BACKEND=jax $(BIN)/pytest -m peers

bench: .venv/test  ## per-step overhead and 64 million weights, against PyTorch in the same run
	$(BIN)/python benchmarks/step.py

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

clean:
	rm -rf build dist *.egg-info fastlr/engine/*.so fastlr/kernels/*.so
