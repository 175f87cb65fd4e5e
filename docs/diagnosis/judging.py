"""How often the diagnosis is right, and whether its numbers help, on data sets that nothing was fitted to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from docs.diagnosis.autotrainer import verdict
from docs.diagnosis.corpus import BADLY, WELL, Specimen
from docs.diagnosis.fitting import VIEWS
from docs.diagnosis.problems import Task
from fastlr.lab import Diagnosis, Row, diagnose, train
from fastlr.lab.diagnosis.scores import Level
from fastlr.schedules import PerEpoch

FAULTS = ("healthy", "too high", "too low", "too aggressive", "diverging", "features")


@dataclass(frozen=True)
class Score:
    """Of one fault."""

    precision: float
    recall: float
    runs: int


def scores(truth: Sequence[str], said: Sequence[str]) -> dict[str, Score]:
    """Precision and recall of each fault that there is."""
    true, told = np.array(truth), np.array(said)
    found = {}
    for fault in FAULTS:
        right = int(((true == fault) & (told == fault)).sum())
        if count := int((true == fault).sum()):
            found[fault] = Score(right / max(int((told == fault).sum()), 1), right / count, count)
    return found


def confusion(truth: Sequence[str], said: Sequence[str]) -> dict[str, dict[str, int]]:
    """What was said of the runs with each fault."""
    return {
        fault: {
            other: sum(one == fault and two == other for one, two in zip(truth, said, strict=True)) for other in FAULTS
        }
        for fault in FAULTS
    }


def judged(specimens: Sequence[Specimen], level: Level) -> list[Diagnosis]:
    """The diagnoses of all specimens by a kind of log."""
    return [diagnose(VIEWS[level](each)) for each in specimens]


def baseline(specimens: Sequence[Specimen]) -> list[str]:
    """What AUTOTRAINER's rules say."""
    return [verdict(each) for each in specimens]


def calibration(specimens: Sequence[Specimen], found: Sequence[Diagnosis]) -> list[dict[str, float]]:
    """Of those with a confidence in each range: how sure they were, and how often they were right."""
    sure = np.array([each.confidence for each in found])
    right = np.array([each.fault == specimen.label for each, specimen in zip(found, specimens, strict=True)])
    bins = []
    for low, high in ((0.0, 0.5), (0.5, 0.7), (0.7, 0.85), (0.85, 0.95), (0.95, 1.01)):
        there = (sure >= low) & (sure < high)
        if there.any():
            bins.append(
                {"runs": int(there.sum()), "said": float(sure[there].mean()), "right": float(right[there].mean())}
            )
    return bins


def followed(specimens: Sequence[Specimen], found: Sequence[Diagnosis], tasks: Mapping[str, Task]) -> dict[str, Any]:
    """By fault: of the faulty runs for which there was a number, how many end lower by it, and how many then do well.

    Where a rate is too high though the training loss ends well (its fault is the test loss), that is compared.
    """
    cases: dict[str, list[tuple[Specimen, Row]]] = {}
    for specimen, diagnosis in zip(specimens, found, strict=True):
        if specimen.label == "healthy" or (diagnosis.factor, diagnosis.lr, diagnosis.schedule) == (None, None, None):
            continue
        scaled = specimen.task.scaled if diagnosis.fault == "features" else ""
        row = Row(_advised(specimen, diagnosis), specimen.seed)
        cases.setdefault(scaled or specimen.task.name, []).append((specimen, row))
    by_fault: dict[str, list[tuple[bool, bool]]] = {}
    for name, pairs in cases.items():
        workload = tasks[name].workload
        histories = train(workload, [row for _, row in pairs], every=workload.epochs)
        for k, (specimen, _) in enumerate(pairs):
            end, test_end = float(histories.train_loss[-1, k]), float(histories.test_loss[-1, k])
            hidden = specimen.label == "too high" and specimen.swept.excess(specimen.end) <= WELL
            better = test_end < specimen.test_end if hidden else end < specimen.end
            by_fault.setdefault(specimen.label, []).append((better, specimen.swept.excess(end) <= BADLY))
    return {
        fault: {
            "runs": len(outcomes),
            "better": float(np.mean([better for better, _ in outcomes])),
            "well": float(np.mean([well for _, well in outcomes])),
        }
        for fault, outcomes in by_fault.items()
    }


def _advised(specimen: Specimen, diagnosis: Diagnosis) -> Any:
    """The rule with the advice taken: another rate with the same schedule, or another schedule."""
    rule: Any = specimen.rule
    if diagnosis.schedule is not None:
        epoch = specimen.task.workload.steps_per_epoch
        by_epoch = diagnosis.level is not None and diagnosis.level.startswith("epoch")
        return replace(rule, lr=PerEpoch(diagnosis.schedule, epoch) if by_epoch else diagnosis.schedule)
    if diagnosis.fault == "features":
        return replace(rule, lr=diagnosis.lr)
    factor = diagnosis.factor or 1.0
    if callable(rule.lr):
        return replace(rule, lr=replace(rule.lr, **_times(rule.lr, factor)))
    return replace(rule, lr=rule.lr * factor)


def _times(schedule: Any, factor: float) -> dict[str, Any]:
    """The fields of a schedule that are rates, multiplied."""
    names = [name for name in ("peak", "initial", "final", "of") if isinstance(getattr(schedule, name, None), float)]
    return {name: getattr(schedule, name) * factor for name in names}
