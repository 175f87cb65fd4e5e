"""The engine without a compiler: the same plan, whose step runs the rule's Python text on whole arrays.

Slow, allocating, and the oracle: every compiled kernel must give its bits.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastlr.engine import Work
from fastlr.engine.native import Plan


class OraclePlan(Plan):
    """A `Plan` for `backend="numpy"`."""

    def __init__(self, works: Sequence[Work]) -> None:
        self._settings = [tuple(work.settings) for work in works]
        self._gradients: Sequence[NDArray[np.floating]] = ()

    def configure(self, group: int, settings: Sequence[float]) -> None:
        self._settings[group] = tuple(settings)

    def set(self, group: int, k: int, value: float) -> None:
        settings = self._settings[group]
        self._settings[group] = (*settings[:k], value, *settings[k + 1 :])

    def point(self, gradients: Sequence[NDArray[np.floating]]) -> int:
        misfit = super().point(gradients)
        if misfit < 0:
            self._gradients = gradients
        return misfit

    def step(self) -> bool:
        gradients = iter(self._gradients)
        t = float(self.steps + 1)
        with np.errstate(all="ignore"):
            for work, settings in zip(self.works, self._settings, strict=True):
                values = work.coefficients(t, *settings)
                for row in work.rows:
                    rounded = [row[0].dtype.type(values[pick]) for pick in work.picks]
                    new = work.kernel(row[0], next(gradients), *row[1:], *rounded)
                    for array, value in zip(row, new, strict=True):
                        array[...] = value
        self.steps += 1
        return True
