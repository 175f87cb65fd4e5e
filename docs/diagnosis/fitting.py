"""Fits what `fastlr/lab/diagnosis/weights.py` holds: regressions on the data sets that are for fitting."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from docs.diagnosis.corpus import Specimen
from docs.diagnosis.recording import by_epoch
from fastlr.lab.data import Floats
from fastlr.lab.diagnosis.scores import INPUTS, Level, inputs
from fastlr.lab.diagnosis.signals import Signals, signals
from fastlr.lab.diagnosis.trace import Trace

FAULTS = ("healthy", "too high", "too low", "too aggressive", "diverging")
STRENGTH = 0.03
"""Of the regressions, scikit-learn's C: about the best where each data set for fitting in turn is left out."""
HEADER = '''"""What was fitted to runs with known faults, by `python -m docs.diagnosis --fit`: not to be edited.

WEIGHTS: of each kind of log, for each fault, the weights of the signals; "1" is added to their sum.
FACTORS: the same for log10 of how many times too high the rate is, with bounds, and the median for a run too short.
"""

from collections.abc import Mapping

'''


def only(trace: Trace, *names: str) -> Trace:
    """A trace with some of its columns."""
    return Trace({name: trace[name] for name in ("step", "loss", *names)}, trace.broke)


VIEWS: Mapping[Level, Callable[[Specimen], Trace]] = {
    "steps": lambda s: s.trace,
    "rates": lambda s: only(s.trace, "lr"),
    "loss": lambda s: only(s.trace),
    "epoch rates": lambda s: by_epoch(s.trace, s.task.workload.steps_per_epoch),
    "epoch loss": lambda s: only(by_epoch(s.trace, s.task.workload.steps_per_epoch)),
}
"""The same run as logs of each kind would have it."""


def seen_by(level: Level, specimens: Sequence[Specimen]) -> list[Specimen]:
    """Those that can be seen that way: where an epoch is a step, its log is one of steps."""
    coarse = level.startswith("epoch")
    return [each for each in specimens if not coarse or each.task.workload.steps_per_epoch > 1]


def obvious(trace: Trace, found: Signals | None) -> bool:
    """Whether it needs no regression: it diverged."""
    return trace.broke is not None or found is None or found.end > math.log10(2)


def fit(specimens: Sequence[Specimen]) -> str:
    """The text of weights.py."""
    fitted = [each for each in specimens if not each.judges and each.label != "features"]
    weights, factors = {}, {}
    for level, view in VIEWS.items():
        seen = [(each, trace, signals(trace)) for each in seen_by(level, fitted) for trace in [view(each)]]
        unsure = [(each, found) for each, trace, found in seen if found is not None and not obvious(trace, found)]
        x = np.array([_read(level, found) for _, found in unsure])
        y = np.array([each.label for each, _ in unsure])
        weights[level] = _weights(level, x, y)
        factors[level] = {fault: _factors(level, fault, seen) for fault in FAULTS[1:3] + FAULTS[4:]}
    return text(weights, factors)


def text(weights: Mapping[Any, Any], factors: Mapping[Any, Any]) -> str:
    """The module that holds these."""
    kind = "Mapping[str, Mapping[str, Mapping[str, float]]]"
    return HEADER + f"WEIGHTS: {kind} = {_literal(weights)}\nFACTORS: {kind} = {_literal(factors)}\n"


def _literal(value: Any, before: str = "") -> str:
    """A mapping of mappings of numbers as Python, a line each."""
    if not isinstance(value, Mapping):
        return repr(value)
    lines = [f'{before}    "{key}": {_literal(inner, before + "    ")},\n' for key, inner in value.items()]
    return "{\n" + "".join(lines) + before + "}"


def _read(level: Level, found: Signals) -> list[float]:
    read = inputs(found)
    return [read[name] for name in INPUTS[level]]


def _classifier(x: Floats, y: NDArray[Any]) -> tuple[Any, Floats, Floats]:
    middle, scale = x.mean(axis=0), x.std(axis=0) + 1e-9
    # without class weights, so that its probabilities are those of the corpus
    made = LogisticRegression(C=STRENGTH, max_iter=10_000)
    return made.fit((x - middle) / scale, y), middle, scale


def _weights(level: Level, x: Floats, y: NDArray[Any]) -> dict[str, dict[str, float]]:
    made, middle, scale = _classifier(x, y)
    found = {}
    for fault, slopes, start in zip(made.classes_, made.coef_ / scale, made.intercept_, strict=True):
        named = {name: round(float(slope), 4) for name, slope in zip(INPUTS[level], slopes, strict=True)}
        found[str(fault)] = {"1": round(float(start - slopes @ middle), 4), **named}
    return found


def left_out(specimens: Sequence[Specimen]) -> tuple[list[str], list[str]]:
    """The truth, and what is said live of every data set by a regression that was fitted to all others."""
    cases = [(each, signals(each.trace)) for each in specimens if each.label != "features"]
    plain = np.array([obvious(each.trace, found) for each, found in cases])
    x = np.array([[0.0] * len(INPUTS["steps"]) if found is None else _read("steps", found) for _, found in cases])
    y, data = np.array([each.label for each, _ in cases]), np.array([each.data for each, _ in cases])
    said = np.full(len(cases), "diverging", dtype=object)
    for name in np.unique(data):
        others, own = (data != name) & ~plain, (data == name) & ~plain
        made, middle, scale = _classifier(x[others], y[others])
        said[own] = made.predict((x[own] - middle) / scale)
    return y.tolist(), said.tolist()


def _factors(level: Level, fault: str, seen: Sequence[tuple[Specimen, Trace, Signals | None]]) -> dict[str, float]:
    """Of log10 of the rate over the middle of the basin."""
    mine = [(each, found) for each, _, found in seen if each.label == fault and found is not None]
    x = np.array([_read(level, found) for _, found in mine])
    y = np.array([math.log10(each.peak / math.sqrt(each.swept.low * each.swept.high)) for each, _ in mine])
    middle, scale = x.mean(axis=0), x.std(axis=0) + 1e-9
    made = Ridge(alpha=10.0).fit((x - middle) / scale, y)
    slopes = made.coef_ / scale
    low, high = np.quantile(y, [0.05, 0.95])
    named = {name: round(float(slope), 4) for name, slope in zip(INPUTS[level], slopes, strict=True)}
    bounds = {"low": round(float(low), 3), "high": round(float(high), 3), "median": round(float(np.median(y)), 3)}
    start = float(made.intercept_ - slopes @ middle)
    if fault == "diverging":  # to err on the low side: a rate that still diverges helps nobody
        start += float(np.std(y - made.predict((x - middle) / scale)))
    return {"1": round(start, 4), **named, **bounds}
