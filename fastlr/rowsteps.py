"""How a table takes steps of some of its rows, and what must be kept for the rows that miss them.

Design: what a row misses while it is not touched is made up for ("exact") or not ("lazy").  To make up for it the
coefficients of every step are kept, the very numbers that the kernel was called with, since all rows were last brought
up to date.  So nothing has to be computed again, and a rate that followed a metric or was changed by hand is the one
that was used.  That is 48 bytes a step for Adam in float32, and 8 bytes for each row.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from fastlr.arrays import Array
from fastlr.engine.rows import Table

Mode: TypeAlias = Literal["lazy", "exact"]
MODES: tuple[Mode, ...] = get_args(Mode)
Integers: TypeAlias = NDArray[np.integer[Any]]


class History:
    """The coefficients of every step behind step `begin`."""

    def __init__(self, begin: int, coefficients: Array) -> None:
        self.begin = begin
        self._kept, self._count = coefficients, len(coefficients)

    @property
    def array(self) -> Array:
        """One step a row."""
        return self._kept[: self._count]

    def append(self, coefficients: Array) -> None:
        """Add those of the next step."""
        if self._count == len(self._kept):
            more = np.empty((max(64, 2 * self._count), len(coefficients)), coefficients.dtype)
            more[: self._count] = self.array
            self._kept = more
        self._kept[self._count] = coefficients
        self._count += 1


class RowSteps:
    """How a table takes its steps, and what has to be kept for it."""

    def __init__(self, table: Table, mode: Mode, steps: int) -> None:
        self.table, self.mode = table, mode
        self.last: NDArray[np.int64] | None = None
        if mode == "exact":
            self.last = np.full(table.rows, steps, np.int64) if steps else np.zeros(table.rows, np.int64)
        self.history = History(steps, self._no_steps())

    def _no_steps(self) -> Array:
        empty: Array = self.table.rounded([])
        return empty.reshape(0, self.table.coefficient_count)

    def step(self, rows: Integers, values: Array, settings: Sequence[float], steps: int) -> None:
        """Make the step behind `steps` others; where it raises nothing is changed."""
        coefficients = self.table.coefficients(steps + 1, settings)
        self._run(rows, values, coefficients, steps)
        if self.last is not None:
            self.history.append(coefficients)

    def catch_up(self, rows: Integers | None, steps: int) -> None:
        """Make the steps that rows, or all rows, have missed."""
        if self.last is None:
            return
        self._run(rows, None, None, steps)
        if rows is None:
            self.history = History(steps, self._no_steps())

    def _run(self, rows: Integers | None, values: Array | None, coefficients: Array | None, steps: int) -> None:
        past = self.history
        self.table.step(rows, values, coefficients, self.last, steps, past.array, past.begin)

    def save(self, *, copies: bool) -> dict[str, Any]:
        """What a restart needs, as plain values and arrays."""
        if self.last is None:
            return {"mode": self.mode}
        last, past = self.last, self.history.array
        return {
            "mode": self.mode,
            "last": last.copy() if copies else last,
            "begin": self.history.begin,
            "coefficients": past.copy() if copies else past,
        }

    def load(self, saved: Mapping[str, Any], steps: int, label: str) -> None:
        """Go on from what was saved after so many steps; where it raises nothing is changed."""
        if self.last is None:
            return
        last: Any = saved.get("last")
        begin, past = saved.get("begin"), saved.get("coefficients")
        wanted = self.history.array
        if not _like(last, self.last.dtype, self.last.shape) or not isinstance(begin, int):
            raise ValueError(f"{label} must have last, int64 of shape {self.last.shape}, and begin, a whole number")
        if not _like(past, wanted.dtype, (steps - begin, wanted.shape[1])):
            shape = (steps - begin, wanted.shape[1])
            raise ValueError(f"{label} must have coefficients, {wanted.dtype} of shape {shape}")
        if last.size and not 0 <= begin <= last.min() <= last.max() <= steps:
            raise ValueError(f"{label}: last must be in [{begin}, {steps}], got from {last.min()} to {last.max()}")
        self.last[...] = last
        self.history = History(begin, np.array(past))


def _like(array: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
    return isinstance(array, np.ndarray) and array.dtype == dtype and array.shape == shape
