"""One run among many, and what training many gave."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastlr.lab.data import Floats
from fastlr.rules.base import Rule


@dataclass(frozen=True)
class Row:
    """One run of a workload: its optimizer and its seed.

    Attributes
    ----------
    rule : Rule
        The optimizer and its settings.  A rate that follows a metric (`Plateau`, `Greedy`) begins anew, and is told
        the loss on the test part after every epoch, or the loss where there is no data.
    seed : int
        Of the initial weights and the order of the data: rows of one seed differ by their rules alone.
    """

    rule: Rule
    seed: int


@dataclass(frozen=True, eq=False)
class Histories:
    """What training rows gave: an array has a line for each epoch that was scored, and a column for each row.

    Attributes
    ----------
    rows : tuple of Row
    epochs : int array, shape (lines,)
        Scored after so many epochs; 0, before training, is the first.
    train_loss, test_loss, train_metric, test_metric : float64 array, shape (lines, rows)
        The metric is NaN for problems without one.  Without data both losses are the loss.
    rates : float64 array, shape (lines, rows)
        The learning rate of the next step.  This and the others are NaN from where a row diverged.
    diverged : int array, shape (rows,)
        The steps taken before a loss was not finite, or -1.
    """

    rows: tuple[Row, ...]
    epochs: NDArray[np.intp]
    train_loss: Floats
    test_loss: Floats
    train_metric: Floats
    test_metric: Floats
    rates: Floats
    diverged: NDArray[np.intp]

    def only(self, wanted: Sequence[int]) -> "Histories":
        """Those of some of the rows, by their places."""
        rows, places = tuple(self.rows[r] for r in wanted), list(wanted)
        curves = {name: getattr(self, name)[:, places] for name in CURVES}
        return Histories(rows, self.epochs, **curves, diverged=self.diverged[places])


CURVES = ("train_loss", "test_loss", "train_metric", "test_metric", "rates")


def joined(parts: Sequence[Histories]) -> Histories:
    """Histories over the same epochs as one."""
    rows = tuple(row for part in parts for row in part.rows)
    curves = {name: np.concatenate([getattr(part, name) for part in parts], axis=1) for name in CURVES}
    return Histories(rows, parts[0].epochs, **curves, diverged=np.concatenate([part.diverged for part in parts]))
