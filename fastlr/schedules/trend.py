"""Whether a series of evaluations goes down, in a way that a single spike cannot fool.

Two tests on all pairs of a window, both of which must pass: Mann (1945) and Kendall's count of the pairs that
descend, less those that ascend, is beyond what chance does; and the descent that Theil (1950) and Sen's median slope
makes of it is large enough.  One value of n takes part in n - 1 of the n (n - 1) / 2 pairs, so where the others
descend, one spike, however high and wherever it is, cannot turn the count below the threshold if n is at least 8.
"""

import math
from collections.abc import Sequence
from itertools import combinations

SMALLEST_WINDOW = 8
"""The shortest window whose verdict no single value decides."""
CERTAINTY = 1.645
"""Standard deviations of the count without a trend: one in twenty windows of mere noise passes for a descent."""


def descends(values: Sequence[float], rtol: float, atol: float) -> bool:
    """Whether the values go down, over all of them by more than rtol * |median| + atol.

    Examples
    --------
    >>> from fastlr.schedules.trend import descends
    >>> descends([9, 8, 7, 6, 500, 4, 3, 2], rtol=1e-4, atol=0.0)
    True
    >>> descends([5, 4, 5, 4, 5, 4, 5, 4], rtol=1e-4, atol=0.0)
    False
    """
    n = len(values)
    falls = [(before - after, j - i) for (i, before), (j, after) in combinations(enumerate(values), 2)]
    count = sum((fall > 0) - (fall < 0) for fall, _ in falls)
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    if count <= CERTAINTY * deviation:
        return False
    slope = _median([fall / apart for fall, apart in falls])
    return slope * (n - 1) > rtol * abs(_median(values)) + atol


def _median(values: Sequence[float]) -> float:
    """Of few values: `statistics` takes longer to import than all of fastlr's schedules."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2.0
