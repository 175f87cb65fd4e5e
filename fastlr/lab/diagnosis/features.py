"""How far apart the scales of features are."""

import math
from typing import Any

import numpy as np

ROWS = 1000
"""Rows that are looked at, evenly spaced: more say the same."""


def spread(x: Any) -> float:
    """The root mean square of the largest feature over that of the median one; NaN for less than two features.

    A feature a hundred times as large as the others has ten thousand times their curvature, so no single rate suits
    all.

    Parameters
    ----------
    x : array-like or scipy.sparse array, shape (rows, features)

    Examples
    --------
    >>> spread([[1.0, -2.0, 300.0], [-1.0, 2.0, 500.0]])
    206.15528128088303
    """
    if len(getattr(x, "shape", ())) != 2:
        x = np.asarray(x, np.float64)
    if x.ndim != 2 or x.shape[0] < 1 or x.shape[1] < 2:
        return math.nan
    part = x[:: -(-x.shape[0] // ROWS)]
    values = np.asarray(part.toarray() if hasattr(part, "toarray") else part, np.float64)
    scale = np.sqrt(np.mean(np.square(values), axis=0))
    used = scale[scale > 0]
    return float(used.max() / np.median(used)) if used.size else math.nan
