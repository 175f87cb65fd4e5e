"""What a sweep gave: a U curve for each optimizer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from fastlr.lab.sweeps.curve import Curve
from fastlr.lab.sweeps.journal import Key, Trial
from fastlr.lab.sweeps.tables import html

PartName: TypeAlias = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep gave.  Notebooks show it as a table; `fastlr.plots.sweep` draws it.

    Attributes
    ----------
    workload : str
        Its name.
    measured : str
        What was compared, with its unit.
    trials : tuple of Trial
        Every run.
    curves : tuple of Curve
        One for each optimizer, in the order they were named.
    """

    workload: str
    measured: str
    trials: tuple[Trial, ...]
    curves: tuple[Curve, ...]

    def __getitem__(self, optimizer: str) -> Curve:
        for curve in self.curves:
            if curve.optimizer == optimizer:
                return curve
        known = ", ".join(repr(curve.optimizer) for curve in self.curves)
        raise KeyError(f"{optimizer!r}: there are {known}")

    @property
    def winner(self) -> Curve:
        """The curve that goes lowest."""
        return min(self.curves, key=lambda curve: curve.best_loss)

    @property
    def best(self) -> float:
        """The best rate of the best optimizer."""
        return self.winner.best

    @property
    def advice(self) -> str:
        """What to do, in a sentence for each optimizer."""
        return "\n".join(curve.advice for curve in self.curves)

    def __repr__(self) -> str:
        return f"Sweep({self.workload!r}, {len(self.trials)} runs, {self.measured})\n{self.advice}"

    def _repr_html_(self) -> str:
        return html(f"{self.workload}: {self.measured}", self.curves)


def curve_of(
    optimizer: str, rates: Iterable[float], seeds: Sequence[int], trials: Mapping[Key, Trial], part: PartName
) -> Curve:
    """The curve of one optimizer from its runs."""
    tried = sorted(rates)
    grid = [[trials[optimizer, lr, seed] for seed in seeds] for lr in tried]
    losses = np.array([[trial.loss[part] for trial in row] for row in grid])
    starts = np.array([trial.start[part] for trial in grid[0]])
    return Curve(optimizer, np.array(tried), tuple(seeds), starts, losses)
