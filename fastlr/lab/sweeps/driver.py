"""Run a sweep: what is left to run, in blocks, until the search has enough."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from fastlr.lab.batch import Report, train
from fastlr.lab.checks import seeds_of
from fastlr.lab.optimizers import Choice, choose
from fastlr.lab.rows import Histories, Row
from fastlr.lab.sweeps.curve import Curve
from fastlr.lab.sweeps.journal import Journal, Key, Trial, identity
from fastlr.lab.sweeps.rates import Adaptive, Point, Rates, following
from fastlr.lab.sweeps.result import PartName, Sweep, curve_of
from fastlr.lab.sweeps.spread import spread
from fastlr.lab.workloads import Workload

SMALL = 20
"""Runs trained, and written to the results file, at a time."""
DEFAULT_RATES = Adaptive(1e-5, 10.0, 15)


def sweep(
    workload: Workload,
    optimizers: str | Sequence[str] | Sequence[Choice] = "sgd",
    *,
    rates: Rates = DEFAULT_RATES,
    seeds: int | Sequence[int] = 5,
    part: PartName = "test",
    results: str | Path | None = None,
    jobs: int | None = 1,
    report: Report = lambda share: None,
) -> Sweep:
    """Train with every rate and seed, and say which rate to use.

    Parameters
    ----------
    workload : Workload
    optimizers : str, or sequence of str or Choice
        Names as `choose` knows them, without a rate, or what it returned.
    rates : sequence of float, or Adaptive
        Above 0 and increasing; `rates.grid` and `rates.log_random` make some.  `Adaptive` (the default, 15 rates from
        1e-5 to 10) spends its runs where the minimum and the cliff are.
    seeds : int or sequence of int
        How many (0, 1, ...), or which.
    part : {"test", "train"}
        Whose loss is to be low.
    results : path, optional
        A file for the runs.  Those it has are not run again: a sweep that was interrupted goes on, and a larger one
        begins with the smaller.
    jobs : int or None
        Processes; -1 for all processors; None for what `joblib.parallel_config` says, which may be a cluster's.
    report : callable
        Told the share that is done.

    Returns
    -------
    Sweep

    Raises
    ------
    ValueError
        For no seeds, rates that are not above 0 or do not increase, or a results file of another sweep.

    Examples
    --------
    Gradient descent in a bowl diverges above 2 / 10:

    >>> from fastlr.lab import Quadratic, Workload, rates, sweep
    >>> result = sweep(Workload("bowl", Quadratic([1, 10]), epochs=50), rates=rates.grid(0.001, 1, 7), seeds=3)
    >>> print(result.advice)
    sgd: use 0.1, or anything from 0.00316 to 0.1, a factor of 3.2 below the cliff: from 0.316 on runs are lost
    """
    if part not in ("train", "test"):
        raise ValueError(f"sweep(part={part!r}): part must be 'train' or 'test'")
    chosen, numbers = choices_of(optimizers), seeds_of("sweep", seeds)
    searches = [_Search(choice.name, following(rates), numbers, part) for choice in chosen]
    count = rates.count if isinstance(rates, Adaptive) else len(rates)
    runner = _Runner(workload, chosen, results, jobs, report, total=count * len(numbers) * len(chosen))
    while wanted := [key for search in searches for key in search.more(runner.trials)]:
        runner.run(wanted)
    curves = tuple(search.curve(runner.trials) for search in searches)
    trials = tuple(runner.trials[key] for search in searches for key in search.keys_tried())
    return Sweep(workload.name, workload.measured(part), trials, curves)


@dataclass
class _Search:
    """What one optimizer has tried and tries next."""

    name: str
    following: Callable[[Sequence[Point]], tuple[float, ...]]
    seeds: tuple[int, ...]
    part: PartName
    tried: list[float] = field(default_factory=list)

    def more(self, trials: Mapping[Key, Trial]) -> list[Key]:
        """The runs of the next rates; none at the end."""
        rates = self.following(self._points(trials))
        self.tried += rates
        return self._keys_of(rates)

    def keys_tried(self) -> list[Key]:
        """Every run so far, in the order of the rates."""
        return self._keys_of(sorted(self.tried))

    def curve(self, trials: Mapping[Key, Trial]) -> Curve:
        return curve_of(self.name, self.tried, self.seeds, trials, self.part)

    def _points(self, trials: Mapping[Key, Trial]) -> list[Point]:
        if not self.tried:
            return []
        curve = self.curve(trials)
        return list(zip(curve.rates.tolist(), curve.medians.tolist(), curve.lost_rates.tolist(), strict=True))

    def _keys_of(self, rates: Iterable[float]) -> list[Key]:
        return [(self.name, rate, seed) for rate in rates for seed in self.seeds]


class _Runner:
    """Runs what has not been run, and keeps it."""

    def __init__(
        self,
        workload: Workload,
        choices: Sequence[Choice],
        results: str | Path | None,
        jobs: int | None,
        report: Report,
        total: int,
    ) -> None:
        self.workload, self.jobs, self.report, self.total = workload, jobs, report, total
        self.rules = {choice.name: choice.rule for choice in choices}
        self.journal: Journal | None = None
        self.trials: dict[Key, Trial] = {}
        if results is not None:
            # without the rate, which is each run's own
            optimizers = {name: repr(replace(rule, lr=0.0)) for name, rule in self.rules.items()}
            self.journal = Journal(Path(results), identity(workload), optimizers)
            self.trials = self.journal.trials
        self.done = 0

    def run(self, wanted: Sequence[Key]) -> None:
        """Have every one of these runs in `trials`."""
        missing = [key for key in wanted if key not in self.trials]
        self._advance(len(wanted) - len(missing))
        blocks = [missing[first : first + SMALL] for first in range(0, len(missing), SMALL)]
        rows = [[Row(replace(self.rules[name], lr=lr), seed) for name, lr, seed in block] for block in blocks]
        task = partial(train, self.workload, every=self.workload.epochs)
        for block, histories in zip(blocks, spread(task, rows, self.jobs), strict=True):
            trials = _trials(block, histories)
            if self.journal is not None:
                self.journal.add(trials)
            else:
                self.trials |= {trial.key: trial for trial in trials}
            self._advance(len(block))

    def _advance(self, runs: int) -> None:
        self.done += runs
        self.report(self.done / self.total)


def _trials(keys: Sequence[Key], histories: Histories) -> list[Trial]:
    """What became of the runs, for the results file."""
    curves = {"train": (histories.train_loss, histories.train_metric)}
    curves |= {"test": (histories.test_loss, histories.test_metric)}
    found = []
    for r, key in enumerate(keys):
        start, loss = ({part: float(curve[line, r]) for part, (curve, _) in curves.items()} for line in (0, -1))
        metric = {part: float(curve[-1, r]) for part, (_, curve) in curves.items()}
        found.append(Trial(*key, start, loss, metric, int(histories.diverged[r])))
    return found


def choices_of(optimizers: str | Sequence[str] | Sequence[Choice]) -> tuple[Choice, ...]:
    """The optimizers that a sweep was asked for, or an error."""
    names: Sequence[str | Choice] = [optimizers] if isinstance(optimizers, str) else list(optimizers)
    if not names:
        raise ValueError("sweep(optimizers=()): there must be at least one: 'sgd'")
    for name in names:
        if isinstance(name, str) and "@" in name:
            raise ValueError(f"sweep(optimizers=...): {name!r} must be without a rate, for the sweep varies it")
    chosen = tuple(name if isinstance(name, Choice) else choose([name])[0] for name in names)
    labels = [choice.name for choice in chosen]
    if repeated := [label for i, label in enumerate(labels) if label in labels[:i]]:
        raise ValueError(f"sweep(optimizers=...): {repeated[0]!r} must be there once, got it twice")
    return chosen
