"""Runs with a fault put into them, and the truth about each.

Design: the diagnosis reads one run.  Its label comes from five runs of the same settings with other seeds, and from the
sweep of that problem and optimizer, also with other seeds: nothing that is diagnosed takes part in its own label.
What was injected and what came of it must agree; where they do not, or where the outcome is between well and badly, the
run is left out and counted.

Losses are judged against guessing's (the entropy of the classes, or the variance): a run is *well* if its training loss
ends within 5 % of what the best rate gains on a guess, *badly* from 10 % on, and *lost* where the training or the test
loss is no better than a guess.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from docs.diagnosis.problems import FITTED, Task, tasks
from docs.diagnosis.recording import recorded
from fastlr.lab import Histories, Row, choose, train
from fastlr.lab.data import Floats
from fastlr.lab.diagnosis.trace import Trace
from fastlr.rules.base import Rule
from fastlr.schedules import Cosine, Exponential, InverseTime, Plateau, StepDrop, Warmup

OPTIMIZERS = ("sgd", "momentum", "adagrad", "rmsprop", "adam")
RATES = np.logspace(-6, 7 / 3, 26)
WITNESSES = (100, 101, 102, 103, 104)
"""The seeds of the sweeps and of the labels."""
SEEDS = (0, 1)
"""Those of the runs that are diagnosed."""
WELL, BADLY = 0.05, 0.10
PER_STEP = float(RATES[1] / RATES[0])


@dataclass(frozen=True, eq=False)
class Swept:
    """What the sweep of one optimizer says.

    Attributes
    ----------
    guess : float
        The training loss of guessing.
    best, best_loss : float
    low, high : float
        The basin: the lowest and the highest rate around the best that do well.
    """

    guess: float
    best: float
    best_loss: float
    low: float
    high: float

    def excess(self, loss: float) -> float:
        """What a loss lacks of the best rate's gain on a guess, as a share of it; NaN becomes infinite."""
        share = (loss - self.best_loss) / (self.guess - self.best_loss)
        return share if share == share else np.inf


@dataclass(frozen=True)
class Injection:
    """Settings that are to have a fault, or none."""

    meant: str
    rule: Rule


@dataclass(frozen=True, eq=False)
class Labelled:
    """Settings, and what came of them with other seeds; `label` is empty where that is not clear."""

    optimizer: str
    injection: Injection
    label: str


def guesses(task: Task) -> tuple[float, float]:
    """The training and the test loss of guessing."""
    split = task.workload.split
    assert split is not None
    if task.workload.metric == "r2":
        mean = split.train.y.mean()
        return float(np.mean((split.train.y - mean) ** 2)), float(np.mean((split.test.y - mean) ** 2))
    shares = np.bincount(split.train.y) / len(split.train)
    return float(-shares @ np.log(shares)), float(-np.log(shares)[split.test.y].mean())


def sweeps(task: Task) -> dict[str, Swept]:
    """The sweep of every optimizer."""
    rules = {name: choose([name])[0].rule for name in OPTIMIZERS}
    rows = [Row(replace(rule, lr=float(lr)), seed) for rule in rules.values() for lr in RATES for seed in WITNESSES]
    histories = train(task.workload, rows, every=task.workload.epochs)
    ends, lost = _outcomes(task, histories)
    shape = (len(OPTIMIZERS), len(RATES), len(WITNESSES))
    ends, lost = np.median(ends.reshape(shape), axis=2), np.mean(lost.reshape(shape), axis=2) >= 0.5
    guess = guesses(task)[0]
    return {name: _basin(guess, end, bad) for name, end, bad in zip(OPTIMIZERS, ends, lost, strict=True)}


def _outcomes(task: Task, histories: Histories) -> tuple[Floats, Any]:
    """The last training losses, infinite where a run diverged, and which runs are lost."""
    guess, test_guess = guesses(task)
    ends = np.where(np.isfinite(histories.train_loss[-1]), histories.train_loss[-1], np.inf)
    return ends, ~((ends < guess) & (histories.test_loss[-1] < test_guess))


def _basin(guess: float, ends: Floats, lost: Any) -> Swept:
    losses = np.where(lost, np.inf, ends)
    best = int(losses.argmin())
    good = losses <= losses[best] + WELL * (guess - losses[best])
    low = high = best
    while low > 0 and good[low - 1]:
        low -= 1
    while high < len(good) - 1 and good[high + 1]:
        high += 1
    return Swept(guess, float(RATES[best]), float(losses[best]), float(RATES[low]), float(RATES[high]))


def injections(task: Task, name: str, swept: Swept) -> list[Injection]:
    """Settings of an optimizer with and without faults."""
    rule = choose([name])[0].rule
    if task.scaled:
        return [Injection("features", replace(rule, lr=float(lr))) for lr in np.geomspace(1e-4, 1, 9)]
    steps = task.workload.epochs * task.workload.steps_per_epoch
    middle = (swept.low * swept.high) ** 0.5
    found = [("healthy", lr) for lr in (swept.best, middle, (swept.low * middle) ** 0.5)]
    found += [("healthy", shape) for shape in _mild(middle, steps) + _mild(swept.high / 2, steps)[:2]]
    found += [("too low", swept.low / factor) for factor in (3, 10, 30, 100, 1000)]
    found += [("too low", Cosine(swept.low / 10, total=steps))]
    found += [("too high", swept.high * PER_STEP**k) for k in (1, 2, 3, 4, 6, 8)]
    found += [("too high", Cosine(swept.high * PER_STEP**3, total=steps))]
    found += [("too aggressive", shape) for shape in _harsh(middle, steps)]
    return [Injection(meant, replace(rule, lr=lr)) for meant, lr in found]


