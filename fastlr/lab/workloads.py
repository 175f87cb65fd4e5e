"""What is trained, and for how long: a problem, its data, epochs and batches."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from fastlr.extras import extra
from fastlr.lab.data import DataSet, Part, Split, prepare
from fastlr.lab.mlp import MLP
from fastlr.lab.networks import METRICS, NetworkStack
from fastlr.lab.problems import Problem
from fastlr.lab.results import Configuration
from fastlr.lab.training import network


@dataclass(frozen=True, eq=False)
class Workload:
    """A problem with everything that is the same for all runs; what differs between them is in a `Row`.

    Parameters
    ----------
    name : str
        For tables, pictures and results files.
    problem : Problem
        `MLP`, `linear`, `logistic`, `Quadratic`, `Rosenbrock`, or your own.
    epochs : int
        Without data an epoch is a step.
    split : Split, optional
        The data; None for a problem that needs none.
    batch : int
        Rows in a step; the last step of an epoch takes what is left.

    Examples
    --------
    >>> from fastlr.lab import Quadratic, Workload
    >>> Workload("bowl", Quadratic([1, 10]), epochs=100)
    Workload('bowl', Quadratic(curvature=(1.0, 10.0), dtype='float64'), epochs=100)
    """

    name: str
    problem: Problem
    epochs: int
    split: Split | None = None
    batch: int = 32

    def __post_init__(self) -> None:
        for name in ("epochs", "batch"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"Workload({name}={value!r}): {name} must be a whole number, at least 1")
        if isinstance(self.problem, MLP) and self.split is None:
            raise ValueError(f"Workload(split=None): {self.problem!r} needs data: pass split=prepare(load(...))")

    @property
    def steps_per_epoch(self) -> int:
        """Steps in an epoch."""
        return math.ceil(len(self.split.train) / self.batch) if self.split else 1

    @property
    def metric(self) -> Literal["accuracy", "r2", ""]:
        """What is scored beside the loss; nothing for problems other than the usual networks."""
        return METRICS[self.problem.loss] if NetworkStack.serves(self.problem) else ""

    def measured(self, part: Literal["train", "test"]) -> str:
        """What a sweep compares, in words with the unit."""
        if self.split is None:
            return f"loss after {self.epochs:,} steps"
        return f"{self.unit(part)} after {self.epochs:,} epochs"

    def unit(self, part: Literal["train", "test"]) -> str:
        """What the loss on a part of the data is, with its unit."""
        unit = {"accuracy": "cross-entropy (nats)", "r2": "squared error (standardised target)", "": "loss"}
        return f"{part} {unit[self.metric]}"

    def for_epochs(self, epochs: int | None) -> "Workload":
        """The same for another number of epochs; None changes nothing."""
        return self if epochs is None else replace(self, epochs=epochs)

    def __repr__(self) -> str:
        data = f", {len(self.split.train)} rows, batch={self.batch}" if self.split else ""
        return f"Workload({self.name!r}, {self.problem!r}, epochs={self.epochs}{data})"


def workload(data: DataSet, configuration: Configuration | None = None) -> Workload:
    """The network of `fastlr.lab.compare` on a data set.

    The configuration's seed is that of the split; each row has its own for weights and order.

    Parameters
    ----------
    data : DataSet
        See `load`.
    configuration : Configuration, optional

    Returns
    -------
    Workload

    Examples
    --------
    >>> from fastlr.lab import load, workload
    >>> workload(load("wine"))
    Workload('wine', MLP(sizes=(13, 50, 3), activation='relu', loss='cross_entropy', dtype='float32'), epochs=200,
    134 rows, batch=32)
    """
    chosen = configuration or Configuration()
    split = prepare(
        data, test_share=chosen.test_share, seed=chosen.seed, standardise=chosen.standardise, dtype=chosen.dtype
    )
    epochs = chosen.epochs_of(len(split.train))
    return Workload(data.name, network(data, chosen), epochs, split, chosen.batch)


def blobs() -> Workload:
    """The experiment that the articles on learning rates teach with.

    1,000 points of three overlapping clouds in the plane, as they are; the first half to train, the second to test; a
    network of 50 relu units with 303 weights; 200 epochs of 16 steps.  No rate gets far above an accuracy of 0.85.

    Returns
    -------
    Workload

    Examples
    --------
    >>> from fastlr.lab import blobs
    >>> task = blobs()
    >>> task.steps_per_epoch * task.epochs, len(task.split.test)
    (3200, 500)
    """
    with extra("lab"):
        from sklearn.datasets import make_blobs
    x, y = make_blobs(n_samples=1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    x, y = x.astype(np.float32), y.astype(np.intp)
    split = Split(Part(x[:500], y[:500]), Part(x[500:], y[500:]), None, None)
    return Workload("blobs", MLP((2, 50, 3)), 200, split)
