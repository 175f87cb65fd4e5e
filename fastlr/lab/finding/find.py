"""The range test: a ramp of the rate for several seeds, what it says, and short runs around that."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastlr.lab.batch import Report
from fastlr.lab.checks import seeds_of
from fastlr.lab.data import Floats
from fastlr.lab.finding.checking import LADDER, check
from fastlr.lab.finding.keeping import kept
from fastlr.lab.finding.ramp import Subject, ramp
from fastlr.lab.finding.reading import Reading, read
from fastlr.lab.finding.result import Finding
from fastlr.lab.finding.step_size import normalises
from fastlr.lab.finding.subjects import OfStep, OfWorkload, Step
from fastlr.lab.optimizers import Choice, choose
from fastlr.lab.sweeps.result import PartName
from fastlr.lab.workloads import Workload
from fastlr.optimizer import Optimizer
from fastlr.rules.base import Rule

BELOW = {False: 1 / 7, True: 1 / 20, None: 1 / 12}
"""The suggestion of a ramp, in units of the rate at which the loss turns up, by whether the optimizer divides by the
size of its gradients (None: not known).  Such steps do not shrink as the gradients do, so they need a lower rate to
come to rest.  Medians over the problems that `benchmarks/finding.py` calibrates on, between the two for None."""
SHARE = 3
"""The short runs are as long as the planned ones divided by this."""
MOST = 2000
"""Steps of a ramp: more make it slower, not clearer, and the fit's work grows as their square."""
SHORTEST, LONGEST = 30, 2000
"""Steps of a short run."""


def find_lr(
    problem: Workload | Step | Any,
    optimizer: str | Choice | Rule | None = None,
    *,
    data: Any = None,
    loss: Any = None,
    min_lr: float = 1e-6,
    max_lr: float = 100.0,
    steps: int = 300,
    seeds: int | Sequence[int] | None = None,
    part: PartName = "test",
    verify: bool | int | None = None,
    probe: Callable[[], float] | None = None,
    begin: Callable[[int], Any] | None = None,
    state: Sequence[Any] = (),
    report: Report = lambda share: None,
) -> Finding:
    """Find a learning rate by a range test.

    The rate grows by the same factor each step, for several seeds; the loss of a fixed probe batch, smoothed by a
    robust fit, says from where on rates are useful and where they become too high.  Short runs at 1/10, 1/3, 1 and 3
    times the rate that this suggests have the last word.  Where the curve says nothing, no rate is suggested, and why.

    Parameters
    ----------
    problem : Workload, or callable, or torch.nn.Module
        What is trained.  A callable `loss = step(lr)` trains one step with that rate and returns the loss before it.
    optimizer : str, or Choice, or Rule, optional
        "sgd" unless given; a torch.optim optimizer too for a module.  A callback has its own; if it is named here, or
        in `state`, its kind is taken into account.
    data, loss :
        For a module: its data loader, and the loss as a function of outputs and targets.
    min_lr, max_lr : float
        The range; above 0.
    steps : int
        Of the ramp, each with its rate; 2,000 at most.
    seeds : int or sequence of int
        How many (0, 1, ...), or which; 5 unless given, and 1 for a callback without `begin`.
    part : {"test", "train"}
        Whose loss is probed, on 256 rows at most.
    verify : bool or int, optional
        Whether to make short runs, or how long they are.  Unless given, workloads and modules get a third of their
        planned length (30 to 2,000 steps), callbacks none; True gives these as many as `steps`.
    probe : callable, optional
        For a callback: the loss of a fixed batch, asked after each step.  Without it the steps' own losses are used,
        each of another batch, which takes more smoothing.
    begin : callable, optional
        For a callback: begins a new run with the seed that it is given.
    state : sequence
        For a callback: everything a step changes; it is put back before each run and in the end, bit for bit, also if
        a step raises.  Arrays, what `pack` returned, optimizers, random generators, what has `state_dict`.  The global
        random states are put back in any case; a workload or a module is never changed.
    report : callable
        Told the share that is done.

    Returns
    -------
    Finding
        `suggestion` is None where it is refused; `advice` says it in words.

    Raises
    ------
    ValueError, TypeError
        For no seeds, rates that are not above 0 or do not increase, or something that cannot be trained or put back.

    References
    ----------
    Smith 2017, WACV (arXiv:1506.01186), for the ramp.

    Examples
    --------
    >>> from fastlr.lab import find_lr, load, workload
    >>> found = find_lr(workload(load("wine")), "adam")
    >>> 0.005 < found.suggestion < 0.1
    True
    >>> low, high = found.bracket
    >>> low < found.suggestion < high
    True

    Any training step, here with an optimizer's:

    >>> w = np.array([1.0, 1.0])
    >>> opt = fastlr.SGD(w)
    >>> def step(lr):
    ...     opt.lr = lr
    ...     loss = float(w @ w)
    ...     opt.step(2 * w)
    ...     return loss
    >>> found = find_lr(step, state=[opt])
    >>> 0.05 < found.suggestion < 0.5, w
    (True, array([1., 1.]))
    """
    _check_range(min_lr, max_lr, steps)
    if part not in ("train", "test"):
        raise ValueError(f"find_lr(part={part!r}): part must be 'train' or 'test'")
    callback = callable(problem) and not _is_module(problem)
    numbers = seeds_of("find_lr", seeds if seeds is not None else 1 if callback and begin is None else 5)
    told = _Told(report)
    if callback:
        if len(numbers) > 1 and begin is None:
            raise ValueError("find_lr(seeds=...): a callback must have begin=, for which a seed makes a difference")
        step: Any = problem
        subject: Subject = OfStep(step, probe, begin, state, told)
        choice, planned = _named(optimizer, state), 0
    else:
        task, choice = _task(problem, optimizer, data, loss)
        subject, planned = OfWorkload(task, choice, part, told), task.epochs * task.steps_per_epoch
    short = _length(verify, steps, planned, callback=callback)
    told.total = len(numbers) * (steps + short * (len(LADDER) + 1))
    with kept(()):
        found = _ramped(subject, choice, ramp(min_lr, max_lr, steps, len(numbers)), numbers)
        if short and not found.reading.refusal:
            carried = planned if not callback and _noisy(task) else short
            found = replace(found, check=check(subject, found.ramped, numbers, short, carried))
    report(1.0)
    return found


