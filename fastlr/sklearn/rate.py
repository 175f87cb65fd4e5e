"""`learning_rate="auto"`: the range test on the estimator's own network and data, before it is trained."""

from dataclasses import replace
from typing import Any

import numpy as np

from fastlr.lab.finding import Finding, find_lr
from fastlr.rules.base import Rule
from fastlr.sklearn.learner import Learner, Rows

STEPS, SEEDS, PROBE = 200, 3, 256
"""Of the ramp; how many times it is run; rows whose loss is looked at after each step."""


class _Trial:
    """The training of a learner, step by step, with whatever rate is asked for."""

    def __init__(self, learner: Learner, rows: Rows, batch_size: int, alpha: float) -> None:
        self._learner, self._rows, self._size, self._alpha = learner, rows, batch_size, alpha
        self._start = learner.optimizer.state_dict()
        self._random = np.random.default_rng(0)
        chosen = self._random.permutation(len(rows))[:PROBE]
        self._probed = rows[np.sort(chosen)]

    def begin(self, seed: int) -> None:
        """Other initial weights and batches, unless there is no hidden layer: then the weights begin at 0."""
        learner = self._learner
        if learner.model.depth > 1:
            for name, array in learner.model.init(seed).items():
                learner.packed.params[name][...] = array
        else:
            learner.packed.flat.fill(0)
        learner.optimizer.load_state_dict(self._start)
        self._random = np.random.default_rng(seed)

    def step(self, lr: float) -> float:
        chosen = self._random.integers(len(self._rows), size=self._size)
        loss = self._loss(self._rows[np.sort(chosen)])
        self._learner.optimizer.lr = lr
        self._learner.optimizer.step()
        return loss

    def probe(self) -> float:
        return self._loss(self._probed)

    def _loss(self, rows: Rows) -> float:
        """And its gradient."""
        learner = self._learner
        loss: Any = learner.model.loss_and_grad(
            learner.packed.params,
            learner.packed.grads,
            (rows.x, rows.y),
            row_weights=rows.weights,
            l2=self._alpha / rows.weight,
        )
        return float(loss)


def find_rate(model: Any, rule: Rule, rows: Rows, batch_size: int, *, alpha: float, steps: int) -> Finding:
    """A learning rate for a network that will be trained for so many steps.

    Parameters
    ----------
    model : MLP
    rule : Rule
        Whose rate is looked for; another may be in it.
    rows : Rows
    batch_size : int
    alpha : float
        The penalty.
    steps : int

    Returns
    -------
    Finding
    """
    lr = rule.lr if isinstance(rule.lr, float) else 1e-3  # any number will do, a schedule would be asked for its own
    trial = _Trial(Learner(model, replace(rule, lr=lr), np.random.RandomState(0)), rows, batch_size, alpha)
    with np.errstate(all="ignore"):  # what diverges overflows
        return find_lr(
            trial.step,
            rule,
            steps=STEPS,
            seeds=SEEDS,
            probe=trial.probe,
            begin=trial.begin,
            verify=max(30, min(STEPS, steps // 3)),
        )
