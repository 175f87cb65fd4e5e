"""From what was observed to the fault: two rules that need no statistics, then the regression."""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np

from fastlr.lab.diagnosis import evidence
from fastlr.lab.diagnosis.advice import advise
from fastlr.lab.diagnosis.result import Diagnosis, Fault
from fastlr.lab.diagnosis.scores import DESCRIBED, Level, level, probabilities
from fastlr.lab.diagnosis.signals import Signals, signals
from fastlr.lab.diagnosis.trace import Trace

DOUBLED = math.log10(2.0)
"""A run whose last tenth is above twice its first loss diverged."""
APART = 10.0
"""Scales of features: ten times apart, curvatures are a hundred times."""
LEAST = 10
"""Losses: of fewer nothing is said, unless they diverge."""
CERTAIN = 0.99
LIKELY = 0.86
"""The share of the runs for fitting whose validation loss ends above twice the first loss, that were too high."""


@dataclass(frozen=True)
class Verdict:
    """A fault and how sure it is."""

    fault: Fault
    confidence: float
    weighed: dict[str, float]


def judge(trace: Trace) -> Diagnosis:
    """The diagnosis of a trace.

    Parameters
    ----------
    trace : Trace
    """
    found = signals(trace)
    which = level(trace, found) if found is not None else None
    verdict = _verdict(trace, found, which)
    advice = advise(verdict.fault, trace, found, which, verdict.confidence)
    return Diagnosis(
        fault=verdict.fault,
        confidence=verdict.confidence,
        evidence=evidence.of(verdict.fault, trace, found),
        advice=advice.words,
        lr=advice.lr,
        factor=advice.factor,
        schedule=advice.schedule,
        sources=DESCRIBED[which] if which else "a few losses",
        level=which,
        probabilities=verdict.weighed,
        remarks=(*_limits(verdict.fault, which, trace), *trace.remarks),
        trace=trace,
    )


def _verdict(trace: Trace, found: Signals | None, which: Level | None) -> Verdict:
    if math.isfinite(trace.spread) and trace.spread >= APART:
        return Verdict("features", CERTAIN, {})
    if trace.broke is not None or (found is not None and found.end > DOUBLED):
        return Verdict("diverging", CERTAIN, {})
    if found is None or which is None or int(np.isfinite(trace["loss"]).sum()) < LEAST:
        return Verdict("unclear", 0.0, {})
    weighed = probabilities(found, which)
    fault = cast("Fault", max(weighed, key=weighed.__getitem__))
    if fault != "too low" and evidence.validation_lost(trace):
        return Verdict("too high", max(weighed["too high"], LIKELY), weighed)
    return Verdict(fault, min(weighed[fault], CERTAIN), weighed)


def _limits(fault: Fault, which: Level | None, trace: Trace) -> tuple[str, ...]:
    """Why one should not be too sure."""
    if fault == "unclear":
        return (f"fewer than {LEAST} losses are too few",)
    said = []
    if which is not None and which != "steps" and fault not in ("diverging", "features"):
        lacking = "gradients along the steps" if "rates" in which else "the rates, and gradients along the steps"
        said.append(f"judged by {DESCRIBED[which]}, so less sure: {lacking} would tell more")
    if fault == "too high" and evidence.validation_lost(trace):
        said.append("overfitting can look like this too, if it is severe")
    if not math.isfinite(trace.spread) and fault in ("too high", "diverging"):
        said.append("unscaled features look like this too: standardise them if they are not")
    return tuple(said)
