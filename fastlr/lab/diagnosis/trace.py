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
"""Observations kept; of a longer run, means of 2, 4, 8, ... neighbours."""


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
    """

    columns: Mapping[str, Floats]
    broke: float | None = None
    spread: float = math.nan
    name: str = ""

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
    """Columns that grow; where they are full, neighbours become their mean.

    Examples
    --------
    >>> recorder = Recorder(capacity=4)
    >>> for step in range(6):
    ...     recorder.add(step, step * 10.0)
    >>> recorder.trace()["step"], recorder.trace()["loss"]
    (array([0.5, 2.5, 4.5]), array([ 5., 25., 45.]))
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._columns = [array("d") for _ in COLUMNS]
        self._appends = [column.append for column in self._columns]
        self._stride = 1
        self._pending: list[tuple[float, ...]] = []

    def add(
        self,
        step: float,
        loss: float,
        lr: float = math.nan,
        grad_norm: float = math.nan,
        along_last: float = math.nan,
        along_before: float = math.nan,
        ratio: float = math.nan,
        val_loss: float = math.nan,
        accuracy: float = math.nan,
    ) -> None:
        """Keep an observation."""
        values = (step, loss, lr, grad_norm, along_last, along_before, ratio, val_loss, accuracy)
        if self._stride > 1:
            self._pending.append(values)
            if len(self._pending) < self._stride:
                return
            values = tuple(_means(np.array(self._pending)).tolist())
            self._pending.clear()
        for append, value in zip(self._appends, values, strict=True):
            append(value)
        if len(self._columns[0]) >= self._capacity:
            self._halve()

    def _halve(self) -> None:
        pairs = np.array(self._columns).reshape(len(COLUMNS), -1, 2)
        for column, values in zip(self._columns, _means(np.moveaxis(pairs, 2, 0)), strict=True):
            del column[:]
            column.frombytes(np.ascontiguousarray(values).tobytes())
        self._stride *= 2

    def trace(self, **about: object) -> Trace:
        """What was kept so far."""
        table = np.array(self._columns)
        if self._pending:
            table = np.concatenate([table, _means(np.array(self._pending))[:, None]], axis=1)
        columns = {
            name: values
            for name, values in zip(COLUMNS, table, strict=True)
            if name in ("step", "loss") or np.isfinite(values).any()
        }
        return Trace(columns, **about)  # type: ignore[arg-type]


def _means(values: Floats) -> Floats:
    """Over the first axis, of what is finite; NaN where nothing is."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        means: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means
