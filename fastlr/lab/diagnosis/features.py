"""How far apart the scales of features are."""

import math
from typing import Any

import numpy as np


def spread(x: Any) -> float:
    """The root mean square of the largest feature over that of the median one; NaN for less than two features.

    A feature a hundred times as large as the others has ten thousand times their curvature, so no single rate suits
    all.

    Parameters
    ----------
    x : array-like, shape (rows, features)

    Examples
    --------
    >>> spread([[1.0, -2.0, 300.0], [-1.0, 2.0, 500.0]])
    206.15528128088303
    """
    values = np.asarray(x, np.float64)
    if values.ndim != 2 or min(values.shape) < 1 or values.shape[1] < 2:
        return math.nan
    scale = np.sqrt(np.mean(np.square(values), axis=0))
    used = scale[scale > 0]
    return float(used.max() / np.median(used)) if used.size else math.nan
