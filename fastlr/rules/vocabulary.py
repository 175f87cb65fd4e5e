"""The words a rule is written in, besides + - * / and comparisons.

Each is exact (IEEE 754 rounds it correctly, or it only selects), so it gives the same bits on NumPy
arrays here, in C (`fastlr/kernels/vocabulary.h`) and in Numba (`fastlr/kernels/jit.py`).  A word added
here is added there, and `tests/kernels/test_vocabulary.py` holds the three against one another.
"""

import math
from typing import Any

import numpy as np

WORDS = ("sqrt", "maximum", "bounded", "positive", "power")


def sqrt(x: Any) -> Any:
    """Square root, correctly rounded; NaN below zero."""
    return math.sqrt(x) if type(x) is float else np.sqrt(x)


def power(x: float, n: float) -> float:
    """`x**n` for a whole n >= 0 by squaring: products only, so unlike the C library's pow it is the same everywhere."""
    result, left = 1.0, int(n)
    while left:
        if left & 1:
            result *= x
        x *= x
        left >>= 1
    return result


def maximum(a: Any, b: Any) -> Any:
    """The larger of two; NaN if either is; `a` if they are equal (so +0 and -0 are told apart)."""
    return np.where((a >= b) | (a != a), a, b)


def bounded(x: Any, low: Any, high: Any) -> Any:
    """`x` brought into [low, high], which are not NaN; NaN stays."""
    above = np.where(x < low, low, x)
    return np.where(above > high, high, above)


def positive(x: Any) -> Any:
    """`x` where it is above zero or NaN, else +0: mends a difference that rounding made negative."""
    return np.where((x > 0) | (x != x), x, np.zeros_like(x))
