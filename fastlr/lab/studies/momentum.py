"""SGD with momentum: faster and steadier than without."""

from collections.abc import Mapping
from dataclasses import replace

from fastlr.lab.studies.outcome import Claim, Definition, StudyResult, listed
from fastlr.lab.studies.presets import Preset
from fastlr.rules.base import Rule

MOMENTA = ("0", "0.5", "0.9", "0.99")
HIGH = MOMENTA[2:]


def settings(preset: Preset) -> Mapping[str, Rule]:
    """SGD with each momentum."""
    return {momentum: replace(preset.sgd, momentum=float(momentum), nesterov=False) for momentum in MOMENTA}


def claims(study: StudyResult) -> list[Claim]:
    """What momentum is said to do."""
    quarter = study.workload.epochs // 4
    early = [study.progress(momentum, quarter) for momentum in HIGH]
    plain = study.progress("0")
    jumps = [study.volatility(momentum) for momentum in ("0", *HIGH)]
    return [
        Claim(
            f"0.9 and 0.99 reach in {quarter} epochs what 0 needs {study.workload.epochs} for",
            "at least 0.95 of its progress",
            f"{listed(early)} against {plain:.2f}",
            min(early) >= 0.95 * plain,
        ),
        Claim(
            "their test metric is less volatile",
            "it jumps less far from epoch to epoch",
            f"{listed(jumps[1:], '.4f')} against {jumps[0]:.4f}",
            max(jumps[1:]) < jumps[0],
        ),
    ]


STUDY = Definition("momentum", "Momentum of SGD", "momentum", settings, claims)
