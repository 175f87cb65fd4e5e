"""The engine without a compiler: the same plan, whose step runs the rule's Python text on whole arrays.

Slow, allocating, and the oracle: every compiled kernel must give its bits.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastlr.engine.native import Plan


class OraclePlan(Plan):
    """A `Plan` for `backend="numpy"`."""

    def run(self, gradients: Sequence[NDArray[np.floating]]) -> None:
        """The arithmetic of a step.  Nothing is written before everything is computed."""
        remaining = iter(gradients)
        new: list[tuple[NDArray[np.floating], NDArray[np.floating]]] = []
        with np.errstate(all="ignore"):
            for index, work in enumerate(self.works):
                values = work.coefficients(float(self.steps + 1), *self.settings(index))
                for row in work.rows:
                    rounded = [row[0].dtype.type(values[pick]) for pick in work.picks]
                    # Views as plain arrays: a matrix multiplies in its own way, a masked array hides.
                    w, g, *state = (array.view(np.ndarray) for array in (row[0], next(remaining), *row[1:]))
                    new += zip((w, *state), work.kernel(w, g, *state, *rounded), strict=True)
        for array, value in new:
            array[...] = value
