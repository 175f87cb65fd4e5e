"""The batch of runs: rates times seeds as rows of one flat buffer.

Design: a row has its own settings, schedule and random stream, and nothing is summed over rows, so it gives the same
bits alone as among others.  One optimizer updates all rows that share a kernel, with a parameter group a row: 120 rows
of 303 weights take it 6 us, where an optimizer a row took 41.  Rows are trained in blocks whose activations fit into
the cache: with 303 weights a step takes 7 us a row in blocks of 40, and 11 in one of 120.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from fastlr.buffers import Packed, pack
from fastlr.lab.data import Floats, Part
from fastlr.lab.mlp import Array, Params
from fastlr.lab.rows import CURVES, Histories, Row, joined
from fastlr.lab.stacks import Batch, stacked
from fastlr.lab.workloads import Workload
from fastlr.optimizer import Optimizer
from fastlr.rules.base import Rule
from fastlr.schedules import Driven

Report: TypeAlias = Callable[[float], None]
BLOCK = 40
"""Rows trained at a time."""
ROW_OPTIONS = ("max_norm", "norm", "clip_value", "grad_scale")
"""What of `fastlr.rules.Options` a row may have of its own."""


@dataclass(frozen=True, eq=False)
class Moment:
    """Where some rows are between their gradients and their step.

    Attributes
    ----------
    rows : slice
        Which of the rows that are trained.
    step : int
        The steps taken before.
    losses : float64 array, shape (rows,)
        On their batches; not finite from where a row diverged.
    params, grads : array, shape (rows, weights)
        The buffers themselves: copy what is to be kept.
    """

    rows: slice
    step: int
    losses: Floats
    params: Array
    grads: Array


Watch: TypeAlias = Callable[[Moment], None]


def train(
    workload: Workload,
    rows: Sequence[Row],
    *,
    every: int = 1,
    report: Report = lambda share: None,
    watch: Watch | None = None,
) -> Histories:
    """Train rows, all at once.

    Parameters
    ----------
    workload : Workload
    rows : sequence of Row
    every : int
        Score after so many epochs; the beginning and the end always are.
    report : callable
        Told the share that is done, after every epoch of a block.
    watch : callable, optional
        Shown a `Moment` before every step of a block.

    Returns
    -------
    Histories

    Raises
    ------
    ValueError
        Without rows, or for rules with settings for some parameters only (`overrides`, `no_decay`), or with options of
        a step that are not for rows (all but those in `ROW_OPTIONS`).

    Examples
    --------
    >>> from fastlr.lab import Quadratic, Row, Workload, train
    >>> rows = [Row(fastlr.rules.SGD(lr=lr), seed=0) for lr in (0.01, 0.1, 0.3)]
    >>> histories = train(Workload("bowl", Quadratic([1, 10]), epochs=600), rows)
    >>> histories.diverged < 0
    array([ True,  True, False])
    >>> histories.train_loss[-1] < 1e-9
    array([False,  True, False])
    """
    if not rows:
        raise ValueError("train(rows=()): rows must be at least one Row")
    if not isinstance(every, int) or every < 1:
        raise ValueError(f"train(every={every!r}): every must be a whole number, at least 1")
    for row in rows:
        # every row is a parameter group, and so has the settings of one
        if row.rule.overrides or row.rule.no_decay:
            raise ValueError(f"train(rows=...): a row's settings must be the same for all its parameters, got {row!r}")
        if others := row.rule.options().keys() - ROW_OPTIONS:
            raise ValueError(
                f"train(rows=...): of a step's options a row may have {', '.join(ROW_OPTIONS)}, got {min(others)} in "
                f"{row!r}; the others are of a whole optimizer, of which rows share one"
            )
    blocks = [rows[first : first + BLOCK] for first in range(0, len(rows), BLOCK)]
    done = []
    for index, block in enumerate(blocks):

        def tell(share: float, index: int = index) -> None:
            report((index + share) / len(blocks))

        # what diverges overflows: the losses tell
        with np.errstate(all="ignore"):
            done.append(Block(workload, block, index * BLOCK, watch).run(every, tell))
    return joined(done)


class Block:
    """Some rows, under way."""

    def __init__(self, workload: Workload, rows: Sequence[Row], first: int = 0, watch: Watch | None = None) -> None:
        self.workload = workload
        self.rows = tuple(rows)
        self.places = slice(first, first + len(rows))
        self.watch = watch
        starts = {row.seed: dict(workload.problem.init(row.seed)) for row in rows}
        packed = pack([starts[row.seed] for row in rows])
        self.buffers = [buffer.reshape(len(rows), -1) for buffer in (packed.flat, packed.flat_grads)]
        params, grads = (_by_name(starts[rows[0].seed], flat, len(rows)) for flat in (packed.flat, packed.flat_grads))
        self.stack = stacked(workload.problem, params, grads)
        rules = [_begun_anew(row.rule) for row in rows]
        self.followers = [(r, rule.lr) for r, rule in enumerate(rules) if isinstance(rule.lr, Driven)]
        self.optimizers = _optimizers(rules, packed)
        # not the stream that the initial weights were drawn from
        self.streams = [np.random.default_rng((row.seed, 1)) for row in rows]
        self.diverged = np.full(len(rows), -1)
        self.steps = 0

    def run(self, every: int, report: Report) -> Histories:
        """Train to the end."""
        last = self.workload.epochs
        epochs, lines = [0], [self._line(0)]
        for epoch in range(1, last + 1):
            if (self.diverged < 0).any():
                for batch in self.batches():
                    self.step(batch)
            due = epoch % every == 0 or epoch == last
            line = self._line(epoch) if due or self.followers else ()
            if due:
                epochs.append(epoch)
                lines.append(line)
            report(epoch / last)
        curves = dict(zip(CURVES, map(np.stack, zip(*lines, strict=True)), strict=True))
        return Histories(self.rows, np.array(epochs), **curves, diverged=self.diverged)

    def batches(self) -> Iterator[Batch]:
        """An epoch's batches, each row's in an order of its own; None where there is no data."""
        split, size = self.workload.split, self.workload.batch
        if split is None:
            yield None
            return
        x, y = split.train.x, split.train.y
        orders = np.stack([stream.permutation(len(x)) for stream in self.streams])
        for first in range(0, len(x), size):
            chosen = orders[:, first : first + size]
            yield x[chosen], y[chosen]

    def step(self, batch: Batch) -> None:
        """One step of every row."""
        alive = self.diverged < 0
        losses = self.stack.losses_and_grads(batch, alive)
        # a row that diverged stays in the buffers, where what is not finite costs no time, and is looked at no more
        self.diverged[alive & ~np.isfinite(losses)] = self.steps
        if self.watch is not None:
            self.watch(Moment(self.places, self.steps, losses, *self.buffers))
        for optimizer, _ in self.optimizers:
            optimizer.step()
        self.steps += 1

    def probed(self, part: Part | None) -> Floats:
        """The loss of each row on data that all of them share, or without data; NaN where a row diverged."""
        alive = self.diverged < 0
        return np.where(alive, self.stack.scores(part, alive)[0], np.nan)

    def _line(self, epoch: int) -> tuple[Floats, ...]:
        """Of each of the histories' curves, the values after an epoch."""
        split, alive = self.workload.split, self.diverged < 0
        train_loss, train_metric = self.stack.scores(split.train if split else None, alive)
        test_loss, test_metric = self.stack.scores(split.test, alive) if split else (train_loss, train_metric)
        self.diverged[alive & ~np.isfinite(train_loss)] = self.steps
        for r, schedule in self.followers if epoch else ():
            schedule.observe(test_loss[r])
        rates = np.empty(len(self.rows))
        for optimizer, places in self.optimizers:
            rates[places] = [group.next_rate(self.steps) for group in optimizer.groups]
        line = (train_loss, test_loss, train_metric, test_metric, rates)
        return tuple(np.where(self.diverged < 0, values, np.nan) for values in line)


