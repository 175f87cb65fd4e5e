"""Numbers without a unit that say how a run went, whatever its loss, its length and its rate.

Design: progress is measured in *rate spent*, the sum of the learning rates so far, rather than in steps.  Ten steps at
a tenth of a rate go about as far as one at the whole, so a run that is over because its schedule is over looks like
one that was cut off early: still going down per unit of rate spent.
"""

import math
from dataclasses import dataclass

import numpy as np

from fastlr.lab.data import Floats
from fastlr.lab.diagnosis.trace import Trace

TAIL = 0.5
"""The share of a run, at its end, over which overshooting is judged."""
TINY = 1e-30
"""Losses are not divided by less."""
FEW = 3
"""Looks at single steps, or observations of a loss, that are too few to say anything."""
SMALLEST = 1e-4
"""Shares below this are this: they are noise."""
EXPLODED = 1e30
"""Losses above this are this, so that their logarithms stay comparable in float32 and float64."""


@dataclass(frozen=True)
class Signals:
    """What the rules of `fastlr.lab.diagnosis.faults` read; NaN where it was not observed.

    Attributes
    ----------
    first, best, last : float
        Losses: the first one, the lowest mean of a sixtieth of the run, the mean of its last tenth.
    blowup : float
        log10 of the highest loss (median of three in a row) over the first one: above 0.3 it doubled.
    end : float
        log10 of `last` over `first`.
    late : float
        log10 of the highest loss after the first tenth over the first one.
    unfinished : float
        Share of all that was gained that came with the last two thirds of the rate spent; 2/3 for a straight line.
    noise : float
        Deviation of the loss around a line over the second half, over its mean there.
    half, most : float
        The share of the run after which half, and nine tenths, of all that was gained were gained.
    jitter, rises, slope : float
        Of means of sixtieths, over the second half of the run: the median change over the mean loss, the share of the
        changes that go up, the descent over the loss that it began with.
    alpha : float
        Over the second half: the slope at the ends of steps over the slope at their beginnings, with its sign turned.
        -1: still at the top of the slope; 0: at the minimum along the step; 1: as high on the other side.
    head_alpha : float
        The same over the first fifth.
    uphill : float
        The share of steps that went uphill from where they began.
    travel : float
        Mean length of a step over that of the weights, times the steps: how often all weights could have been replaced.
    budget : float
        Mean rate over the highest rate.
    """

    first: float
    best: float
    last: float
    blowup: float
    end: float
    late: float
    unfinished: float
    noise: float
    half: float
    most: float
    jitter: float
    rises: float
    slope: float
    alpha: float
    head_alpha: float
    uphill: float
    travel: float
    budget: float


