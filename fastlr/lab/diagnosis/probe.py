"""How a step's end looks from its beginning: what the gradient says along the step that was just taken.

Design: it is shown parameters and gradients once a step, between the gradient and the update.  So it works in any loop
and on any arrays; what was shown one step ago tells the step D.  Two gradients of different batches are compared, whose
noise makes single values worthless: sums over many of them are what counts, so the two products are kept apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EVERY = 25
"""Steps from one look to the next: copies of all weights at each step would cost what small steps cost."""


@dataclass(frozen=True, eq=False)
class Look:
    """What was seen of a step D; arrays where many runs are looked at, else numbers.

    Attributes
    ----------
    along_last : float or array
        <g, D>, g the gradient after the step.
    along_before : float or array
        <g, D>, g the gradient that made the step; below 0 where the step went downhill.
    ratio : float or array
        The length of D over that of the weights.
    grad_norm : float or array
        The length of the gradient after the step.
    """

    along_last: Any
    along_before: Any
    ratio: Any
    grad_norm: Any


class Probe:
    """Looks at every 25th step.

    Parameters
    ----------
    every : int
        Steps between two looks, at least 2.

    Examples
    --------
    Gradient descent on w^2 / 2 with lr 1.5 ends each step half as high on the other side:

    >>> probe, w = Probe(every=2), np.array([1.0])
    >>> for _ in range(2):
    ...     look = probe.show([w], [w]) if probe.due() else None  # the gradient is w
    ...     w = w - 1.5 * w
    >>> float(-look.along_last / look.along_before)
    0.5
    """

    def __init__(self, every: int = EVERY) -> None:
        if not isinstance(every, int) or every < 2:
            raise ValueError(f"Probe(every={every!r}): every must be a whole number, at least 2")
        self.every = every
        self._count = 0
        self._kept: tuple[list[NDArray[Any]], list[NDArray[Any]]] | None = None

    def due(self) -> bool:
        """Count a step; whether it is to be shown.  Of others nothing need be at hand."""
        self._count += 1
        return self._count >= self.every - 1

    def show(self, params: Sequence[NDArray[Any]], grads: Sequence[NDArray[Any]]) -> Look | None:
        """Show a step that is due: the first of two is kept, the second gives the look.

        Parameters
        ----------
        params, grads : sequence of array
            Before the update, in the same order and of the same shapes at every call; products are taken over the
            last axis.
        """
        if self._count < self.every:
            self._kept = [np.array(w) for w in params], [np.array(g) for g in grads]
            return None
        self._count = 0
        assert self._kept is not None
        before, gradients = self._kept
        self._kept = None
        if [w.shape for w in before] != [w.shape for w in params]:
            return None  # parameters were added meanwhile
        return _look(params, grads, before, gradients)


def _look(
    params: Sequence[NDArray[Any]],
    grads: Sequence[NDArray[Any]],
    before: Sequence[NDArray[Any]],
    gradients: Sequence[NDArray[Any]],
) -> Look:
    with np.errstate(all="ignore"):
        steps = [now - then for now, then in zip(params, before, strict=True)]
        ratio = np.sqrt(_product(steps, steps) / _product(before, before))
        norm = np.sqrt(_product(grads, grads))
        return Look(_product(grads, steps), _product(gradients, steps), ratio, norm)


def _product(a: Sequence[NDArray[Any]], b: Sequence[NDArray[Any]]) -> Any:
    """The sum of the products over the last axis, of all arrays."""
    # BLAS has a product of two vectors, and none of many pairs
    parts = [
        np.float64(np.dot(one, other)) if one.ndim == 1 else np.vecdot(one, other).astype(np.float64)
        for one, other in zip(a, b, strict=True)
    ]
    return sum(parts[1:], parts[0]) if parts else np.float64(math.nan)