def _check_range(min_lr: float, max_lr: float, steps: int) -> None:
    for name, value in (("min_lr", min_lr), ("max_lr", max_lr)):
        if not 0 < value < math.inf:
            raise ValueError(f"find_lr({name}={value!r}): {name} must be a number above 0")
    if not min_lr < max_lr:
        raise ValueError(f"find_lr(min_lr={min_lr!r}, max_lr={max_lr!r}): max_lr must be above min_lr")
    if not isinstance(steps, int) or not 2 <= steps <= MOST:
        raise ValueError(f"find_lr(steps={steps!r}): steps must be a whole number from 2 to {MOST:,}; 300 are usual")


def _ramped(subject: Subject, choice: Choice | None, rates: Floats, seeds: tuple[int, ...]) -> Finding:
    """What the ramp alone says."""
    losses = subject.run(rates, seeds, measure=[True] * len(rates), rise=True)
    below = BELOW[None if choice is None else normalises(choice.rule)]
    reading = read(rates[:, 0], losses)
    each = [_suggested(read(rates[:, 0], losses[:, [r]]), below) for r in range(len(seeds))]
    name = "" if choice is None else choice.name
    ramped = _suggested(reading, below)
    return Finding(subject.name, name, subject.measured, rates[:, 0], losses, seeds, reading, ramped, np.array(each))


def _suggested(reading: Reading, below: float) -> float:
    return max(below * reading.stable, reading.useful) if not reading.refusal else math.nan


def _length(verify: bool | int | None, steps: int, planned: int, *, callback: bool) -> int:
    """Steps of a short run; 0 for none."""
    if verify is None or isinstance(verify, bool):
        if verify is False or (callback and verify is None):
            return 0
        return steps if callback else min(max(planned // SHARE, SHORTEST), LONGEST)
    if not isinstance(verify, int) or verify < 2:
        raise ValueError(f"find_lr(verify={verify!r}): verify must be True, False, or at least 2 steps")
    return verify


def _task(problem: Any, optimizer: Any, data: Any, loss: Any) -> tuple[Workload, Choice]:
    """What is trained, and with what."""
    if _is_module(problem):
        if data is None or loss is None:
            raise TypeError("find_lr(module): data and loss must be given: find_lr(model, data=loader, loss=function)")
        from fastlr.torch.problem import rule_of, workload

        problem = workload(problem, data, loss)
        optimizer = rule_of(optimizer)
    if not isinstance(problem, Workload):
        raise TypeError(
            f"find_lr({type(problem).__name__}): must be a Workload, a callable loss = step(lr), or a torch.nn.Module"
        )
    choice = _named(optimizer or "sgd", ())
    assert choice is not None
    return problem, choice


def _noisy(task: Workload) -> bool:
    """Whether steps see parts of the data: without noise the best rate does not fall with the length of a run."""
    return task.split is not None and task.batch < len(task.split.train)


def _is_module(problem: Any) -> bool:
    """Whether it is PyTorch's, without importing it."""
    return any(kind.__module__ == "torch.nn.modules.module" for kind in type(problem).__mro__)


def _named(optimizer: str | Choice | Rule | None, state: Sequence[Any]) -> Choice | None:
    """The optimizer that was named, or the one that is put back, if there is one."""
    if isinstance(optimizer, Choice):
        return optimizer
    if isinstance(optimizer, Rule):
        return Choice(type(optimizer).__name__.lower(), optimizer)
    if isinstance(optimizer, str):
        if "@" in optimizer:
            raise ValueError(f"find_lr(optimizer={optimizer!r}): must be without a rate, for the test varies it")
        return choose([optimizer])[0]
    if optimizer is not None:
        raise TypeError(f"find_lr(optimizer={optimizer!r}): must be a name, a Choice or a Rule")
    for thing in state:
        if isinstance(thing, Optimizer):
            return Choice(thing.name.lower(), thing.groups[0].rule)
    return None


class _Told:
    """Counts steps of runs, and tells the share."""

    def __init__(self, report: Report) -> None:
        self.report, self.total, self.done = report, 1, 0

    def __call__(self, steps: int) -> None:
        self.done += steps
        self.report(min(self.done / self.total, 1.0))
