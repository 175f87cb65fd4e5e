"""A network under training: parameters, optimizer, random stream.  It knows nothing of scikit-learn."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastlr.buffers import pack
from fastlr.lab.diagnosis import Monitor
from fastlr.lab.losses import Array
from fastlr.lab.mlp import MLP
from fastlr.optimizer import Optimizer
from fastlr.rules.base import Rule

KEPT = 1024
"""Observations that the monitor keeps: 74 kB, for it is pickled with the estimator."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What to train on or to judge by.

    Attributes
    ----------
    x : array or scipy.sparse array, shape (rows, inputs)
    y : array
        As the network's loss wants it.
    weights : array, shape (rows,), or None
        Above 0, of x's dtype; None: all rows weigh the same.
    """

    x: Any
    y: NDArray[Any]
    weights: Array | None = None

    def __len__(self) -> int:
        return int(self.x.shape[0])

    def __getitem__(self, rows: NDArray[np.intp] | slice) -> "Rows":
        return Rows(self.x[rows], self.y[rows], None if self.weights is None else self.weights[rows])

    @property
    def weight(self) -> float:
        """Of all rows together."""
        return float(len(self) if self.weights is None else self.weights.sum(dtype=np.float64))


class Learner:
    """A network, its parameters in one flat buffer, and the optimizer that updates them.

    Parameters
    ----------
    model : MLP
    rule : Rule
    random : numpy.random.RandomState
        For the initial parameters, then for the order of the rows.
    """

    def __init__(self, model: MLP, rule: Rule, random: np.random.RandomState) -> None:
        self.model = model
        self.random = random
        self.packed = pack(model.init(int(random.randint(2**31 - 1))))
        self.restart(rule)

    def restart(self, rule: Rule) -> None:
        """Go on from these parameters with a new optimizer."""
        self.rule = rule
        self.optimizer = Optimizer(self.packed, rule)
        self.monitor: Monitor | None = None

    def epoch(self, rows: Rows, batch_size: int, *, shuffle: bool, alpha: float) -> float:
        """Train on every row once; the mean loss on the way, penalty included."""
        total = 0.0
        if self.monitor is None:
            self.monitor = Monitor(features=rows.x, optimizer=self.optimizer, capacity=KEPT)
        for batch in self._batches(rows, batch_size, shuffle):
            weight = batch.weight
            loss = self.model.loss_and_grad(
                self.packed.params,
                self.packed.grads,
                (batch.x, batch.y),
                row_weights=batch.weights,
                l2=alpha / weight,  # as in scikit-learn: the penalty counts once a batch, whatever its size
            )
            total += weight * loss
            self.monitor.observe(loss, params=self.packed.flat, grads=self.packed.flat_grads)
            self.optimizer.step()
        return total / rows.weight

    def _batches(self, rows: Rows, size: int, shuffle: bool) -> Iterator[Rows]:
        if size >= len(rows):
            yield rows  # in any order the same, but for rounding
            return
        order = self.random.permutation(len(rows)) if shuffle else None
        for first in range(0, len(rows), size):
            chosen = slice(first, first + size)
            yield rows[chosen if order is None else order[chosen]]

    def outputs(self, x: Any) -> Array:
        """What the last layer sums up, shape (rows, outputs)."""
        return self.model.outputs(self.packed.params, x)

    # An optimizer points into its arrays and cannot be copied: its state is, and a new one continues from there.

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "optimizer": self.optimizer.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        saved = state.pop("optimizer")
        self.__dict__.update(state)
        self.optimizer = Optimizer(self.packed, self.rule)
        self.optimizer.load_state_dict(saved)
        if self.monitor is not None:
            self.monitor.follow(self.optimizer)
