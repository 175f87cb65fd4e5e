"""Drop on plateau: with little patience, noise is taken for a plateau."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from fastlr.lab.data import Floats
from fastlr.lab.studies.outcome import Claim, Definition, StudyResult, listed
from fastlr.lab.studies.presets import Preset
from fastlr.rules.base import Rule
from fastlr.schedules import Plateau

PATIENCES = ("2", "5", "10", "15")
SHORT, LONG = PATIENCES[:2], PATIENCES[2:]
ENOUGH = 0.85


def settings(preset: Preset) -> Mapping[str, Rule]:
    """SGD that drops its rate to a tenth after so many epochs without a better test loss, as Keras' callback does."""
    return {
        patience: replace(preset.sgd, lr=Plateau(preset.rate, 0.1, int(patience), rtol=0.0, atol=1e-7, like="keras"))
        for patience in PATIENCES
    }


def claims(study: StudyResult) -> list[Claim]:
    """What patience is said to do."""
    eighth = study.workload.epochs // 8
    kept = [float(np.median(shares(study, patience)[eighth])) for patience in SHORT]
    poor, good = ([study.progress(patience) for patience in patiences] for patiences in (SHORT, LONG))
    metrics = [study.metric(patience) for patience in PATIENCES]
    return [
        Claim(
            f"2 and 5 collapse within {eighth} epochs",
            "the rate is a tenth of the first, or less",
            listed(kept, ".2g"),
            max(kept) <= 0.1001,
        ),
        Claim(
            "2 and 5 stay poor",
            f"progress below {ENOUGH} each",
            f"{listed(poor)} ({study.workload.metric} {listed(metrics[:2])})",
            max(poor) < ENOUGH,
        ),
        Claim(
            "10 and 15 learn",
            f"progress of at least {ENOUGH} each",
            f"{listed(good)} ({study.workload.metric} {listed(metrics[2:])})",
            min(good) >= ENOUGH,
        ),
    ]


def shares(study: StudyResult, patience: str) -> Floats:
    """The rates by epoch and seed as shares of the first."""
    rates = study.curve(patience, "rates")
    found: Floats = rates / rates[0]
    return found


STUDY = Definition("plateau", "Drop of SGD's rate on a plateau, by patience", "patience", settings, claims)
