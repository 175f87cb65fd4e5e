"""What training is told and what it returns."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from fastlr.lab.data import DataSet, Split
from fastlr.lab.diagnosis import Diagnosis
from fastlr.lab.mlp import MLP, Array

Status: TypeAlias = Literal["finished", "diverged", "interrupted"]


@dataclass(frozen=True)
class Configuration:
    """How to train.

    Parameters
    ----------
    hidden : tuple of int
        Units of each hidden layer; () for a linear model.
    activation : {"relu", "tanh"}
    epochs : int, optional
        50 if not given, or as many as make 1,000 steps if that is more.
    batch : int
        Rows in a step; the last step of an epoch takes what is left.
    seed : int
        Of the split, the initial weights and the order of the rows: the same for every optimizer.
    test_share : float
        The share of rows to test on, in (0, 1).
    standardise : bool
        Whether features are brought to mean 0 and deviation 1.
    dtype : {"float32", "float64"}
    """

    hidden: tuple[int, ...] = (50,)
    activation: Literal["relu", "tanh"] = "relu"
    epochs: int | None = None
    batch: int = 32
    seed: int = 0
    test_share: float = 0.25
    standardise: bool = True
    dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        for name, low in (("epochs", 1), ("batch", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is None and name == "epochs":
                continue
            if not isinstance(value, int) or value < low:
                raise ValueError(f"Configuration({name}={value!r}): {name} must be a whole number, at least {low}")

    def epochs_of(self, rows: int) -> int:
        """How many epochs to train for on so many rows."""
        return self.epochs or max(50, math.ceil(1000 / self.steps_of(rows)))

    def steps_of(self, rows: int) -> int:
        """Steps in an epoch on so many rows.

        >>> Configuration(batch=32).steps_of(100)
        4
        """
        return math.ceil(rows / self.batch)


@dataclass(frozen=True)
class Scores:
    """How good a network is on one part of the data.

    Attributes
    ----------
    loss : float
        What is minimised: the cross-entropy in nats, or the mean squared error of the standardised target.
    metrics : dict of str to float
        "accuracy"; or "r2", and "rmse" in the target's units.
    """

    loss: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Epoch:
    """One entry of a history: where training was after `step` steps.

    Attributes
    ----------
    epoch : float
        0 before training; a fraction where training was interrupted.
    step : int
    seconds : float
        Spent in training until then, without evaluation and reference.
    lr : float
        The learning rate of the next step.
    train, test : Scores
    """

    epoch: float
    step: int
    seconds: float
    lr: float
    train: Scores
    test: Scores


@dataclass(frozen=True, eq=False)
class Run:
    """What training with one optimizer gave.

    Attributes
    ----------
    name : str
        As it was chosen: "adam@0.01".
    optimizer : str
        The optimizer's repr, with every setting.
    settings : dict of str to Any
        The same as values.
    status : {"finished", "diverged", "interrupted"}
        Diverged: after `steps` steps the loss was not finite.
    history : tuple of Epoch
    parameters : dict of arrays
        Those of the last entry of the history: of a run that diverged, from the last epoch before.
    steps : int
        Steps taken.
    seconds : float
        In gradients and steps, without evaluation and reference.
    optimizer_seconds, reference_seconds : float
        In all steps of the optimizer, and in all of the NumPy reference on the same gradients.
    optimizer_step, reference_step : float
        Median seconds of one of these steps; NaN without a step.
    difference : float
        The largest difference of a weight from the reference's, at the end; both had the same gradients.
    diagnosis : Diagnosis or None
        Of a run that was watched.
    """

    name: str
    optimizer: str
    settings: Mapping[str, Any]
    status: Status
    history: tuple[Epoch, ...]
    parameters: dict[str, Array]
    steps: int
    seconds: float
    optimizer_seconds: float
    reference_seconds: float
    optimizer_step: float
    reference_step: float
    difference: float
    diagnosis: Diagnosis | None = None

    @property
    def steps_per_second(self) -> float:
        """Steps with their gradients; NaN without a step."""
        return self.steps / self.seconds if self.steps else math.nan

    @property
    def speedup(self) -> float:
        """How many times longer the reference's median step takes."""
        return self.reference_step / self.optimizer_step


@dataclass(frozen=True)
class Progress:
    """How far training is.

    Attributes
    ----------
    run : int
        Which of the optimizers compared, from 0.
    name : str
        Of the optimizer.
    epoch, epochs : int
        The epoch it is in, from 1, and how many there will be.
    step, steps : int
        Steps taken, and how many there will be.
    loss : float
        The mean over this epoch's batches so far.
    """

    run: int
    name: str
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """What training with each of several optimizers gave, from the same weights, with the rows in the same order.

    Attributes
    ----------
    data : DataSet
    split : Split
    model : MLP
    configuration : Configuration
    runs : tuple of Run
        In the order chosen; after an interrupted one there are no more.
    """

    data: DataSet
    split: Split
    model: MLP
    configuration: Configuration
    runs: tuple[Run, ...]

    @property
    def epochs(self) -> int:
        """How many there were to be."""
        return self.configuration.epochs_of(len(self.split.train))

    @property
    def interrupted(self) -> bool:
        """Whether training was stopped before its end."""
        return any(run.status == "interrupted" for run in self.runs)
