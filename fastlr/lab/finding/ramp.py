"""The ramp: a rate that grows by the same factor each step, and when to stop it."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from fastlr.lab.data import Floats

RISE = 1.0
"""A run is stopped where its loss is so many times the gain so far above the start."""
SLACK = 0.5
"""But no less than this share of the first loss above it: small steps may lead up before they lead down."""
PATIENCE = 3
"""Steps in a row that must be so high: one bad batch ends no run."""


class Watch:
    """Which runs go on: those whose loss is finite, and not far above its start for good.

    Parameters
    ----------
    runs : int
    rise : bool
        Whether a high loss stops a run, or only one that is not finite.
    """

    def __init__(self, runs: int, *, rise: bool = True) -> None:
        self.alive = np.full(runs, True)
        self._rise = rise
        self._start: Floats | None = None
        self._high = np.zeros(runs, dtype=int)

    def seen(self, losses: Floats) -> Floats:
        """Take the losses after a step, the first time before any; the same, NaN for runs that were stopped before."""
        losses = np.where(self.alive & np.isfinite(losses), losses, np.nan)
        if self._start is None:
            self._start = self._lowest = losses
        self._lowest = np.fmin(self._lowest, losses)
        margin = np.maximum(RISE * (self._start - self._lowest), SLACK * np.abs(self._start))
        self._high = np.where(losses > self._start + margin, self._high + 1, 0)
        self.alive &= np.isfinite(losses)
        if self._rise:
            self.alive &= self._high < PATIENCE
        return losses


class Subject(Protocol):
    """What is trained in a range test, from its start each time."""

    name: str
    measured: str
    """What the losses are, in words."""

    def run(self, rates: Floats, seeds: tuple[int, ...], *, measure: Sequence[bool], rise: bool) -> Floats:
        """Train a run for each column of `rates`, shape (steps, runs), and its seed.

        Returns
        -------
        float64 array, shape (1 + measured, runs)
            The loss before the first step, and after each that is to be measured; NaN from where a run was stopped:
            where `rise`, also for a loss that is too high, see `Watch`.
        """
        ...


def ramp(min_lr: float, max_lr: float, steps: int, runs: int) -> Floats:
    """The rates of a range test, the same for all runs, shape (steps, runs)."""
    rates: Floats = np.geomspace(min_lr, max_lr, steps)
    return np.repeat(rates[:, None], runs, axis=1)