def _begun_anew(rule: Rule) -> Rule:
    """The rule with a schedule of its own where it follows a metric: it shall not follow another row's."""
    return replace(rule, lr=replace(rule.lr)) if isinstance(rule.lr, Driven) else rule


def _by_name(start: Params, flat: Array, runs: int) -> dict[str, Array]:
    """Views of a flat buffer, (runs, *shape) for each parameter."""
    rows, begin = flat.reshape(runs, -1), 0
    views = {}
    for name, array in start.items():
        views[name] = rows[:, begin : begin + array.size].reshape(runs, *array.shape)
        begin += array.size
    return views


def _optimizers(rules: Sequence[Rule], packed: Packed) -> list[tuple[Optimizer, list[int]]]:
    """Optimizers of all rows, each with the places of its groups' rows: as few as there are kernels."""
    kinds: dict[tuple[object, ...], list[int]] = {}
    for r, rule in enumerate(rules):
        options = tuple(getattr(rule, name) for name in ROW_OPTIONS)
        kind = (type(rule), rule.kernel.name, rule.like, rule.backend, rule.denormals, *options)
        kinds.setdefault(kind, []).append(r)
    flat, flat_grads = (buffer.reshape(len(rules), -1) for buffer in (packed.flat, packed.flat_grads))
    found = []
    for places in kinds.values():
        parts = [Packed(packed.params[r], packed.grads[r], flat[r], flat_grads[r]) for r in places]
        groups = [{"params": part, **rules[r].settings()} for part, r in zip(parts, places, strict=True)]
        found.append((Optimizer(groups, _in_a_group(rules[places[0]])), places))
    return found


def _in_a_group(rule: Rule) -> Rule:
    """The rule of rows that are groups: all of a row's gradients are those of its group."""
    return replace(rule, norm="group") if rule.max_norm is not None and rule.norm == "global" else rule
