"""measure.h on NumPy arrays: the same sums in the same order, for the engine without a compiler."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK = 4096
LANES = 16


def dot(x: NDArray[Any], y: NDArray[Any]) -> float:
    """The scalar product in float64: lanes, then chunks, each added in their order."""
    products = x.astype(np.float64).ravel() * y.astype(np.float64).ravel()
    products = np.pad(products, (0, -products.size % CHUNK)).reshape(-1, CHUNK // LANES, LANES)
    lanes = np.zeros((len(products), LANES))
    for k in range(CHUNK // LANES):
        lanes += products[:, k]
    sums = np.zeros(len(products))
    for k in range(LANES):
        sums += lanes[:, k]
    return float(np.add.accumulate(sums)[-1]) if sums.size else 0.0


def largest(x: NDArray[Any]) -> float:
    """The largest magnitude; NaN if there is one, 0 if there is nothing."""
    return float(np.max(np.abs(x), initial=0.0))


def norm(arrays: list[NDArray[Any]], most: float) -> tuple[list[float], int]:
    """Sums of squares of float64 arrays whose squares may overflow or vanish, and the power of two that they lack.

    The sums are of the arrays divided by `2**exponent`; `most` is their largest magnitude.
    """
    exponent = math.frexp(most)[1]
    scaled = [np.ldexp(array, -exponent) for array in arrays]
    return [dot(array, array) for array in scaled], exponent
