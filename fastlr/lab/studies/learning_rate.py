"""The learning rate of plain SGD: too high, right, too low."""

from collections.abc import Mapping
from dataclasses import replace

from fastlr.lab.studies.outcome import Claim, Definition, StudyResult, listed
from fastlr.lab.studies.presets import Preset
from fastlr.rules.base import Rule

RATES = ("1", "0.1", "0.01", "0.001", "0.0001", "1e-05", "1e-06", "1e-07")
LEARNING, IDLE = RATES[1:4], RATES[6:]


def settings(preset: Preset) -> Mapping[str, Rule]:
    """SGD at each rate."""
    return {rate: replace(preset.sgd, lr=float(rate)) for rate in RATES}


def claims(study: StudyResult) -> list[Claim]:
    """What the rates are said to do."""
    wild, calm = study.volatility("1"), study.volatility("0.1")
    reached = [study.progress(rate) for rate in LEARNING]
    on_the_way = [study.mean_progress(rate) for rate in LEARNING]
    rises = [study.rise(rate) for rate in IDLE]
    return [
        Claim(
            "1 oscillates",
            "its test metric jumps from epoch to epoch at least twice as far as that of 0.1",
            f"{wild:.4f} against {calm:.4f}",
            wild >= 2 * calm,
        ),
        Claim(
            "0.1, 0.01 and 0.001 learn",
            "progress of at least 0.6 each",
            listed(reached),
            min(reached) >= 0.6,
        ),
        Claim(
            "they learn more slowly as the rate falls",
            "each has made less progress than the one before, on average over the epochs",
            listed(on_the_way),
            on_the_way[0] > on_the_way[1] > on_the_way[2],
        ),
        Claim(
            "1e-06 and 1e-07 learn nothing",
            "their train metric rises by at most 0.05",
            listed(rises, ".3f"),
            max(rises) <= 0.05,
        ),
    ]


STUDY = Definition("learning-rate", "Learning rate of SGD", "rate", settings, claims)
