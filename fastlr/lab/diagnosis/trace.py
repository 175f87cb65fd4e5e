"""What was observed of a run, column by column."""

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fastlr.lab.data import Floats

COLUMNS = ("step", "loss", "lr", "grad_norm", "along_last", "along_before", "ratio", "val_loss", "accuracy")
"""What is kept of an observation; NaN where it was not told."""
CAPACITY = 8192
"""Observations kept; of a longer run every 2nd, 4th, 8th, ..."""
SUMMED = ("along_last", "along_before")
"""What is added up over those that are left out: their sums are what counts."""
WIDTH = len(COLUMNS)
SUMS = tuple(map(COLUMNS.index, SUMMED))


@dataclass(frozen=True, eq=False)
class Trace:
    """A run as it was observed.

    Attributes
    ----------
    columns : mapping of str to float64 array, shape (observations,)
        Of `COLUMNS`, those that have a value somewhere; NaN where there is none.  `along_last` and `along_before` are
        the two products of `fastlr.lab.diagnosis.probe`.
    broke : float or None
        The step at which a loss or a gradient was not finite first.
    spread : float
        How far apart the scales of the features are: the largest over the median one; NaN if nobody told.
    name : str
        Of the run, where several are told apart.
    unit : str
        What `step` counts: "step" or "epoch".
    remarks : tuple of str
        What whoever made the trace has to say about it.
    """

    columns: Mapping[str, Floats]
    broke: float | None = None
    spread: float = math.nan
    name: str = ""
    unit: str = "step"
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns["step"])

    def has(self, name: str) -> bool:
        """Whether there is a column of that name with a finite value."""
        return name in self.columns and bool(np.isfinite(self.columns[name]).any())

    def __getitem__(self, name: str) -> Floats:
        """A column; all NaN where nobody told."""
        return self.columns[name] if name in self.columns else np.full(len(self), np.nan)

    def given(self, name: str) -> tuple[Floats, Floats]:
        """The steps at which a column has a finite value, and the values."""
        values = self[name]
        there = np.isfinite(values)
        return self["step"][there], values[there]


class Recorder:
    """Columns that grow; where they are full, every other observation goes.

    Losses are left out rather than averaged, for how much they scatter says something.

    Examples
    --------
    >>> recorder = Recorder(capacity=4)
    >>> for step in range(6):
    ...     recorder.add((step, step * 10.0, *[math.nan] * 7))
    >>> recorder.trace()["step"], recorder.trace()["loss"]
    (array([0., 2., 4.]), array([ 0., 20., 40.]))
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity + capacity % 2
        self._rows = array("d")
        self._stride = 1
        self._held: list[float] = []
        self._count = 0

    def add(self, row: tuple[float, ...]) -> None:
        """Keep an observation: the values of `COLUMNS`, NaN where there is none."""
        if self._stride == 1:
            self._rows.extend(row)
        elif not self._merged(row):
            return
        if len(self._rows) >= self._capacity * WIDTH:
            pairs = np.array(self._rows).reshape(-1, 2, WIDTH)
            self._rows = array("d", _one(np.moveaxis(pairs, 1, 0)).tobytes())
            self._stride *= 2

    def _merged(self, row: tuple[float, ...]) -> bool:
        """Take an observation into the one that stands for as many as the stride; whether that one is complete."""
        held = self._held
        if not held:
            held.extend(row)
        # what an observation has beside its loss is rare: NaN is not equal to itself
        elif held[1] != held[1] or row[4] == row[4] or row[7] == row[7] or row[8] == row[8]:
            for k, value in enumerate(row):
                if held[k] != held[k]:
                    held[k] = value
                elif k in SUMS and value == value:
                    held[k] += value
        self._count += 1
        if self._count < self._stride:
            return False
        self._rows.extend(held)
        held.clear()
        self._count = 0
        return True

    def trace(
        self,
        *,
        broke: float | None = None,
        spread: float = math.nan,
        name: str = "",
        remarks: tuple[str, ...] = (),
    ) -> Trace:
        """What was kept so far."""
        table = np.array(self._rows).reshape(-1, WIDTH)
        if self._held:
            table = np.concatenate([table, np.array(self._held)[None]])
        columns = {
            column: values
            for column, values in zip(COLUMNS, table.T, strict=True)
            if column in ("step", "loss") or np.isfinite(values).any()
        }
        return Trace(columns, broke, spread, name, remarks=remarks)


def _one(several: Floats) -> Floats:
    """Of each of many groups of observations, shape (in a group, groups, columns), one: the first that has a value."""
    there = np.isfinite(several)
    chosen = np.take_along_axis(several, there.argmax(axis=0)[None], axis=0)[0]
    sums = np.where(there, several, 0.0).sum(axis=0)
    summed = np.isin(COLUMNS, SUMMED) & there.any(axis=0)
    return np.ascontiguousarray(np.where(summed, sums, chosen))
