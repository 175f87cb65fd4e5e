"""A workload as a function to minimise, for optimizers of hyperparameters."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from fastlr.lab.batch import train
from fastlr.lab.checks import seeds_of
from fastlr.lab.optimizers import choose
from fastlr.lab.rows import Row
from fastlr.lab.sweeps.rates import check_range
from fastlr.lab.sweeps.result import PartName
from fastlr.lab.workloads import Workload


class Suggesting(Protocol):
    """What is asked of Optuna's trial."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number in the range."""
        ...


class Objective:
    """The loss as a function of the learning rate, in the form that Optuna minimises.

    Lost runs count as the loss before training, so the value is always finite.

    Parameters
    ----------
    workload : Workload
    optimizer : str
        As `choose` knows it, without a rate.
    low, high : float
        The range of the rate, which is searched in the logarithm.
    seeds : int or sequence of int
        How many (0, 1, ...), or which; the value is the median over them.
    part : {"test", "train"}
        Whose loss.

    Examples
    --------
    With Optuna these are the two lines:

        objective = lab.Objective(lab.workload(lab.load("wine")), "adam")
        optuna.create_study().optimize(objective, n_trials=30)

    Any object that suggests numbers will do:

    >>> from fastlr.lab import Objective, Quadratic, Workload
    >>> class Trial:
    ...     def suggest_float(self, name, low, high, *, log=False):
    ...         return 0.5
    >>> Objective(Workload("bowl", Quadratic([2.0]), epochs=1), "sgd")(Trial())
    0.0
    """

    def __init__(
        self,
        workload: Workload,
        optimizer: str = "sgd",
        *,
        low: float = 1e-5,
        high: float = 10.0,
        seeds: int | Sequence[int] = 3,
        part: PartName = "test",
    ) -> None:
        check_range("Objective", low, high, 1)
        if part not in ("train", "test"):
            raise ValueError(f"Objective(part={part!r}): part must be 'train' or 'test'")
        self.workload, self.low, self.high, self.part = workload, low, high, part
        (choice,) = choose([optimizer])
        self.rule = choice.rule
        self.seeds = seeds_of("Objective", seeds)

    def __call__(self, trial: Suggesting) -> float:
        """The loss at the rate that the trial suggests."""
        lr = trial.suggest_float("lr", self.low, self.high, log=True)
        rows = [Row(replace(self.rule, lr=lr), seed) for seed in self.seeds]
        losses = getattr(train(self.workload, rows, every=self.workload.epochs), f"{self.part}_loss")
        # not fmin: a loss above the start's is clipped too, and NaN is not below it
        return float(np.median(np.where(losses[-1] < losses[0], losses[-1], losses[0])))
