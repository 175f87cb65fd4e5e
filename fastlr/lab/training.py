"""Train a network with one optimizer or several, and measure both the learning and the time.

Design: nothing is printed or drawn here, and no signal is handled: the caller passes `report`, which is told how
far training is, and `stop`, which is asked before every step.

The NumPy reference takes every step as well, on its own copy of the weights and with the same gradients, so the
two can be compared in time and in result.  Its time is kept apart.  Single steps are timed and the median is told,
for on a machine that does other things too, one interruption lasts as long as thousands of steps.
"""

import math
from array import array
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from time import perf_counter_ns
from typing import TypeAlias

import numpy as np

from fastlr.buffers import pack
from fastlr.lab.data import DataSet, Part, Split, prepare
from fastlr.lab.diagnosis import Monitor
from fastlr.lab.mlp import MLP, Array, Batch, Params
from fastlr.lab.optimizers import Choice
from fastlr.lab.results import Comparison, Configuration, Epoch, Progress, Run, Scores, Status
from fastlr.optimizer import Optimizer

Report: TypeAlias = Callable[[Progress], None]
Stop: TypeAlias = Callable[[], bool]
Watch: TypeAlias = Callable[[Choice, Optimizer], Monitor]

REPORT_EVERY_NS = 50_000_000


def compare(
    data: DataSet,
    choices: Sequence[Choice],
    configuration: Configuration | None = None,
    *,
    report: Report = lambda progress: None,
    stop: Stop = lambda: False,
    watch: Watch | None = None,
) -> Comparison:
    """Train the same network with each optimizer.

    Parameters
    ----------
    data : DataSet
    choices : sequence of Choice
        See `choose`.
    configuration : Configuration, optional
    report : callable
        Called with a `Progress` up to twenty times a second, and after every epoch.
    stop : callable
        Called before every step; where it returns True, training ends and what was trained is returned.
    watch : callable, optional
        Of a choice and its optimizer: a `Monitor` of that run.  It is shown every step, and `Run.diagnosis` is what it
        says; one that acts brings a run that diverges back.  Its time does not count.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        For data that cannot be split or scaled.

    Examples
    --------
    >>> from fastlr.lab import Configuration, choose, compare, load
    >>> result = compare(load("digits"), choose(["sgd", "adam"]), Configuration(epochs=5))
    >>> for run in result.runs:
    ...     print(run.name, run.status, run.history[-1].test.metrics["accuracy"] > 0.7)
    sgd finished False
    adam finished True
    """
    configuration = configuration or Configuration()
    split = prepare(
        data,
        test_share=configuration.test_share,
        seed=configuration.seed,
        standardise=configuration.standardise,
        dtype=configuration.dtype,
    )
    model = network(data, configuration)
    runs: list[Run] = []
    for index, choice in enumerate(choices):
        runs.append(_Training(model, split, choice, configuration, index, watch).run(report, stop))
        if runs[-1].status == "interrupted":
            break
    return Comparison(data, split, model, configuration, tuple(runs))


def evaluate(model: MLP, params: Params, part: Part, scale: float = 1.0) -> Scores:
    """Loss and metrics on one part of the data.

    Parameters
    ----------
    model : MLP
    params : mapping of arrays
    part : Part
    scale : float
        What 1 of a standardised target is in the target's units.

    Returns
    -------
    Scores
        `r2` is NaN where all targets are the same.
    """
    outputs = model.outputs(params, part.x)
    loss = model.loss_of(outputs, part.y)
    if model.loss == "cross_entropy":
        return Scores(loss, {"accuracy": float(np.mean(outputs.argmax(axis=1) == part.y))})
    y = part.y.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        error = float(np.mean((outputs[:, 0] - y) ** 2))
    variance = float(np.var(y))
    return Scores(loss, {"r2": 1 - error / variance if variance else math.nan, "rmse": scale * math.sqrt(error)})


def network(data: DataSet, configuration: Configuration) -> MLP:
    """The network that a configuration describes, for this data."""
    sizes = (len(data.features), *configuration.hidden, len(data.classes) or 1)
    return MLP(sizes, configuration.activation, "cross_entropy" if data.classes else "mse", configuration.dtype)


