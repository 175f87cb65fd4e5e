"""The engine without a compiler: the same plan, whose step runs the rule's Python text on whole arrays.

Slow, allocating, and the oracle: every compiled kernel must give its bits.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastlr.engine import Rows, Work
from fastlr.engine.native import Plan, array_at, enter_mode, leave_mode


class OraclePlan(Plan):
    """A `Plan` for `backend="numpy"`."""

    def __init__(
        self, works: Sequence[Work], rows: Rows, gradients: Sequence[Any] | None = None, flush: bool = False
    ) -> None:
        self._flush = flush

    def run(self, gradients: Sequence[NDArray[np.floating] | None] | NDArray[np.int64]) -> None:
        """The arithmetic of a step.  Nothing is written before everything is computed."""
        if isinstance(gradients, np.ndarray):
            rows = zip(gradients.tolist(), self.rows, strict=True)
            gradients = [array_at(address, arrays[0]) for address, (_, arrays) in rows]
        mode = enter_mode(self._flush)
        try:
            with np.errstate(all="ignore"):
                new = list(self._computed(iter(gradients)))
            for array, value in new:
                array[...] = value
        finally:
            leave_mode(mode)

    def _computed(self, gradients: Iterator[NDArray[np.floating] | None]) -> Iterator[tuple[NDArray[np.floating], Any]]:
        """(array, its new values) for all weights and states."""
        values = [self._values(index) for index in range(len(self.works))]
        for (index, arrays), gradient in zip(self.rows, gradients, strict=True):
            if gradient is None or self.is_frozen(index):
                continue
            rounded = [arrays[0].dtype.type(value) for value in values[index]]
            # Views as plain arrays: a matrix multiplies in its own way, a masked array hides.
            w, g, *state = (array.view(np.ndarray) for array in (arrays[0], gradient, *arrays[1:]))
            yield from zip((w, *state), self.works[index].kernel(w, g, *state, *rounded), strict=True)

    def _values(self, index: int) -> list[float]:
        """The coefficients that a group's kernel takes."""
        work = self.works[index]
        values = work.coefficients(float(self.count(index) + 1), *self.settings(index))
        return [values[pick] for pick in work.picks]
