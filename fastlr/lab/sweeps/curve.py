"""The U curve of one optimizer: its minimum, basin, cliff and what to do about them.

Design: a run counts as lost where its loss is not finite, or no lower than before training; lost runs enter at the loss
of the start, so one that diverged weighs as much as one that did nothing, and not infinitely more.  Rates are compared
by their median over the seeds.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fastlr.lab.data import Floats

MARGIN = 0.05
"""The basin: what loses at most this share of all that training gains (or one deviation over the seeds, if more)."""
NEAR = 3.0
"""A cliff is near if it is less than so many times the best rate."""
RESAMPLES = 1000
COVERED = 0.9


@dataclass(frozen=True, eq=False)
class Curve:
    """The final losses of one optimizer by rate and seed, and what they say.

    Attributes
    ----------
    optimizer : str
    rates : float64 array, shape (rates,)
        Increasing.
    seeds : tuple of int
    starts : float64 array, shape (seeds,)
        The losses before training.
    losses : float64 array, shape (rates, seeds)
        At the end; NaN where a run diverged.

    Examples
    --------
    >>> curve = Curve("sgd", np.array([0.01, 0.1, 1.0]), (0,), np.array([2.0]), np.array([[1.5], [0.5], [np.nan]]))
    >>> curve.best, curve.cliff, curve.edge
    (0.1, 1.0, '')
    >>> curve.advice
    'sgd: use 0.1, a factor of 10 below the cliff: from 1 on runs are lost'
    """

    optimizer: str
    rates: Floats
    seeds: tuple[int, ...]
    starts: Floats
    losses: Floats

    @cached_property
    def lost(self) -> NDArray[np.bool_]:
        """Which runs are no better than none, shape (rates, seeds)."""
        # not "loss >= start", which is false of NaN
        return np.asarray(~(self.losses < self.starts))

    @cached_property
    def lost_rates(self) -> NDArray[np.bool_]:
        """The rates at which half of the runs or more are lost."""
        return np.asarray(self.lost.mean(axis=1) >= 0.5)

    @cached_property
    def clipped(self) -> Floats:
        """The losses, and the loss of the start where a run is lost."""
        return np.where(self.lost, self.starts, self.losses)

    @cached_property
    def medians(self) -> Floats:
        """The loss of each rate: median over the seeds of the clipped losses."""
        return np.asarray(np.median(self.clipped, axis=1))

    @property
    def best(self) -> float:
        """The rate with the lowest loss."""
        return float(self.rates[self._best])

    @property
    def best_loss(self) -> float:
        """Its loss."""
        return float(self.medians[self._best])

    @property
    def start(self) -> float:
        """The loss before training: median over the seeds."""
        return float(np.median(self.starts))

    @property
    def learns(self) -> bool:
        """Whether at least one rate does better than no training."""
        return not self.lost_rates[self._best]

    @cached_property
    def interval(self) -> tuple[float, float]:
        """Where the best rate is in 90 % of 1,000 bootstrap samples of the seeds, the same samples at every call."""
        drawn = np.random.default_rng(0).integers(len(self.seeds), size=(RESAMPLES, len(self.seeds)))
        best = np.median(self.clipped[:, drawn], axis=2).argmin(axis=0)
        tail = (1 - COVERED) / 2
        low, high = np.quantile(self.rates[best], [tail, 1 - tail], method="nearest")
        return float(low), float(high)

    @cached_property
    def basin(self) -> tuple[float, float]:
        """The lowest and the highest rate around the best that do about as well."""
        margin = MARGIN * (self.start - self.best_loss)
        if len(self.seeds) > 1:
            margin = max(margin, float(np.std(self.clipped[self._best], ddof=1)))
        good = (self.medians <= self.best_loss + margin) & ~self.lost_rates
        low = high = self._best
        while low > 0 and good[low - 1]:
            low -= 1
        while high < len(good) - 1 and good[high + 1]:
            high += 1
        return float(self.rates[low]), float(self.rates[high])

    @property
    def decades(self) -> float:
        """The width of the basin."""
        return math.log10(self.basin[1] / self.basin[0])

    @property
    def cliff(self) -> float | None:
        """The first rate above the best at which half of the runs or more are lost; None if there is none."""
        above = np.flatnonzero(self.lost_rates[self._best :])
        return float(self.rates[self._best + above[0]]) if self.learns and above.size else None

    @property
    def edge(self) -> Literal["", "low", "high"]:
        """Whether the best rate is the lowest or the highest tried: the range must be widened there."""
        if self.best == self.rates[-1]:
            return "high"
        return "low" if self.best == self.rates[0] else ""

    @property
    def sensitivity(self) -> float:
        """By how much the loss exceeds the best, on average over the logarithm of the rates tried.

        NaN for a single rate.  Wortsman et al. 2023, arXiv:2309.14322, equation 1.
        """
        if len(self.rates) < 2:
            return math.nan
        x = np.log(self.rates)
        return float(np.trapezoid(self.medians - self.best_loss, x) / (x[-1] - x[0]))

    @property
    def advice(self) -> str:
        """What to do, in a sentence."""
        return f"{self.optimizer}: {self._advice()}"

    def _advice(self) -> str:
        low, high = (f"{rate:.3g}" for rate in (self.rates[0], self.rates[-1]))
        if not self.learns:
            if np.isnan(self.losses).all():
                return f"every run diverged: try rates below {low}, or standardise the data"
            return f"no rate from {low} to {high} does better than no training: widen the range"
        if self.edge == "high":
            return f"the best is the highest rate tried, {high}: try higher ones before you use it"
        if self.edge == "low":
            return f"the best is the lowest rate tried, {low}: try lower ones before you use it"
        words = f"use {self.best:.3g}"
        if self.decades > 0:
            words += f", or anything from {self.basin[0]:.3g} to {self.basin[1]:.3g}"
        if self.cliff is None:
            return f"{words}; no rate up to {high} is too high"
        factor = float(f"{self.cliff / self.best:.2g}")
        below = f"a factor of {factor:,g} below the cliff"
        if factor < NEAR:
            below = f"only {below}, so warm up, clip, or stay lower"
        return f"{words}, {below}: from {self.cliff:.3g} on runs are lost"

    @cached_property
    def _best(self) -> int:
        return int(self.medians.argmin())
