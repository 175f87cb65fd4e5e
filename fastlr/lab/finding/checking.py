"""Short runs at rates around a suggestion: what a ramp cannot know, they show.

Design: a ramp gives each rate a few steps, and none of them begins at the start.  So a ladder of rates, two to the
decade, is trained from the start at constant rates; while the best is at an end, the ladder grows there.  The best rate
is where the parabola through the three lowest losses has its minimum.  It is the lower the longer a run is: where noise
decides, as the square root of the number of steps (a rate's noise grows with it, what is left of the start falls with
rate times steps), and so it is carried over to the length that is planned.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastlr.lab.data import Floats
from fastlr.lab.finding.ramp import Subject

LADDER = (-1.0, -0.5, 0.0, 0.5)
"""Decades: 1/10, 1/3, 1 and 3 times the suggestion."""
RUNG = 0.5
LONGER = 3
"""How often a rate is added at an end."""
TAIL = 0.1
"""The share of the steps, before the end, over which the loss is averaged."""
POWER = 0.5
"""Of the number of steps: by it the best rate falls."""


@dataclass(frozen=True, eq=False)
class Check:
    """What the short runs gave.

    Attributes
    ----------
    steps, planned : int
        Of each run, and of the runs that the rate is for.
    rates : float64 array, shape (rates,)
        Increasing.
    starts : float64 array, shape (seeds,)
    losses : float64 array, shape (rates, seeds)
        At the end; that of the start where a run is lost, being no better.
    """

    steps: int
    planned: int
    rates: Floats
    starts: Floats
    losses: Floats

    @property
    def lost(self) -> NDArray[np.bool_]:
        """The rates at which half of the runs or more are no better than before training."""
        return np.asarray(np.mean(self.losses >= self.starts, axis=1) >= 0.5)

    @property
    def best(self) -> float:
        """The rate to take for runs as long as planned; NaN if at every rate runs are lost."""
        if self.lost.all():
            return math.nan
        return float(10 ** _lowest(self.rates, self.losses) * min(self.steps / self.planned, 1.0) ** POWER)


def check(subject: Subject, suggestion: float, seeds: tuple[int, ...], steps: int, planned: int) -> Check:
    """Train short runs around a suggestion."""
    tail = max(1, round(TAIL * steps))
    measure = [step >= steps - tail for step in range(steps)]
    found: dict[float, tuple[Floats, Floats]] = {}
    ladder, missing = list(LADDER), list(LADDER)
    while missing:
        rates = np.repeat(suggestion * 10 ** np.array(missing), len(seeds))
        losses = subject.run(np.tile(rates, (steps, 1)), seeds * len(missing), measure=measure, rise=False)
        for k, rung in enumerate(missing):
            found[rung] = _ends(losses[:, k * len(seeds) : (k + 1) * len(seeds)])
        lowest = int(np.argmin([np.median(found[rung][1]) for rung in ladder]))
        missing = []
        if len(ladder) < len(LADDER) + LONGER:
            if lowest == 0:
                missing = [ladder[0] - RUNG]
                ladder = [*missing, *ladder]
            elif lowest == len(ladder) - 1:
                missing = [ladder[-1] + RUNG]
                ladder = [*ladder, *missing]
    losses = np.stack([found[rung][1] for rung in ladder])
    return Check(steps, planned, suggestion * 10 ** np.array(ladder), found[ladder[0]][0], losses)


def _ends(losses: Floats) -> tuple[Floats, Floats]:
    """The first loss of each run, and the last; of lost runs the first again."""
    start = losses[0]
    with np.errstate(over="ignore"):
        end = losses[1:].mean(axis=0)
    return start, np.where(end < start, end, start)


def _lowest(rates: Floats, losses: Floats) -> float:
    """Where the loss by the rate is lowest, in decades."""
    x, y = np.log10(rates), np.median(losses, axis=1)
    if y.min() > 0:  # in logarithms a curve that spans decades is a parabola too
        y = np.log(y)
    k = int(y.argmin())
    if k in (0, len(y) - 1):
        return float(x[k])
    (left, right), (down, up) = (x[k] - x[k - 1], x[k + 1] - x[k]), (y[k - 1] - y[k], y[k + 1] - y[k])
    total = down * right + up * left
    return float(x[k] + (0.5 * (down * right**2 - up * left**2) / total if total > 0 else 0.0))
