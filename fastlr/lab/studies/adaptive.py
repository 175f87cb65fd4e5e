"""Adaptive rates against SGD, each with its library's defaults."""

from collections.abc import Mapping

from fastlr.lab.studies.outcome import Claim, Definition, StudyResult, listed
from fastlr.lab.studies.presets import Preset
from fastlr.rules.base import Rule

ADAPTIVE = ("RMSprop", "Adagrad", "Adam")
LABELS = ("SGD", *ADAPTIVE)


def settings(preset: Preset) -> Mapping[str, Rule]:
    """The four optimizers as they come."""
    return dict(zip(LABELS, (preset.sgd, preset.rmsprop, preset.adagrad, preset.adam), strict=True))


def claims(study: StudyResult) -> list[Claim]:
    """What adaptive rates are said to do."""
    quarter = study.workload.epochs // 4
    epochs = [study.epochs_to(label, 0.85) for label in LABELS]
    jumps = [study.volatility(label) for label in LABELS]
    done = [study.progress(label, quarter, "test") for label in ("RMSprop", "Adam")]
    return [
        Claim(
            f"{', '.join(ADAPTIVE)} are faster than SGD",
            "fewer epochs for a progress of 0.85",
            f"{listed(epochs[1:], '.0f')} against {listed(epochs[:1], '.0f')}",
            max(epochs[1:]) < epochs[0],
        ),
        Claim(
            "their test metric is less volatile",
            "it jumps less far from epoch to epoch",
            f"{listed(jumps[1:], '.4f')} against {jumps[0]:.4f}",
            max(jumps[1:]) < jumps[0],
        ),
        Claim(
            f"RMSprop and Adam are done in {quarter} epochs",
            "progress of at least 0.95 on the test part",
            listed(done),
            min(done) >= 0.95,
        ),
    ]


STUDY = Definition("adaptive", "Adaptive rates", "", settings, claims)
