"""What every test and every doctest can use."""

import numpy as np
import pytest

import fastlr


@pytest.fixture(autouse=True)
def _names(doctest_namespace):
    doctest_namespace.update(np=np, fastlr=fastlr)
