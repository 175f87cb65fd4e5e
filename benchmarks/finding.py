"""How good `lab.find_lr` is: against sweeps, and against other tools' rules on the same curves.

    make finding        measure everything and write docs/finding.md

24 problems times 5 optimizers. The factors of `find_lr` were fitted on the first eight problems; the next ten were
held out of that, but choices (how long the short runs are, how their rate is carried over) were made with a view of
them; the last six were added when it was finished. The best rate is that of a sweep with 40 rates and seeds 0 to 4;
`find_lr` has seeds of its own. What a tool suggests is then trained in full, with the sweep's seeds. Problems are
long enough to learn (most have 700 steps and more) and, where the data are few, short enough not to learn them by
heart: there the lowest test loss is a matter of stopping in time, which no range test can see.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets

from fastlr.lab import (
    Configuration,
    Curve,
    DataSet,
    Finding,
    Row,
    Workload,
    blobs,
    choose,
    find_lr,
    load,
    rates,
    sweep,
    train,
    workload,
)
from fastlr.lab.data import Task
from fastlr.lab.finding import OTHERS

OPTIMIZERS = ("sgd", "momentum", "adagrad", "rmsprop", "adam")
GRID = rates.grid(1e-5, 10**1.5, 40)
SEEDS = (100, 101, 102, 103, 104)
"""Of `find_lr`: not those of the sweep."""
OURS = "find_lr"
RAMP = "find_lr, ramp alone"
CALIBRATED, SEEN = 8, 18
"""The first so many problems: those that factors were fitted on, those that choices were made with."""


def _made(name: str, xy: Any, **settings: Any) -> Workload:
    """A workload on data that scikit-learn makes."""
    x, y = xy
    classes = tuple(map(str, np.unique(y))) if y.dtype.kind in "iu" or set(np.unique(y)) == {-1.0, 1.0} else ()
    y = np.unique(y, return_inverse=True)[1] if classes else y
    task: Task = "classification" if classes else "regression"
    features = tuple(f"x{i}" for i in range(x.shape[1]))
    return workload(DataSet(name, task, x, y, features, "y", classes, "made"), Configuration(**settings))


def _held(name: str, **settings: Any) -> Workload:
    return workload(load(name), Configuration(**settings))


PROBLEMS: Mapping[str, Callable[[], Workload]] = {
    "blobs": lambda: blobs().for_epochs(60),
    "digits": lambda: _held("digits", epochs=20),
    "diabetes": lambda: _held("diabetes", epochs=20),
    "circles": lambda: _made("circles", datasets.make_circles(2000, noise=0.15, factor=0.5, random_state=0), epochs=20),
    "cancer, linear": lambda: _held("breast_cancer", hidden=(), epochs=70),
    "hypercube": lambda: _made(
        "hypercube",
        datasets.make_classification(4000, 20, n_informative=6, flip_y=0.05, n_classes=4, random_state=0),
        hidden=(100, 50),
        epochs=8,
    ),
    "wine, raw": lambda: _held("wine", standardise=False, epochs=200),
    "friedman 2": lambda: _made(
        "friedman 2", datasets.make_friedman2(3000, noise=100.0, random_state=0), hidden=(50, 50), epochs=12
    ),
    "iris, linear": lambda: _held("iris", hidden=(), epochs=250),
    "cancer": lambda: _held("breast_cancer", epochs=15),
    "digits, tanh": lambda: _held("digits", hidden=(64, 64), activation="tanh", epochs=20),
    "diabetes, linear": lambda: _held("diabetes", hidden=(), epochs=90),
    "moons": lambda: _made("moons", datasets.make_moons(2000, noise=0.25, random_state=0), hidden=(30, 30), epochs=20),
    "friedman 1": lambda: _made(
        "friedman 1", datasets.make_friedman1(3000, noise=1.0, random_state=0), hidden=(100,), epochs=15
    ),
    "digits, linear": lambda: _held("digits", hidden=(), epochs=25),
    "cancer, raw": lambda: _held("breast_cancer", standardise=False, batch=16, hidden=(20,), epochs=40),
    "shells": lambda: _made(
        "shells",
        datasets.make_gaussian_quantiles(n_samples=4000, n_features=8, n_classes=3, random_state=0),
        epochs=20,
        batch=64,
    ),
    "hastie, tanh": lambda: _made(
        "hastie", datasets.make_hastie_10_2(4000, random_state=0), hidden=(64, 32), activation="tanh", epochs=10
    ),
    # added when nothing of find_lr was changed any more
    "friedman 3": lambda: _made(
        "friedman 3", datasets.make_friedman3(3000, noise=0.1, random_state=0), hidden=(50,), epochs=12
    ),
    "two classes, tanh": lambda: _made(
        "two classes",
        datasets.make_classification(3000, 30, n_informative=10, flip_y=0.1, random_state=0),
        activation="tanh",
        epochs=12,
    ),
    "digits, large batch": lambda: _held("digits", hidden=(100,), batch=128, epochs=60),
    "hastie": lambda: _made("hastie", datasets.make_hastie_10_2(4000, random_state=0), epochs=10),
    "sparse, linear": lambda: _made(
        "sparse", datasets.make_sparse_uncorrelated(3000, 20, random_state=0), hidden=(), epochs=12
    ),
    "iris, tanh": lambda: _held("iris", hidden=(16,), activation="tanh", epochs=100),
}


@dataclass(frozen=True)
class Pair:
    """One problem with one optimizer.

    Attributes
    ----------
    problem, optimizer : str
    best, best_loss : float
        The sweep's.
    rates, losses : dict of str to float
        What each tool suggests (NaN: nothing), and the loss that training with it ends at: median of the sweep's seeds,
        that of the start for lost runs.
    refusal : str
    steps, swept : int
        Of all runs of `find_lr`, and of all of a default sweep (15 rates, 5 seeds).
    """

    problem: str
    optimizer: str
    best: float
    best_loss: float
    rates: dict[str, float]
    losses: dict[str, float]
    refusal: str
    steps: int
    swept: int

    def distance(self, tool: str) -> float:
        """Decades between the suggestion and the best rate; nothing suggested is infinitely far."""
        rate = self.rates[tool]
        return abs(float(np.log10(rate / self.best))) if np.isfinite(rate) and rate > 0 else np.inf

    def good(self, tool: str) -> bool:
        """Whether training with the suggestion ends within 10 % of the best loss."""
        return self.losses[tool] <= 1.1 * self.best_loss


def measured(problem: str, folder: Path) -> Iterator[Pair]:
    """Sweep, find, and train with what was found; the sweep's runs are kept in the folder."""
    task = PROBLEMS[problem]()
    name = "".join(letter if letter.isalnum() else "-" for letter in problem)
    swept = sweep(task, OPTIMIZERS, rates=GRID, seeds=5, results=folder / f"{name}.jsonl")
    findings = {optimizer: find_lr(task, optimizer, seeds=SEEDS) for optimizer in OPTIMIZERS}
    suggestions = {optimizer: suggestions_of(finding) for optimizer, finding in findings.items()}
    losses = _trained(task, suggestions, {curve.optimizer: curve for curve in swept.curves})
    steps = task.epochs * task.steps_per_epoch
    for curve in swept.curves:
        finding, optimizer = findings[curve.optimizer], curve.optimizer
        yield Pair(
            problem,
            optimizer,
            curve.best,
            curve.best_loss,
            suggestions[optimizer],
            losses[optimizer],
            finding.reading.refusal,
            finding.steps,
            75 * steps,
        )


