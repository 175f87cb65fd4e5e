"""Which learning rates to try: on a grid, at random, or where the minimum and the cliff are."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np

Point: TypeAlias = tuple[float, float, bool]
"""A rate, its loss, whether it is lost: no better than no training at all."""
COARSE = 5
"""Rates that an adaptive search begins with, if it may try so many."""


def grid(low: float, high: float, count: int) -> tuple[float, ...]:
    """Rates in equal ratios, from `low` to `high`.

    >>> from fastlr.lab import rates
    >>> [float(f"{lr:.3g}") for lr in rates.grid(0.001, 1, 4)]
    [0.001, 0.01, 0.1, 1.0]
    """
    check_range("grid", low, high, count)
    return tuple(np.geomspace(low, high, count).tolist())


def log_random(low: float, high: float, count: int, seed: int = 0) -> tuple[float, ...]:
    """Rates drawn evenly in the logarithm between `low` and `high`, in order.

    >>> from fastlr.lab import rates
    >>> [float(f"{lr:.2g}") for lr in rates.log_random(0.001, 1, 3)]
    [0.0013, 0.0064, 0.081]
    """
    check_range("log_random", low, high, count)
    drawn = np.random.default_rng(seed).uniform(math.log(low), math.log(high), count)
    return tuple(np.exp(np.sort(drawn)).tolist())


@dataclass(frozen=True)
class Adaptive:
    """A few rates in equal ratios first; then each further one halves a gap beside the best, or the one at the cliff.

    What is tried next depends on nothing but the losses so far, so a search that was interrupted goes on as it would
    have.

    Parameters
    ----------
    low, high : float
        The range; above 0.
    count : int
        How many rates in all, at least 3.

    Examples
    --------
    A parabola's loss after ten steps of gradient descent, which diverges above 1:

    >>> search, points = Adaptive(0.001, 10, 11), []
    >>> while more := search.following(points):
    ...     points += [(lr, abs(1 - 2 * lr) ** 20, lr > 1) for lr in more]
    >>> [float(f"{lr:.2g}") for lr, _, _ in sorted(points)]
    [0.001, 0.01, 0.032, 0.1, 0.18, 0.32, 0.56, 1.0, 1.8, 3.2, 10.0]
    """

    low: float
    high: float
    count: int

    def __post_init__(self) -> None:
        check_range("Adaptive", self.low, self.high, self.count)
        if self.count < 3:
            raise ValueError(f"Adaptive(count={self.count}): count must be at least 3, two ends and one between")

    def following(self, points: Sequence[Point]) -> tuple[float, ...]:
        """The rates to try next, none at the end."""
        first = grid(self.low, self.high, min(COARSE, self.count))
        tried = {rate for rate, _, _ in points}
        if missing := tuple(rate for rate in first if rate not in tried):
            return missing
        gaps = sorted(_gaps(sorted(points)), key=lambda gap: gap[0] / gap[1])
        return tuple(math.sqrt(low * high) for low, high in gaps[: self.count - len(points)])


Rates: TypeAlias = Sequence[float] | Adaptive


def _gaps(points: Sequence[Point]) -> set[tuple[float, float]]:
    """The neighbours between which the minimum must be, and those between which the cliff is."""
    best = min(range(len(points)), key=lambda i: points[i][1])
    pairs = {(i, i + 1) for i in (best - 1, best) if 0 <= i < len(points) - 1}
    cliff = next((i for i in range(best + 1, len(points)) if points[i][2]), None)
    if cliff is not None:
        pairs.add((cliff - 1, cliff))
    return {(points[i][0], points[j][0]) for i, j in pairs}


def following(rates: Rates) -> Callable[[Sequence[Point]], tuple[float, ...]]:
    """What to try next, for a search as for rates that are given."""
    if isinstance(rates, Adaptive):
        return rates.following
    given = checked(rates)
    return lambda points: tuple(rate for rate in given if rate not in {tried for tried, _, _ in points})


def checked(rates: Sequence[float]) -> tuple[float, ...]:
    """Rates as floats that increase, or an error."""
    values = tuple(float(rate) for rate in rates)
    if not values:
        raise ValueError("sweep(rates=()): there must be at least one rate: rates.grid(1e-4, 1, 13)")
    for value in values:
        if not 0 < value < math.inf:
            raise ValueError(f"sweep(rates=...): rates must be numbers above 0, got {value!r}")
    for before, value in pairwise(values):
        if value <= before:
            raise ValueError(f"sweep(rates=...): rates must increase, got {value!r} after {before!r}: sort them")
    return values


def check_range(call: str, low: float, high: float, count: int) -> None:
    """Raise for a range that is none."""
    for name, value in (("low", low), ("high", high)):
        if not 0 < value < math.inf:
            raise ValueError(f"{call}({name}={value!r}): {name} must be a number above 0")
    if not low < high:
        raise ValueError(f"{call}(low={low!r}, high={high!r}): high must be above low")
    if not isinstance(count, int) or count < 1:
        raise ValueError(f"{call}(count={count!r}): count must be a whole number, at least 1")
