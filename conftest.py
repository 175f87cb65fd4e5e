"""What every test and every doctest can use."""

import os

import numpy as np
import pytest
from hypothesis import settings

import fastlr

# The same examples in every run, so that a change that passed once passes again; `make test-random` draws others.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("random", max_examples=200)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace.update(np=np, fastlr=fastlr)