def suggestions_of(finding: Finding) -> dict[str, float]:
    """What every tool says to a curve."""
    refused = finding.suggestion is None
    found = {OURS: np.nan if refused else float(finding.suggestion or np.nan), RAMP: finding.ramped}
    return found | {tool: finding.other(tool) for tool in OTHERS}


def _trained(
    task: Workload, suggestions: Mapping[str, Mapping[str, float]], curves: Mapping[str, Curve]
) -> dict[str, dict[str, float]]:
    """The losses at the end of full runs at every suggestion, by optimizer and tool."""
    rows, keys = [], []
    for optimizer, by_tool in suggestions.items():
        (choice,) = choose([optimizer])
        for tool, rate in by_tool.items():
            if np.isfinite(rate):
                keys.append((optimizer, tool))
                rows += [Row(replace(choice.rule, lr=rate), seed) for seed in curves[optimizer].seeds]
    ends = train(task, rows, every=task.epochs).test_loss[-1].reshape(len(keys), -1)
    found = {optimizer: dict.fromkeys(by_tool, np.inf) for optimizer, by_tool in suggestions.items()}
    for (optimizer, tool), losses in zip(keys, ends, strict=True):
        starts = curves[optimizer].starts
        found[optimizer][tool] = float(np.median(np.where(losses < starts, losses, starts)))
    return found


@dataclass(frozen=True)
class Score:
    """How good a tool is over some pairs: decades from the best rate, and the share that ends within 10 %."""

    tool: str
    median: float
    high: float
    good: float


def scores(pairs: Sequence[Pair]) -> list[Score]:
    """Of every tool; `high` is the 90th percentile."""
    found = []
    for tool in pairs[0].rates:
        distances = [pair.distance(tool) for pair in pairs]
        high = float(np.quantile(distances, 0.9, method="higher"))
        good = float(np.mean([pair.good(tool) for pair in pairs]))
        found.append(Score(tool, float(np.median(distances)), high, good))
    return found


def deviation(problem: str, optimizer: str, calls: int = 20, seeds: int = 5) -> float:
    """Standard deviation in decades of the suggestion over calls with other seeds each; NaN if one refuses."""
    task = PROBLEMS[problem]()
    found = []
    for call in range(calls):
        own = range(1000 + call * seeds, 1000 + (call + 1) * seeds)
        found.append(find_lr(task, optimizer, seeds=tuple(own)).suggestion or np.nan)
    return float(np.log10(found).std(ddof=1))