def _mild(peak: float, steps: int) -> list[Any]:
    """Schedules that leave enough time."""
    return [
        Cosine(peak, total=steps),
        StepDrop(peak, every=round(0.6 * steps)),
        InverseTime(peak, decay=1.0 / steps),
        Warmup(Cosine(peak, total=steps - steps // 20), steps // 20),
    ]


def _harsh(peak: float, steps: int) -> list[Any]:
    """Schedules that are over before the run is."""
    return [
        InverseTime(peak, decay=300.0 / steps),
        InverseTime(peak, decay=60.0 / steps),
        Exponential(peak, gamma=0.5, every=max(steps // 50, 1)),
        StepDrop(peak, every=max(steps // 20, 1)),
        StepDrop(peak, every=max(steps // 40, 1), gamma=0.3),
        Cosine(peak, total=max(steps // 20, 1), final=peak / 1000),
        Plateau(peak, patience=1, rtol=0.02),
        Plateau(peak, patience=0, factor=0.2, rtol=0.01),
    ]


def labelled(task: Task, swept: dict[str, Swept]) -> list[Labelled]:
    """Every injection of a task with its label; raw data is judged by what standardised data allow."""
    made = [(name, each) for name in OPTIMIZERS for each in injections(task, name, swept[name])]
    rows = [Row(each.rule, seed) for _, each in made for seed in WITNESSES]
    histories = train(task.workload, rows, every=task.workload.epochs)
    starts = histories.train_loss[0].reshape(len(made), -1)
    ends, lost = (values.reshape(len(made), -1) for values in _outcomes(task, histories))
    found = []
    for (name, each), start, end, bad in zip(made, starts, ends, lost, strict=True):
        exploded = float(np.mean(~(end < 2 * start)))
        label = _label(each.meant, swept[name].excess(float(np.median(end))), float(bad.mean()), exploded)
        found.append(Labelled(name, each, label))
    return found


def _label(meant: str, excess: float, lost: float, exploded: float) -> str:
    """The truth, or nothing where the outcome is not clear or not what was meant.

    A schedule that was to be too aggressive and yet does well is healthy: those are the ones that are hard to tell.
    """
    if meant in ("healthy", "too aggressive") and excess <= WELL:
        return "healthy" if lost <= 0.2 else ""
    if meant == "healthy":
        return ""
    if meant == "too high" and exploded > 0.2:
        return "diverging" if exploded >= 0.8 else ""
    return meant if excess >= BADLY or lost >= 0.8 else ""


def rows_of(found: Sequence[Labelled]) -> list[Row]:
    """The runs that are diagnosed."""
    return [Row(each.injection.rule, seed) for each in found for seed in SEEDS]


@dataclass(frozen=True, eq=False)
class Specimen:
    """A run that is diagnosed, and the truth about it.

    Attributes
    ----------
    task : Task
    swept : Swept
        Of its optimizer; on raw data, that of the standardised.
    rule : Rule
    seed : int
    label : str
    trace : Trace
    end, test_end : float
        The training and the test loss at its end; infinite where it diverged.
    accuracy : float64 array, shape (epochs + 1,)
        Or R2.
    """

    task: Task
    swept: Swept
    rule: Rule
    seed: int
    label: str
    trace: Trace
    end: float
    test_end: float
    accuracy: Floats

    @property
    def data(self) -> str:
        """The data set."""
        return self.task.data

    @property
    def judges(self) -> bool:
        """Whether nothing was fitted to its data set."""
        return self.data not in FITTED

    @property
    def peak(self) -> float:
        """Its highest rate."""
        return float(np.nanmax(self.trace["lr"]))


def build(told: Callable[[str], None] = print, only: Sequence[str] = ()) -> tuple[list[Specimen], int]:
    """The corpus, and how many settings were left out."""
    known = {name: task for name, task in tasks().items() if not only or name in only}
    swept = {name: sweeps(task) for name, task in known.items() if not task.scaled}
    found, left_out = [], 0
    for name, task in known.items():
        every = labelled(task, swept[task.scaled or task.name])
        clear = [each for each in every if each.label]
        left_out += len(every) - len(clear)
        histories, traces = recorded(task, rows_of(clear))
        ends = _outcomes(task, histories)[0]
        test_ends = np.nan_to_num(histories.test_loss[-1], nan=np.inf)
        for k, trace in enumerate(traces):
            each = clear[k // len(SEEDS)]
            rule, seed, basin = (
                each.injection.rule,
                SEEDS[k % len(SEEDS)],
                swept[task.scaled or task.name][each.optimizer],
            )
            metric = histories.train_metric[:, k]
            found.append(
                Specimen(task, basin, rule, seed, each.label, trace, float(ends[k]), float(test_ends[k]), metric)
            )
        told(f"{name}: {len(traces)} runs, {len(every) - len(clear)} settings left out")
    return found, left_out
