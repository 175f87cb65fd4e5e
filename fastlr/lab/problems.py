"""What can be trained: networks on data, models without a hidden layer, functions whose minimum is known.

A problem of your own needs the two methods of `Problem`.  It is trained row by row; one that writes `losses_and_grads`
as well, for any number of leading axes, is trained for all rows at once (see `fastlr.lab.stacks`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from fastlr.lab.data import Floats
from fastlr.lab.mlp import MLP, Array, Params


class Problem(Protocol):
    """What can be trained.

    Examples
    --------
    A parabola, which needs no data:

    >>> from fastlr.lab import Workload, sweep
    >>> class Parabola:
    ...     def init(self, seed):
    ...         return {"w": np.array([float(seed + 1)])}
    ...
    ...     def loss_and_grad(self, params, grads, batch):
    ...         grads["w"][:] = 2 * params["w"]
    ...         return float(params["w"] @ params["w"])
    >>> sweep(Workload("parabola", Parabola(), epochs=10), rates=[0.01, 0.1, 0.5, 1.5], seeds=3).best
    0.5
    """

    def init(self, seed: int) -> Params:
        """The parameters to start from, arrays by name; the same for the same seed."""
        ...

    def loss_and_grad(self, params: Params, grads: Params, batch: Any) -> float:
        """The loss, and its gradient into the arrays of `grads`.

        `batch` is (x, y), or None for a workload without data.
        """
        ...


def linear(inputs: int, outputs: int = 1, dtype: Literal["float32", "float64"] = "float32") -> MLP:
    """Linear regression: a network without a hidden layer, and the squared error.

    >>> linear(13).sizes, linear(13).loss
    ((13, 1), 'mse')
    """
    return MLP((inputs, outputs), loss="mse", dtype=dtype)


def logistic(inputs: int, classes: int = 2, dtype: Literal["float32", "float64"] = "float32") -> MLP:
    """Logistic regression: a network without a hidden layer, and the cross-entropy.

    >>> logistic(13, classes=3).sizes, logistic(13, classes=3).loss
    ((13, 3), 'cross_entropy')
    """
    return MLP((inputs, classes), loss="cross_entropy", dtype=dtype)


@dataclass(frozen=True)
class Quadratic:
    """A bowl: half the sum of curvature times squared weight.

    Gradient descent shrinks weight i by 1 - lr curvature[i] a step, so it diverges above lr = 2 / max(curvature).

    Parameters
    ----------
    curvature : sequence of float
        One a weight, each above 0.
    dtype : {"float32", "float64"}

    Examples
    --------
    >>> bowl = Quadratic([1.0, 10.0])
    >>> w, g = np.array([1.0, 2.0]), np.empty(2)
    >>> bowl.loss_and_grad({"w": w}, {"w": g}, None), g
    (20.5, array([ 1., 20.]))
    """

    curvature: Sequence[float]
    dtype: Literal["float32", "float64"] = "float64"

    def __post_init__(self) -> None:
        object.__setattr__(self, "curvature", tuple(map(float, self.curvature)))
        if not self.curvature or not all(0 < value < math.inf for value in self.curvature):
            raise ValueError(
                f"Quadratic(curvature={self.curvature!r}): curvature must be one number above 0 for each weight"
            )

    def init(self, seed: int) -> dict[str, Array]:
        """A point of the standard normal distribution."""
        return {"w": np.random.default_rng(seed).standard_normal(len(self.curvature)).astype(self.dtype)}

    def loss_and_grad(self, params: Params, grads: Params, batch: None) -> float:
        """The height of the bowl, and its slope into `grads`."""
        return float(self.losses_and_grads(params, grads, batch))

    def losses_and_grads(self, params: Params, grads: Params, batch: None) -> Floats:
        """The same for any number of leading axes."""
        w, slope = params["w"], grads["w"]
        np.multiply(w, np.asarray(self.curvature, self.dtype), out=slope)
        losses: Floats = 0.5 * (w * slope).sum(axis=-1, dtype=np.float64)
        return losses


@dataclass(frozen=True)
class Rosenbrock:
    """Rosenbrock's valley, (1 - x)^2 + steepness (y - x^2)^2: minimum 0 at (1, 1), a bent floor, steep walls.

    Parameters
    ----------
    steepness : float
        Above 0.
    spread : float
        Deviation of the start around Rosenbrock's, (-1.2, 1); at least 0.

    References
    ----------
    Rosenbrock 1960, The Computer Journal 3(3):175.

    Examples
    --------
    >>> w, g = np.array([1.0, 2.0]), np.empty(2)
    >>> Rosenbrock().loss_and_grad({"w": w}, {"w": g}, None), g
    (100.0, array([-400.,  200.]))
    """

    steepness: float = 100.0
    spread: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.steepness < math.inf:
            raise ValueError(f"Rosenbrock(steepness={self.steepness!r}): steepness must be a number above 0")
        if not 0 <= self.spread < math.inf:
            raise ValueError(f"Rosenbrock(spread={self.spread!r}): spread must be a number, at least 0")

    def init(self, seed: int) -> dict[str, Array]:
        """A point near (-1.2, 1)."""
        return {"w": np.array([-1.2, 1.0]) + self.spread * np.random.default_rng(seed).standard_normal(2)}

    def loss_and_grad(self, params: Params, grads: Params, batch: None) -> float:
        """The height of the valley, and its slope into `grads`."""
        return float(self.losses_and_grads(params, grads, batch))

    def losses_and_grads(self, params: Params, grads: Params, batch: None) -> Floats:
        """The same for any number of leading axes."""
        x, y = params["w"][..., 0], params["w"][..., 1]
        off = y - x * x
        grads["w"][..., 0] = -2 * (1 - x) - 4 * self.steepness * off * x
        grads["w"][..., 1] = 2 * self.steepness * off
        losses: Floats = (1 - x) ** 2 + self.steepness * off**2
        return losses
