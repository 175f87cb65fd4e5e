"""How other tools read a suggestion off the curve of a range test, by name: for comparison on the same curves.

Written from what the tools do, faults included; nothing here is used for a suggestion of ours.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from fastlr.lab.checks import known
from fastlr.lab.data import Floats

Reader: TypeAlias = Callable[[Floats, Floats], float]
"""(rates, losses) -> suggestion"""


def fastai_valley(rates: Floats, losses: Floats) -> float:
    """Half way along the longest falling subsequence: fastai 2.4's default."""
    length = np.ones(len(losses), dtype=int)
    for i in range(1, len(losses)):
        longer = length[:i][losses[:i] > losses[i]]
        length[i] += longer.max(initial=0)
    end = int(length.argmax())
    third = length[end] / 3
    return float(rates[end - length[end] + int(third) + int(third / 2)])


def fastai_slide(rates: Floats, losses: Floats) -> float:
    """Slid down from the end until the slope (by index) 15 points before is as that at the point, up to 0.005."""
    slopes, last, first = np.gradient(losses), -1, -16
    found = rates[max(first, -len(rates))]
    while first >= -len(losses) and abs(slopes[last] - slopes[first]) > 0.005:
        found = rates[first]
        last, first = last - 1, first - 1
    return float(found)


def fastai_minimum10(rates: Floats, losses: Floats) -> float:
    """A tenth of the rate with the lowest loss."""
    return float(rates[losses.argmin()]) / 10


def fastai_steep(rates: Floats, losses: Floats) -> float:
    """Where the loss falls most from one point to the next, by the logarithm of the rate."""
    return float(rates[(np.diff(losses) / np.diff(np.log(rates))).argmin()])


def pytorch_lr_finder(rates: Floats, losses: Floats) -> float:
    """Where the slope by index is steepest, without the first ten points and the last five."""
    rates, losses = rates[10:-5], losses[10:-5]
    return float(rates[np.gradient(losses).argmin()])


def lightning(rates: Floats, losses: Floats) -> float:
    """Where the slope by the rate itself is steepest, without the first ten points and the last (from 2.5.3 on)."""
    rates, losses = rates[10:-1], losses[10:-1]
    return float(rates[np.gradient(losses, rates).argmin()])


def keras_lr_finder(rates: Floats, losses: Floats) -> float:
    """Where the loss fell most over the last 20 points, without the first ten points and the last five."""
    falls = np.zeros(len(losses))
    falls[20:] = (losses[20:] - losses[:-20]) / 20
    return float(rates[10:-5][falls[10:-5].argmin()])


OTHERS: Mapping[str, Reader] = {
    "fastai valley": fastai_valley,
    "fastai slide": fastai_slide,
    "fastai minimum/10": fastai_minimum10,
    "fastai steep": fastai_steep,
    "pytorch-lr-finder": pytorch_lr_finder,
    "lightning": lightning,
    "keras_lr_finder": keras_lr_finder,
}
FEWEST = 40
"""Points that all of them can do with."""


def suggested(tool: str, rates: Floats, losses: Floats) -> float:
    """What a tool suggests for a curve.

    Parameters
    ----------
    tool : str
        Of `OTHERS`.
    rates, losses : float64 arrays, shape (points,)
        At least 40 points, finite; rates increasing.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For an unknown name, or fewer points.

    Examples
    --------
    >>> rates = np.geomspace(1e-4, 1, 100)
    >>> round(suggested("fastai minimum/10", rates, (np.log10(rates) + 1) ** 2 + 1), 3)
    0.01
    """
    reader = known("suggested", "tool", tool, OTHERS)
    if len(rates) < FEWEST:
        raise ValueError(f"suggested({tool!r}): there must be at least {FEWEST} points, got {len(rates)}")
    end = len(losses)
    if losses.min() > 0:  # all of them stop at four times the lowest, or at five
        beyond = np.flatnonzero(losses > 4 * np.minimum.accumulate(losses))
        end = max(int(beyond[0]) + 1, FEWEST) if beyond.size else end
    if tool.startswith("fastai"):  # without the first tenth of the range and the last five points
        first = min(len(rates) // 10, end - 25)
        rates, losses, end = rates[first:], losses[first:], end - 5 - first
    return reader(rates[:end], losses[:end])