def signals(trace: Trace) -> Signals | None:
    """The signals of a run; None where fewer than three losses were observed.

    Parameters
    ----------
    trace : Trace
    """
    steps, losses = trace.given("loss")
    if len(losses) < FEW:
        return None
    losses = np.clip(losses - min(0.0, losses.min()), 0.0, EXPLODED)
    rates = trace["lr"][np.isfinite(trace["loss"])]
    first, last = float(losses[0]), float(losses[-max(1, len(losses) // 10) :].mean())
    bins = np.array([part.mean() for part in np.array_split(losses, min(60, len(losses)))])
    smooth = np.median(np.stack([losses[:-2], losses[1:-1], losses[2:]]), axis=0)
    return Signals(
        first=first,
        best=float(bins.min()),
        last=last,
        blowup=_log_ratio(float(smooth.max()), first),
        end=_log_ratio(last, first),
        late=_log_ratio(float(losses[len(losses) // 10 :].max()), first),
        unfinished=_unfinished(steps, losses, rates, first),
        noise=_noise(losses[len(losses) // 2 :]),
        **_of_shape(bins),
        **_of_steps(trace, steps),
        budget=_budget(rates),
    )


def spent(steps: Floats, rates: Floats) -> Floats:
    """The share of the rate that was spent by each observation, up to 1; of the steps where rates are missing."""
    lengths = np.maximum(np.gradient(steps), 0.0) if len(steps) > 1 else np.ones(len(steps))
    if not lengths.any():
        lengths = np.ones(len(steps))
    known = np.isfinite(rates) & (rates >= 0)
    weights = rates if known.all() and rates.sum() > 0 else np.ones(len(steps))
    area = np.cumsum(weights * lengths) if (weights * lengths).any() else np.cumsum(np.ones(len(steps)))
    share: Floats = area / area[-1]
    return share


def _unfinished(steps: Floats, losses: Floats, rates: Floats, first: float) -> float:
    share = spent(steps, rates)
    third = _around(share, losses, 0.28, 0.38)
    end = _around(share, losses, 0.90, 1.01)
    gain = first - end
    return (third - end) / gain if gain > 0 else 0.0


def _around(share: Floats, losses: Floats, low: float, high: float) -> float:
    """The mean loss where that share is spent, or the one nearest to it."""
    there = (share >= low) & (share <= high)
    if there.any():
        return float(losses[there].mean())
    return float(losses[np.abs(share - (low + high) / 2).argmin()])


def _noise(losses: Floats) -> float:
    if len(losses) < FEW:
        return math.nan
    mean = losses.mean()
    x = np.arange(len(losses))
    around = losses - np.polyval(np.polyfit(x, losses / max(mean, TINY), 1), x) * mean
    return float(around.std() / mean) if mean > 0 else 0.0


def _of_shape(bins: Floats) -> dict[str, float]:
    """What the means of sixtieths say."""
    end = bins[-max(1, len(bins) // 10) :].mean()
    gain, tail = bins[0] - end, bins[len(bins) // 2 :]
    changes = np.diff(tail)

    def reached(share: float) -> float:
        there = np.flatnonzero(bins <= bins[0] - share * gain)
        return float(there[0] + 1) / len(bins) if gain > 0 and len(there) else 1.0

    return {
        "half": reached(0.5),
        "most": reached(0.9),
        "jitter": float(np.median(np.abs(changes)) / max(tail.mean(), TINY)) if len(tail) >= FEW else 0.0,
        "rises": float((changes > 0).mean()) if len(tail) >= FEW else 0.5,
        "slope": float((tail[0] - end) / max(tail[0], TINY)),
    }


def _of_steps(trace: Trace, steps: Floats) -> dict[str, float]:
    after, before, ratio = trace["along_last"], trace["along_before"], trace["ratio"]
    there = np.isfinite(after) & np.isfinite(before)
    after, before = after[there], before[there]
    ratio = ratio[np.isfinite(ratio)]
    if len(after) < FEW:
        return {"alpha": math.nan, "head_alpha": math.nan, "uphill": math.nan, "travel": math.nan}
    tail, head = slice(int(TAIL * len(after)), None), slice(0, max(FEW, len(after) // 5))
    length = (steps[-1] - steps[0]) * len(steps) / max(len(steps) - 1, 1)
    return {
        "alpha": pooled(after[tail], before[tail]),
        "head_alpha": pooled(after[head], before[head]),
        "uphill": float((before >= 0).mean()),
        "travel": float(ratio.mean() * length) if len(ratio) else math.nan,
    }


def pooled(after: Floats, before: Floats) -> float:
    """The overshoot of many steps together, which noise of single gradients leaves alone; at most 9 in size.

    Where steps on the whole went uphill, or nowhere, there is none to tell, and it is 0.
    """
    down = -float(before.sum())
    return float(np.clip(after.sum() / down, -9.0, 9.0)) if down > 0 else 0.0


def _budget(rates: Floats) -> float:
    known = rates[np.isfinite(rates)]
    return float(known.mean() / known.max()) if len(known) and known.max() > 0 else math.nan


def _log_ratio(value: float, first: float) -> float:
    return math.log10(max(value, 1e-12 * max(first, TINY), TINY) / max(first, TINY))


def overshoots(trace: Trace, windows: int = 30) -> tuple[Floats, Floats]:
    """The overshoot along a run, for pictures: the middle step of each window, and what its steps have together."""
    after, before = trace["along_last"], trace["along_before"]
    there = np.isfinite(after) & np.isfinite(before)
    steps, after, before = trace["step"][there], after[there], before[there]
    if len(steps) < FEW:
        return np.empty(0), np.empty(0)
    parts = np.array_split(np.arange(len(steps)), min(windows, max(len(steps) // FEW, 1)))
    return (
        np.array([steps[part].mean() for part in parts]),
        np.array([pooled(after[part], before[part]) for part in parts]),
    )


def averages(trace: Trace, windows: int = 100) -> tuple[Floats, Floats]:
    """The loss along a run, for pictures: the middle step of each window, and the mean loss."""
    steps, losses = trace.given("loss")
    parts = np.array_split(np.arange(len(steps)), min(windows, len(steps))) if len(steps) else []
    return np.array([steps[part].mean() for part in parts]), np.array([losses[part].mean() for part in parts])
