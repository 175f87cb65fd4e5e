"""The words of a rule mean the same on arrays, in C and in Numba."""

import re
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastlr.kernels import jit  # noqa: F401 - teaches Numba the words
from fastlr.rules import vocabulary
from tests.table import same_bits

HEADER = Path(vocabulary.__file__).parents[1] / "kernels" / "vocabulary.h"
ARGUMENTS = {"sqrt": 1, "maximum": 2, "bounded": 3, "positive": 1}
EDGES = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 5e-324, 3.4e38, 1e308]


def test_each_word_is_defined_for_every_compiler():
    assert set(vocabulary.WORDS) == {*ARGUMENTS, "power"}
    in_c = set(re.findall(r"\b([a-z]+)_(?:##type|float)\b", HEADER.read_text()))
    assert set(vocabulary.WORDS) <= in_c


@pytest.fixture(scope="module", params=ARGUMENTS)
def word(request):
    """A word on arrays, and the same compiled by Numba to work element by element."""
    function = getattr(vocabulary, request.param)

    def once(a, b):
        return function(a)

    def twice(a, b):
        return function(a, b)

    def within(a, b):
        return function(a, -b, b)

    array = (once, twice, within)[ARGUMENTS[request.param] - 1]
    scalar = numba.njit(error_model="numpy")(array)

    @numba.njit(error_model="numpy")
    def loop(out, a, b):
        for i in range(out.size):
            out[i] = scalar(a[i], b[i])

    return array, loop


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numba_gives_numpys_bits_at_the_edges(word, dtype):
    with np.errstate(all="ignore"):
        a, b = (x.ravel() for x in np.meshgrid(np.array(EDGES).astype(dtype), np.array(EDGES).astype(dtype)))
        out = np.empty_like(a)
        word[1](out, a, b)
        expected = word[0](a, b)
    assert expected.dtype == np.dtype(dtype)
    assert same_bits(out, expected)


@given(st.floats(), st.floats())
def test_maximum_bounded_and_positive(a, b):
    """By their definition in words; what C does with them is shown by the bits of amsgrad and centered RMSprop."""
    largest = vocabulary.maximum(np.array([a]), np.array([b]))[0]
    assert np.isnan(largest) if np.isnan([a, b]).any() else largest == max(a, b)
    near = vocabulary.bounded(np.array([a]), -2.0, 3.0)[0]
    assert np.isnan(near) if np.isnan(a) else near == min(max(a, -2.0), 3.0)
    above = vocabulary.positive(np.array([a]))[0]
    assert np.isnan(above) if np.isnan(a) else above == max(a, 0.0) and np.copysign(1, above) == 1


@given(st.floats(0, 1), st.integers(0, 10**12))
def test_power_is_close_to_the_librarys_and_exact_where_that_can_be(x, n):
    assert vocabulary.power(x, float(n)) == pytest.approx(x**n, rel=1e-15 * (n + 1), abs=1e-300)
    assert vocabulary.power(0.5, float(n % 1000)) == 0.5 ** (n % 1000)


def test_sqrt_of_a_float_is_a_float():
    assert type(vocabulary.sqrt(2.0)) is float
    assert vocabulary.sqrt(2.0) == float(np.sqrt(2.0))
