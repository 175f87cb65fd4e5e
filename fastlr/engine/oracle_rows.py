"""Steps of some rows of a table without a compiler, as `fastlr.engine.oracle` makes those of whole arrays."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastlr.engine.oracle import Mode
from fastlr.engine.rows import RowError, Table


class OracleTable(Table):
    """A `Table` for `backend="numpy"`: takes rows out, makes the steps on them as on whole arrays, puts them back."""

    def coefficients(self, t: int, settings: Sequence[float]) -> Any:
        """See `Table.coefficients`."""
        with Mode(self.flush):
            values = self.work.coefficients(float(t), *settings)
        row = self.work.row
        return self.rounded([values[pick] for pick in (*self.work.picks, *(row.picks if row else ()))])

    def step(
        self,
        rows: Any | None,
        values: Any | None,
        coefficients: Any | None,
        last: Any | None = None,
        steps: int = 0,
        past: Any | None = None,
        begin: int = 0,
    ) -> None:
        """See `Table.step`."""
        given = np.arange(self.rows) if rows is None else rows
        wrong = np.flatnonzero((given < 0) | (given >= self.rows))
        if wrong.size:
            raise RowError(int(wrong[0]))
        unique, which = np.unique(given, return_inverse=True)
        with Mode(self.flush):
            if last is not None and past is not None:
                self._make_up(unique, last, steps, past, begin)
            if values is not None:
                self._update(unique, self._sums(which, values), coefficients)
        if last is not None:
            last[unique] = steps + (values is not None)

    def _make_up(self, rows: Any, last: Any, steps: int, past: Any, begin: int) -> None:
        for done in range(int(last[rows].min(initial=steps)), steps):
            late = rows[last[rows] <= done]
            self._update(late, np.zeros((len(late), self.width), self.arrays[0].dtype), past[done - begin])

    def _sums(self, which: Any, values: Any) -> Any:
        """The gradients of each row, added in order of occurrence."""
        values = values.reshape(len(which), self.width)
        sums = np.empty((which.max(initial=-1) + 1, self.width), values.dtype)
        seen = np.zeros(len(sums), bool)
        for row, value in zip(which, values, strict=True):
            sums[row] = sums[row] + value if seen[row] else value
            seen[row] = True
        return sums

    def _update(self, rows: Any, g: Any, coefficients: Any) -> None:
        """One step of different rows."""
        if not len(rows):
            return
        arrays = [array.view(np.ndarray).reshape(self.rows, array.size // self.rows) for array in self.arrays]
        w, *state = (array[rows] for array in arrays)
        if (row := self.work.row) is None:
            new = self.work.kernel(w, g, *state, *coefficients)
        else:
            count, dtype = len(self.work.picks), w.dtype.type
            own = state[0][:, 0]
            first = dtype(coefficients[0]) * g + dtype(coefficients[1]) * w
            own, replaced = row.function(_mean_of_squares(first), own, *coefficients[count:])
            values: list[Any] = [dtype(value) for value in coefficients[:count]]
            values[row.replaced] = replaced.astype(dtype)[:, None]
            new = (*self.work.kernel(w, g, *values), own[:, None])
        for array, value in zip(arrays, new, strict=True):
            array[rows] = value


def _mean_of_squares(rows: Any) -> Any:
    """Of each row in float64: eight sums of every eighth square, then these in pairs, as the engine adds them."""
    squares = np.square(rows, dtype=np.float64)
    padded = np.pad(squares, ((0, 0), (0, -rows.shape[1] % 8)))
    sums = np.zeros((len(rows), 8))
    for start in range(0, padded.shape[1], 8):
        sums = sums + padded[:, start : start + 8]
    while sums.shape[1] > 1:
        half = sums.shape[1] // 2
        sums = sums[:, :half] + sums[:, half:]
    return sums[:, 0] / np.float64(rows.shape[1])
