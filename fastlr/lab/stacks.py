"""Any problem as a stack: row r of every array belongs to run r."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fastlr.lab.data import Floats, Part
from fastlr.lab.mlp import Array, Params
from fastlr.lab.networks import NetworkStack
from fastlr.lab.problems import Problem

Batch: TypeAlias = tuple[NDArray[Any], NDArray[Any]] | None
Alive: TypeAlias = NDArray[np.bool_]


@runtime_checkable
class WithoutGradient(Protocol):
    """A problem that can be scored without the work of a gradient."""

    def loss_only(self, params: Params, batch: Any) -> float:
        """The loss; nothing is written."""
        ...


class Stack(Protocol):
    """Runs of one problem, each with parameters of its own."""

    def losses_and_grads(self, batch: Any, alive: Alive) -> Floats:
        """The loss of each run, and its gradient into the stack's arrays; of rows that are not alive, anything.

        Parameters
        ----------
        batch : (x, y) or None
            With a leading axis of runs.
        alive : array of bool, shape (runs,)
        """
        ...

    def scores(self, part: Part | None, alive: Alive) -> tuple[Floats, Floats]:
        """The loss and the metric of each run on data that all share, or without data; NaN for no metric."""
        ...


def stacked(problem: Problem, params: Params, grads: Params) -> Stack:
    """The stack of a problem, as fast as the problem allows.

    Parameters
    ----------
    problem : Problem
    params, grads : mapping of arrays
        As `problem.init` gives them, with a leading axis of runs.
    """
    if NetworkStack.serves(problem):
        return NetworkStack(problem, params, grads)
    if hasattr(problem, "losses_and_grads"):
        return _AllAtOnce(problem.losses_and_grads, params, grads)
    return _OneByOne(problem, params, grads)


class _AllAtOnce:
    """A problem whose `losses_and_grads` takes any leading axes."""

    def __init__(self, function: Callable[[Params, Params, Any], Floats], params: Params, grads: Params) -> None:
        self._function, self._params, self._grads = function, params, grads
        self._runs = len(next(iter(params.values())))

    def losses_and_grads(self, batch: Batch, alive: Alive) -> Floats:
        return self._function(self._params, self._grads, batch)

    def scores(self, part: Part | None, alive: Alive) -> tuple[Floats, Floats]:
        batch = None if part is None else (part.x, part.y)
        return self.losses_and_grads(batch, alive), np.full(self._runs, np.nan)


class _OneByOne:
    """A problem that knows of one run only; runs that diverged are left out, for it may not bear what is not finite."""

    def __init__(self, problem: Problem, params: Params, grads: Params) -> None:
        self._problem = problem
        self._runs = len(next(iter(params.values())))
        self._rows = [(_row(params, r), _row(grads, r)) for r in range(self._runs)]

    def losses_and_grads(self, batch: Batch, alive: Alive) -> Floats:
        return self._each(lambda r: None if batch is None else (batch[0][r], batch[1][r]), alive)

    def scores(self, part: Part | None, alive: Alive) -> tuple[Floats, Floats]:
        batch = None if part is None else (part.x, part.y)
        metric = np.full(self._runs, np.nan)
        if isinstance(self._problem, WithoutGradient):
            only = self._problem.loss_only
            losses = [only(self._rows[r][0], batch) if alive[r] else np.nan for r in range(self._runs)]
            return np.array(losses), metric
        return self._each(lambda r: batch, alive), metric

    def _each(self, batch_of: Callable[[int], Batch], alive: Alive) -> Floats:
        losses = np.full(self._runs, np.nan)
        for r in np.flatnonzero(alive).tolist():
            losses[r] = self._problem.loss_and_grad(*self._rows[r], batch_of(r))
        return losses


def _row(arrays: Params, r: int) -> Mapping[str, Array]:
    # a view also where the array is a single number a run
    return {name: array[r : r + 1].reshape(array.shape[1:]) for name, array in arrays.items()}
