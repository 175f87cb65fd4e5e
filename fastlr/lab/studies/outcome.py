"""What a study consists of, what it gives, and how its curves are measured.

Design: accuracies of different data cannot be compared, so learning is measured as *progress*: 0 is guessing (always
the most frequent class, or the mean), 1 is the best that any setting of the study has at its end.  Curves are noisy,
so an epoch stands for the mean of the ten that end with it, and seeds are summed up by their median.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np

from fastlr.lab.data import Floats
from fastlr.lab.rows import Histories
from fastlr.lab.studies.presets import Preset
from fastlr.lab.workloads import Workload
from fastlr.rules.base import Rule

PartName: TypeAlias = Literal["train", "test"]
WINDOW = 10
"""Epochs whose mean stands for the last of them."""


@dataclass(frozen=True)
class Claim:
    """Something that everybody teaches, checked.

    Attributes
    ----------
    words : str
        What is claimed.
    needed : str
        What must be measured for it to hold.
    measured : str
        The figures.
    holds : bool
    """

    words: str
    needed: str
    measured: str
    holds: bool


@dataclass(frozen=True)
class Definition:
    """A study: what varies, and what is claimed of it.  A file beside this one has one each.

    Attributes
    ----------
    name, title : str
    varied : str
        What the labels are values of; nothing where they are names.
    settings : callable
        Of a preset: the rule of each setting by its label.
    claims : callable
        Of a `StudyResult`: the claims.
    """

    name: str
    title: str
    varied: str
    settings: Callable[[Preset], Mapping[str, Rule]]
    claims: Callable[["StudyResult"], Sequence[Claim]]


@dataclass(frozen=True, eq=False)
class StudyResult:
    """What a study gave.

    Attributes
    ----------
    name, title, varied : str
        As in `Definition`.
    preset : str
    workload : Workload
    settings : dict of str to Rule
        By label, in the order of the pictures.
    seeds : tuple of int
    histories : Histories
        Its rows are the settings in their order, each with all seeds.
    claims : tuple of Claim
    """

    name: str
    title: str
    varied: str
    preset: str
    workload: Workload
    settings: Mapping[str, Rule]
    seeds: tuple[int, ...]
    histories: Histories
    claims: tuple[Claim, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every claim does."""
        return all(claim.holds for claim in self.claims)

    def curve(self, label: str, name: str) -> Floats:
        """A curve of `Histories` for one setting, shape (epochs + 1, seeds)."""
        place = list(self.settings).index(label) * len(self.seeds)
        found: Floats = getattr(self.histories, name)[:, place : place + len(self.seeds)]
        return found

    @cached_property
    def guessing(self) -> Mapping[PartName, float]:
        """The metric of a model that always says the same: the most frequent class of a part, or its mean."""
        split = self.workload.split
        if split is None or self.workload.metric == "r2":
            return {"train": 0.0, "test": 0.0}
        parts: Mapping[PartName, Floats] = {"train": split.train.y, "test": split.test.y}
        return {name: float(np.bincount(y).max() / len(y)) for name, y in parts.items()}

    def metric(self, label: str, epoch: int = -1, part: PartName = "train") -> float:
        """Accuracy or R2 after an epoch (the last one by default): median over the seeds."""
        return float(self._medians[label, part][epoch])

    def progress(self, label: str, epoch: int = -1, part: PartName = "train") -> float:
        """How far it got after an epoch, from 0, guessing, to 1, the best of the study at the end."""
        guess, best = self.guessing[part], max(self.metric(each, -1, part) for each in self.settings)
        return (self.metric(label, epoch, part) - guess) / (best - guess) if best > guess else 0.0

    def mean_progress(self, label: str) -> float:
        """Progress on average over all epochs: of two that arrive, the faster has more."""
        return float(np.mean([self.progress(label, epoch) for epoch in range(len(self.histories.epochs))]))

    def rise(self, label: str) -> float:
        """By how much the train metric rises from before training to its end: median over the seeds."""
        curve = self._smooth(label, "train")
        return float(np.median(curve[-1] - curve[0]))

    def epochs_to(self, label: str, progress: float) -> float:
        """After how many epochs training has made so much progress; infinite if it never has."""
        lengths = range(len(self.histories.epochs))
        return next((float(epoch) for epoch in lengths if self.progress(label, epoch) >= progress), np.inf)

    def volatility(self, label: str) -> float:
        """By how much the test metric changes from an epoch to the next, after the first quarter: mean over them."""
        curve = self.curve(label, "test_metric")
        jumps = np.abs(np.diff(curve[len(curve) // 4 :], axis=0))
        return float(np.median(jumps.mean(axis=0)))

    @cached_property
    def _medians(self) -> Mapping[tuple[str, PartName], Floats]:
        parts: tuple[PartName, ...] = ("train", "test")
        return {
            (label, part): np.median(self._smooth(label, part), axis=1) for label in self.settings for part in parts
        }

    def _smooth(self, label: str, part: PartName) -> Floats:
        """The mean of ten epochs that stands for the last of them; where a run diverged, it guesses."""
        curve = self.curve(label, f"{part}_metric")
        curve = np.where(np.isnan(curve), self.guessing[part], curve)
        sums = np.cumsum(np.concatenate([np.zeros_like(curve[:1]), curve]), axis=0)
        ends = np.arange(1, len(curve) + 1)
        begins = np.maximum(ends - WINDOW, 0)
        smooth: Floats = (sums[ends] - sums[begins]) / (ends - begins)[:, None]
        return smooth


def listed(values: Sequence[float], form: str = ".2f") -> str:
    """Figures in a cell of a table.

    >>> listed([0.5, 0.25]), listed([10.0, np.inf], ".0f")
    ('0.50, 0.25', '10, never')
    """
    return ", ".join("never" if np.isposinf(value) else f"{value:{form}}" for value in values)
