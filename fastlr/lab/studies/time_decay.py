"""Time-based decay, lr / (1 + decay t) with t in updates: a schedule can end the training long before its end."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fastlr.lab.studies.outcome import Claim, Definition, StudyResult, listed
from fastlr.lab.studies.presets import Preset
from fastlr.rules.base import Rule
from fastlr.schedules import InverseTime

DECAYS = ("0.1", "0.01", "0.001", "0.0001")
FAST, SLOW = DECAYS[:2], DECAYS[2:]
ENOUGH = 0.85


def settings(preset: Preset) -> Mapping[str, Rule]:
    """SGD with each decay."""
    return {decay: replace(preset.sgd, lr=InverseTime(preset.rate, float(decay))) for decay in DECAYS}


def claims(study: StudyResult) -> list[Claim]:
    """What the decays are said to do."""
    poor, good = ([study.progress(decay) for decay in decays] for decays in (FAST, SLOW))
    budgets = [budget(study, decay) for decay in DECAYS]
    kept = [study.curve(decay, "rates")[-1, 0] / study.curve(decay, "rates")[0, 0] for decay in DECAYS]
    return [
        Claim(
            "0.1 and 0.01 decay too fast and stay poor",
            f"progress below {ENOUGH} each",
            listed(poor),
            max(poor) < ENOUGH,
        ),
        Claim(
            "0.001 and 0.0001 learn",
            f"progress of at least {ENOUGH} each",
            listed(good),
            min(good) >= ENOUGH,
        ),
        Claim(
            "the fastest ends at less than a hundredth of its rate, the slowest keeps most of it",
            "the last rate as a share of the first",
            listed(kept, ".2g"),
            kept[0] < 0.01 and kept[-1] > 0.5,
        ),
        Claim(
            "the budget, the mean rate as a share of the first, tells which fail",
            "at most 0.15 where training stays poor, more where it learns",
            listed(budgets, ".3f"),
            all((share <= 0.15) == (study.progress(d) < ENOUGH) for d, share in zip(DECAYS, budgets, strict=True)),
        ),
    ]


def budget(study: StudyResult, decay: str) -> float:
    """The mean of all the rates of a run as a share of the first."""
    rates = study.settings[decay].lr
    steps = study.workload.epochs * study.workload.steps_per_epoch
    return float(np.mean([rates(step) for step in range(steps)]) / rates(0)) if callable(rates) else 1.0


STUDY = Definition("time-decay", "Time-based decay of SGD's rate", "decay", settings, claims)
