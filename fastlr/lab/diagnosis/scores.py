"""How likely each fault is, by weights that were fitted to runs with known faults.

Design: a multinomial logistic regression, for it is small enough to print and its probabilities can be checked.  What
a log tells decides which of five is used: the fewer columns, the fewer signals, and the less sure the answer.  The
weights are in `weights.py`, which `python -m docs.diagnosis --fit` writes.
"""

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np

from fastlr.lab.diagnosis.signals import Signals
from fastlr.lab.diagnosis.trace import Trace
from fastlr.lab.diagnosis.weights import FACTORS, WEIGHTS

Level: TypeAlias = Literal["steps", "rates", "loss", "epoch rates", "epoch loss"]
FINE = 200
"""A log of fewer losses is one of epochs."""
SHAPE = ("half", "most", "jitter", "rises", "slope", "jitter x end", "unfinished x end")
BASE = ("blowup", "blowup > 0", "end", "end > -1.5", "late", "unfinished", "noise")
COARSE = ("blowup > 0", "end > -1.5", "unfinished", "jitter", "rises", "slope", "most")
INPUTS: Mapping[Level, tuple[str, ...]] = {
    "steps": (*BASE, "alpha", "head_alpha", "uphill", "travel", "budget"),
    "rates": (*BASE, *SHAPE, "budget"),
    "loss": (*BASE, *SHAPE),
    "epoch rates": (*COARSE, "budget"),
    "epoch loss": COARSE,
}
"""What each regression reads."""
DESCRIBED: Mapping[Level, str] = {
    "steps": "losses, rates and gradients along the steps",
    "rates": "losses and rates of steps",
    "loss": "losses of steps alone",
    "epoch rates": "losses and rates of epochs",
    "epoch loss": "losses of epochs alone",
}


def level(trace: Trace, found: Signals) -> Level:
    """Which regression a trace allows."""
    fine = int(np.isfinite(trace["loss"]).sum()) >= FINE
    if fine and math.isfinite(found.alpha) and math.isfinite(found.budget):
        return "steps"
    if math.isfinite(found.budget):
        return "rates" if fine else "epoch rates"
    return "loss" if fine else "epoch loss"


def inputs(found: Signals) -> dict[str, float]:
    """The signals as the regressions read them: within bounds, those that span decades as logarithms."""

    def log(value: float, low: float, high: float) -> float:
        return math.log10(min(max(value, low), high))

    end, unfinished = min(max(found.end, -1.5), 1.0), log(found.unfinished, 1e-4, 2.0)
    jitter = log(found.jitter, 1e-6, 10.0)
    read = {
        "blowup": min(max(found.blowup, -2.0), 2.0),
        "blowup > 0": min(max(found.blowup, 0.0), 2.0),
        "end": min(max(found.end, -3.0), 1.0),
        "end > -1.5": end,
        "late": min(max(found.late, -3.0), 2.0),
        "unfinished": unfinished,
        "noise": log(found.noise, 1e-5, 10.0),
        "half": log(found.half, 1e-2, 1.0),
        "most": log(found.most, 1e-2, 1.0),
        "jitter": jitter,
        "rises": found.rises,
        "slope": log(found.slope, 1e-5, 1.0),
        "jitter x end": jitter * end,
        "unfinished x end": unfinished * end,
        "alpha": min(max(found.alpha, -1.0), 2.0),
        "head_alpha": min(max(found.head_alpha, -1.0), 2.0),
        "uphill": found.uphill,
        "travel": log(found.travel, 1e-4, 1e3),
        "budget": log(found.budget, 1e-2, 1.0),
    }
    return {name: value if math.isfinite(value) else 0.0 for name, value in read.items()}


def probabilities(found: Signals, which: Level) -> dict[str, float]:
    """How likely each fault is; they sum to one."""
    read = inputs(found)
    scores = {
        fault: table["1"] + sum(table[name] * read[name] for name in INPUTS[which])
        for fault, table in WEIGHTS[which].items()
    }
    highest = max(scores.values())
    likely = {fault: math.exp(score - highest) for fault, score in scores.items()}
    total = sum(likely.values())
    return {fault: value / total for fault, value in likely.items()}


def factor(fault: str, found: Signals | None, which: Level) -> float:
    """How many times too high a rate is: below 1 where it is too low."""
    table = FACTORS[which][fault]
    if found is None:
        return float(10.0 ** table["median"])
    read = inputs(found)
    power = table["1"] + sum(table[name] * read[name] for name in INPUTS[which])
    return float(10.0 ** min(max(power, table["low"]), table["high"]))
