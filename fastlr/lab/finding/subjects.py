"""What can be put to a range test: the lab's workloads, and any training step of your own."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from fastlr.lab.batch import BLOCK, Block
from fastlr.lab.data import Floats, Part
from fastlr.lab.finding.keeping import kept
from fastlr.lab.finding.ramp import Watch
from fastlr.lab.optimizers import Choice
from fastlr.lab.rows import Row
from fastlr.lab.stacks import Batch
from fastlr.lab.sweeps.result import PartName
from fastlr.lab.workloads import Workload

Step: TypeAlias = Callable[[float], float]
"""lr -> loss: one step of training with this rate."""
Tell: TypeAlias = Callable[[int], None]
"""Told how many steps of runs were taken."""
PROBE = 256
"""Rows of data that the loss is measured on after every step: enough to see 1 % of a loss, cheap beside a gradient."""


class OfWorkload:
    """Runs of a workload, as rows of one buffer; the loss is that of a fixed probe batch."""

    def __init__(self, workload: Workload, choice: Choice, part: PartName, tell: Tell) -> None:
        self.workload, self.choice, self.tell = workload, choice, tell
        self.name = workload.name
        self.probe: Part | None = None
        self.measured = "loss"
        if workload.split is not None:
            of = getattr(workload.split, part)
            self.probe = Part(of.x[:PROBE], of.y[:PROBE])
            self.measured = f"{workload.unit(part)} of {len(self.probe):,} rows"

    def run(self, rates: Floats, seeds: tuple[int, ...], *, measure: Sequence[bool], rise: bool) -> Floats:
        """See `Subject`."""
        found = np.full((1 + sum(measure), len(seeds)), np.nan)
        # what diverges overflows: the losses tell
        with np.errstate(all="ignore"):
            for first in range(0, len(seeds), BLOCK):
                some = slice(first, first + BLOCK)
                for point, losses in enumerate(self._points(rates[:, some], seeds[some], measure, rise)):
                    found[point, some] = losses
        return found

    def _points(self, rates: Floats, seeds: tuple[int, ...], measure: Sequence[bool], rise: bool) -> Iterator[Floats]:
        """The losses of a block of runs, until all of them are stopped."""
        rows = [Row(replace(self.choice.rule, lr=_looked_up(rates[:, r])), seed) for r, seed in enumerate(seeds)]
        block, watch = Block(self.workload, rows), Watch(len(rows), rise=rise)
        batches = _without_end(block)
        yield watch.seen(block.probed(self.probe))
        for step, due in enumerate(measure):
            if not watch.alive.any():
                return
            block.step(next(batches))
            self.tell(len(rows))
            if due:
                yield watch.seen(block.probed(self.probe))
                block.diverged[~watch.alive & (block.diverged < 0)] = step + 1


class OfStep:
    """Runs of a callback, one after the other, each from the state that was there."""

    def __init__(
        self,
        step: Step,
        probe: Callable[[], float] | None,
        begin: Callable[[int], Any] | None,
        state: Sequence[Any],
        tell: Tell,
    ) -> None:
        self.step, self.probe, self.begin, self.state, self.tell = step, probe, begin, state, tell
        self.name = getattr(step, "__name__", type(step).__name__)
        self.measured = "loss of each batch" if probe is None else "probe's loss"

    def run(self, rates: Floats, seeds: tuple[int, ...], *, measure: Sequence[bool], rise: bool) -> Floats:
        """See `Subject`."""
        found = np.full((1 + sum(measure), len(seeds)), np.nan)
        with kept(self.state) as put_back:
            for r, seed in enumerate(seeds):
                put_back()
                if self.begin is not None:
                    self.begin(seed)
                points = self._probed if self.probe else self._own
                for point, loss in enumerate(points(rates[:, r].tolist(), measure, Watch(1, rise=rise))):
                    found[point, r] = loss
        return found

    def _probed(self, rates: Sequence[float], measure: Sequence[bool], watch: Watch) -> Iterator[float]:
        """The losses of the probe, until the run is stopped."""
        assert self.probe is not None
        yield _seen(watch, self.probe(), "probe()")
        for rate, due in zip(rates, measure, strict=True):
            if not watch.alive[0]:
                return
            self.step(rate)
            self.tell(1)
            if due:
                yield _seen(watch, self.probe(), "probe()")

    def _own(self, rates: Sequence[float], measure: Sequence[bool], watch: Watch) -> Iterator[float]:
        """The losses of the steps, each of which is that of the parameters before it: one step late."""
        for step, rate in enumerate(rates):
            loss = self.step(rate)
            self.tell(1)
            if step == 0 or measure[step - 1]:
                yield _seen(watch, loss, "step(lr)")
            if not watch.alive[0]:
                return


def _seen(watch: Watch, loss: Any, call: str) -> float:
    """A loss that a callback returned, looked at."""
    try:
        value = float(loss)
    except (TypeError, ValueError):
        raise TypeError(f"find_lr: {call} must return the loss, a number, got {loss!r}") from None
    return float(watch.seen(np.array([value]))[0])


def _without_end(block: Block) -> Iterator[Batch]:
    while True:
        yield from block.batches()


def _looked_up(rates: Floats) -> Callable[[int], float]:
    values: list[float] = rates.tolist()

    def rate(step: int) -> float:
        return values[min(step, len(values) - 1)]

    return rate
