"""What to do about a fault, with a number.

The number of times that a rate is too high or too low comes from a regression on runs whose best rate is known
(`scores.factor`).  Of a schedule, a budget of a half is advised: the mean of a good one over its highest rate.
"""

import math
from dataclasses import dataclass

import numpy as np

from fastlr.lab.data import Floats
from fastlr.lab.diagnosis.result import Fault
from fastlr.lab.diagnosis.scores import Level, factor
from fastlr.lab.diagnosis.signals import Signals
from fastlr.lab.diagnosis.trace import Trace
from fastlr.schedules import Cosine
from fastlr.schedules.base import Schedule

LEAST_CHANGE = 2.0
"""A rate that is at fault is changed by this factor or more."""
USUAL = 0.01
"""The rate to begin with on standardised features: it suits most optimizers."""
HALF_SPENT = 2.513
"""decay times steps of a time-based decay that spends half of what its first rate would: ln(1 + x) / x = 1/2."""
DROP = 1.5
"""A rate that falls by this factor from one observation to the next dropped."""


@dataclass(frozen=True)
class Advice:
    """Words, and the numbers in them."""

    words: str
    lr: float | None = None
    factor: float | None = None
    schedule: Schedule | None = None


def advise(fault: Fault, trace: Trace, found: Signals | None, which: Level | None, confidence: float = 1.0) -> Advice:
    """What to do about the fault of a run: the less sure, the smaller the rise of a rate."""
    if fault == "healthy":
        return Advice("go on as you are")
    if fault == "unclear":
        return Advice("observe more of the run, and ask again")
    if fault == "features":
        return Advice(
            f"standardise the features (mean 0, deviation 1), then begin with lr {USUAL:g}", lr=USUAL, factor=None
        )
    if fault == "too aggressive":
        return _schedule(trace, found)
    times = factor(fault, found, which or "epoch loss")
    return _rate(fault, trace, times**confidence if fault == "too low" else times)


def _rate(fault: Fault, trace: Trace, times: float) -> Advice:
    """Another rate; `times` is how many times too high it is."""
    times = min(times, 1 / LEAST_CHANGE) if fault == "too low" else max(times, LEAST_CHANGE)
    way, size = ("low", 1 / times) if fault == "too low" else ("high", times)
    about = f"{size:.2g}" if size < 100 else f"{_rounded(size):,.0f}"
    _, rates = trace.given("lr")
    if not len(rates) or rates.max() <= 0:
        verb = "multiply it by" if fault == "too low" else "divide it by"
        return Advice(f"the rate is about {about} times too {way}: {verb} {about}", factor=_rounded(1 / times))
    now = float(rates.max())
    new = _rounded(now / times)
    return Advice(f"lr {now:.3g} is about {about} times too {way}: use {new:g}", lr=new, factor=_rounded(new / now))


def _schedule(trace: Trace, found: Signals | None) -> Advice:
    """A slower decay."""
    steps, rates = trace.given("lr")
    unit = trace.unit
    if not len(rates):
        return Advice(f"keep the rate up for longer: let its mean over the {unit}s be half of its highest")
    total = max(int(steps[-1] - steps[0]) + 1, 1)
    peak = float(rates.max())
    schedule = Cosine(peak, total=total)
    words = f"keep the highest rate and spend half of it: Cosine({peak:.3g}, total={total}) over the {total:,} {unit}s"
    if (decay := time_decay(steps, rates)) is not None:
        words += f", or a time-based decay of {_rounded(HALF_SPENT / total):g} rather than {decay:.2g} a {unit}"
    elif len(drops := dropped(steps, rates)):
        waited = max(float(drops[0] - steps[0]), 1.0)
        times = _rounded(max(total / 2 / waited, 1.0))
        words += (
            f", or wait {times:g} times as long with the first of the {len(drops)} drops (it came at {drops[0]:,.0f})"
        )
    return Advice(words, lr=peak, factor=1.0, schedule=schedule)


def time_decay(steps: Floats, rates: Floats) -> float | None:
    """The decay d of rates that are peak / (1 + d t); None for others.

    >>> t = np.arange(100.0)
    >>> round(time_decay(t, 0.3 / (1 + 0.05 * t)), 6)
    0.05
    """
    if len(rates) < 5 or not (rates > 0).all() or rates[-1] >= rates[0]:
        return None
    inverse = rates[0] / rates
    slope, start = np.polyfit(steps - steps[0], inverse, 1)
    off = np.abs(start + slope * (steps - steps[0]) - inverse).max() / (inverse.max() - inverse.min())
    return float(slope) if off < 0.02 and slope > 0 else None


def dropped(steps: Floats, rates: Floats) -> Floats:
    """The steps at which the rate dropped, if it is constant between."""
    falls = rates[:-1] > DROP * rates[1:]
    still = np.isclose(rates[:-1], rates[1:], rtol=1e-9)
    found: Floats = steps[1:][falls]
    return found if (falls | still).all() else found[:0]


def _rounded(value: float) -> float:
    """To two digits."""
    return float(f"{value:.2g}") if math.isfinite(value) else value
