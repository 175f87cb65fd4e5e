"""The engine without a compiler: the same plan, whose step runs the rule's Python text on whole arrays.

Slow, allocating, and the oracle: every compiled kernel must give its bits.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastlr.engine import Gather, Rows, Total, Work, measures
from fastlr.engine.native import Plan, enter_mode, leave_mode

Arrays = Sequence[NDArray[np.floating[Any]]]
Gradients = Sequence[Any]
"""An array each, or None."""


class OraclePlan(Plan):
    """A `Plan` for `backend="numpy"`."""

    def __init__(self, works: Sequence[Work], rows: Rows, gradients: Arrays | None = None, flush: bool = False) -> None:
        self._flush = flush
        self._rates = [0.0] * len(works)

    def rate(self, group: int) -> float:
        """See `Plan.rate`."""
        return self._rates[group]

    def run(self, gradients: Any) -> None:
        """The arithmetic of a step.  Nothing is written before everything is computed."""
        gradients = self.arrays_of(gradients)
        with Mode(self._flush):
            new = list(self._computed(gradients))
            gather = self.directions[0] if self.passes else 0
            if gather:
                self.totals.fill(0.0)
                self._gather_before(gradients, gather)
            before = [array.copy() for _, (array, *_) in self.rows] if gather & (Gather.UPDATE | Gather.KEEP) else []
            for array, value in new:
                array[...] = value
            if self.passes is not None:
                self._finish(gradients, gather, before)

    def measure(self, gradients: Any) -> None:
        """See `Plan.measure`."""
        gradients = self.arrays_of(gradients)
        with Mode(self._flush):
            self.totals.fill(0.0)
            self._gather_before(gradients, Gather.GRADIENT)
            self._add_up()

    def _computed(self, gradients: Gradients) -> Iterator[tuple[NDArray[np.floating], Any]]:
        """(array, its new values) for all weights and states."""
        values = [self._values(index) for index in range(len(self.works))]
        self._rates = [self.settings(index)[work.rate_at] for index, work in enumerate(self.works) if work.settings]
        for row, index, arrays in self._active(gradients):
            rounded = [arrays[0].dtype.type(value) for value in values[index]]
            w, *state = map(_plain, arrays)
            g = self._treated(row, _plain(gradients[row]))
            yield from zip((w, *state), self.works[index].kernel(w, g, *state, *rounded), strict=True)

    def _active(self, gradients: Gradients) -> Iterator[tuple[int, int, Arrays]]:
        """(row, its group, w and its state) of what has a gradient and is not frozen."""
        for row, (index, arrays) in enumerate(self.rows):
            if gradients[row] is not None and not self.is_frozen(index):
                yield row, index, arrays

    def _treated(self, row: int, g: NDArray[np.floating]) -> NDArray[np.floating]:
        """The gradient as the rule gets it."""
        if self.passes is None:
            return g
        _, scaled, limit, _ = self.directions
        real = g.dtype.type
        if np.isfinite(limit):
            return np.asarray(self.passes.clipped(g, g, real(self.factors[row]), real(-limit), real(limit))[0])
        return np.asarray(real(self.factors[row]) * g) if scaled else g

    def _gather_before(self, gradients: Gradients, gather: int) -> None:
        for row, _, _ in self._active(gradients):
            g, total = _plain(gradients[row]), self.totals[row]
            if gather & Gather.GRADIENT:
                total[Total.GRADIENT_SQUARES], total[Total.GRADIENT_LARGEST] = measures.dot(g, g), measures.largest(g)
                total[Total.GRADIENT_FAULTS] = g.size - np.count_nonzero(np.isfinite(g))
            if gather & Gather.ALONG and self.passes is not None:
                total[Total.ALONG_LAST] = measures.dot(g, self.passes.last[row])
            if gather & Gather.CLIPPED:
                treated = self._treated(row, g)
                total[Total.CLIPPED_SQUARES] = measures.dot(treated, treated)

    def _finish(self, gradients: Gradients, gather: int, before: Arrays) -> None:
        """What follows the update: averages, sums, zeroed gradients."""
        assert self.passes is not None
        share = self.directions[3]
        for row, _, (w, *_) in self._active(gradients):
            if share:
                average = self.passes.averages[row]
                average[...] = w if share == 1 else self.passes.blended(average, _plain(w), w.dtype.type(share))[0]
            if before:
                self._gather_after(row, _plain(w), _plain(gradients[row]), before[row], gather)
            if self.passes.zero:
                gradients[row][...] = 0
        if gather:
            self._add_up()

    def _gather_after(self, row: int, w: NDArray[Any], g: NDArray[Any], before: NDArray[Any], gather: int) -> None:
        total, step = self.totals[row], w - before
        if gather & Gather.UPDATE:
            total[Total.UPDATE_SQUARES], total[Total.WEIGHT_SQUARES] = measures.dot(step, step), measures.dot(w, w)
            total[Total.WEIGHT_LARGEST] = measures.largest(w)
        if gather & Gather.KEEP and self.passes is not None:
            total[Total.ALONG_OWN] = measures.dot(g, step)
            self.passes.last[row][...] = step

    def _add_up(self) -> None:
        """The last row: sums and maxima of the others, in their order."""
        self.totals[-1] = np.add.accumulate(self.totals[:-1])[-1]
        for column in (Total.GRADIENT_LARGEST, Total.WEIGHT_LARGEST):
            self.totals[-1, column] = np.max(self.totals[:-1, column], initial=0.0)

    def _values(self, index: int) -> list[float]:
        """The coefficients that a group's kernel takes."""
        work = self.works[index]
        values = work.coefficients(float(self.count(index) + 1), *self.settings(index))
        return [values[pick] for pick in work.picks]


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """As a plain array: a matrix multiplies in its own way, a masked array hides."""
    return array.view(np.ndarray)


class Mode:
    """Compute as the compiled engine does, and without warnings."""

    def __init__(self, flush: bool) -> None:
        self._flush = flush
        self._errstate = np.errstate(all="ignore")

    def __enter__(self) -> None:
        self._before = enter_mode(self._flush)
        self._errstate.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._errstate.__exit__(*error)
        leave_mode(self._before)