class _Training:
    """One run, under way."""

    def __init__(
        self,
        model: MLP,
        split: Split,
        choice: Choice,
        configuration: Configuration,
        index: int,
        watch: Watch | None = None,
    ) -> None:
        self.model, self.split, self.choice, self.configuration, self.index = model, split, choice, configuration, index
        self.packed = pack(model.init(configuration.seed))
        self.optimizer = choice.optimizer(self.packed)
        self.theta: Array = self.packed.flat.copy()
        self.thetas = choice.reference(self.theta, self._gradients())
        # not the stream that the initial weights were drawn from
        self.shuffle = np.random.default_rng((configuration.seed, 1))
        self.optimizer_ns, self.reference_ns, self.training_ns = array("q"), array("q"), 0
        self.steps_per_epoch = configuration.steps_of(len(split.train))
        self.epochs = configuration.epochs_of(len(split.train))
        self.history: list[Epoch] = []
        self.reported = 0
        self.monitor = None if watch is None else watch(choice, self.optimizer)
        if self.monitor is not None:
            self.monitor.show_features(split.train.x)

    def _gradients(self) -> Iterator[Array]:
        while True:
            yield self.packed.flat_grads

    @property
    def steps(self) -> int:
        return len(self.optimizer_ns)

    def run(self, report: Report, stop: Stop) -> Run:
        # A run that diverges overflows, in the optimizer and in the reference: the loss tells.
        with np.errstate(all="ignore"):
            status: Status = "finished" if self._score() else "diverged"
            kept = self.packed.flat.copy()
            epoch = 0
            while status == "finished" and epoch < self.epochs:
                epoch += 1
                status = self._epoch(epoch, report, stop)
                if status != "diverged" and not self._score():
                    status = "diverged"
                if status != "diverged":
                    kept[:] = self.packed.flat
            difference = float(np.abs(self.packed.flat - self.theta).max())
        self.packed.flat[:] = kept
        return self._result(status, difference)

    def _epoch(self, epoch: int, report: Report, stop: Stop) -> Status:
        """Train on every row once; "finished" unless something ended it early."""
        began = perf_counter_ns()
        train, batch = self.split.train, self.configuration.batch
        order = self.shuffle.permutation(len(train))
        x, y = train.x[order], train.y[order]
        self.training_ns += perf_counter_ns() - began
        total = 0.0
        for count, first in enumerate(range(0, len(train), batch), start=1):
            if stop():
                return "interrupted"
            loss = self._step((x[first : first + batch], y[first : first + batch]))
            if not math.isfinite(loss):
                return "diverged"
            total += loss
            now = perf_counter_ns()
            if now - self.reported > REPORT_EVERY_NS or count == self.steps_per_epoch:
                self.reported = now
                report(self._progress(epoch, total / count))
        return "finished"

    def _step(self, batch: Batch) -> float:
        """Take a step, unless the loss is not finite."""
        began = perf_counter_ns()
        loss = self.model.loss_and_grad(self.packed.params, self.packed.grads, batch)
        known = perf_counter_ns()
        if self.monitor is not None and self._repaired(self.monitor, loss):
            return self.history[-1].train.loss
        if not math.isfinite(loss):
            return loss
        before = perf_counter_ns()
        self.optimizer.step()
        after = perf_counter_ns()
        self.theta = next(self.thetas)
        self.reference_ns.append(perf_counter_ns() - after)
        self.optimizer_ns.append(after - before)
        self.training_ns += known - began + after - before
        return loss

    def _repaired(self, monitor: Monitor, loss: float) -> bool:
        """Show the step to a monitor; whether it put other weights in place, to which the gradient does not belong."""
        flat, slopes = self.packed.flat, self.packed.flat_grads
        action = monitor.observe(loss, step=self.steps, lr=self.optimizer.lr, params=flat, grads=slopes)
        if action is not None:
            self.theta[:] = flat
        return action is not None

    def _score(self) -> bool:
        """Add to the history where training is; False if the loss is not finite."""
        if self.history and self.history[-1].step == self.steps:
            return True
        scale = float(self.split.target.scale) if self.split.target else 1.0
        train, test = (
            evaluate(self.model, self.packed.params, part, scale) for part in (self.split.train, self.split.test)
        )
        finite = math.isfinite(train.loss)
        if finite or not self.history:
            epoch = self.steps / self.steps_per_epoch
            self.history.append(Epoch(epoch, self.steps, self.training_ns / 1e9, self.optimizer.lr, train, test))
            if self.monitor is not None:
                self.monitor.observe(step=self.steps, val_loss=test.loss, accuracy=train.metrics.get("accuracy"))
        return finite

    def _progress(self, epoch: int, loss: float) -> Progress:
        total = self.epochs * self.steps_per_epoch
        return Progress(self.index, self.choice.name, epoch, self.epochs, self.steps, total, loss)

    def _result(self, status: Status, difference: float) -> Run:
        return Run(
            name=self.choice.name,
            optimizer=repr(self.optimizer),
            settings=self.choice.rule.settings() | {"like": self.optimizer.like, "backend": self.optimizer.backend},
            status=status,
            history=tuple(self.history),
            parameters={name: array.copy() for name, array in self.packed.params.items()},
            steps=self.steps,
            seconds=self.training_ns / 1e9,
            optimizer_seconds=sum(self.optimizer_ns) / 1e9,
            reference_seconds=sum(self.reference_ns) / 1e9,
            optimizer_step=_median(self.optimizer_ns),
            reference_step=_median(self.reference_ns),
            difference=difference,
            diagnosis=None if self.monitor is None else self.monitor.named(self.choice.name),
        )


def _median(nanoseconds: Sequence[int]) -> float:
    return median(nanoseconds) / 1e9 if nanoseconds else math.nan
