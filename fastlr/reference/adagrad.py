"""Adagrad.  Duchi, Hazan & Singer 2011, JMLR 12:2121, figure 1: H = delta I + diag(s), s_i = ||g_1:t,i||_2."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def adagrad(
    theta: Floats,
    gradients: Iterable[Floats],
    lr: float | Callable[[int], float] = 1e-2,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    initial_accumulator_value: float = 0.0,
    eps: float = 1e-10,
    *,
    maximize: bool = False,
    like: Literal["torch", "keras", "optax"] = "torch",
) -> Iterator[Floats]:
    """Yield the weights after each step of Adagrad.

    Parameters
    ----------
    theta : array of floats, any shape
        The weights to start from; not modified.  The results have its dtype.
    gradients : iterable of arrays, each of theta's shape
        The gradient at the weights yielded last; asked for only when the next step is.
    lr : float or callable of the 0-based step
        Learning rate.
    lr_decay : float
        The rate is divided by `1 + lr_decay * (0-based step)`.
    weight_decay : float
        torch adds `weight_decay * theta` to the gradient; keras and optax first take
        `rate * weight_decay * theta` off the weights.
    initial_accumulator_value : float
        What the sums of squares start at.
    eps : float
        The paper's delta, beside the root (torch) or inside it (keras, optax).
    maximize : bool
        Go along the gradient instead of against it.
    like : {"torch", "keras", "optax"}
        Whose formula.

    Yields
    ------
    array, of theta's shape and dtype
        theta_1, theta_2, ...; each a new array.

    Raises
    ------
    ValueError
        For an unknown `like`, when the first step is asked for.

    References
    ----------
    Duchi, Hazan & Singer 2011, "Adaptive subgradient methods for online learning and stochastic optimization", JMLR 12.

    Examples
    --------
    >>> from fastlr.reference import adagrad
    >>> for theta in adagrad(np.array([8.0]), [np.array([3.0]), np.array([4.0])], lr=5.0, eps=0.0):
    ...     print(theta)  # less 5 * 3/3, then 5 * 4/5
    [3.]
    [-1.]
    """
    if like not in (known := ("torch", "keras", "optax")):
        raise ValueError(f"adagrad(like={like!r}): like must be one of {known}, got {like!r}")
    theta = np.asarray(theta)
    s2 = np.full_like(theta, initial_accumulator_value)  # s^2 of the paper
    for t, g in enumerate(gradients, start=1):
        eta = float(lr(t - 1) if callable(lr) else lr) / (1 + (t - 1) * lr_decay)
        g = np.asarray(g, theta.dtype) * (-1 if maximize else 1)
        if like == "torch":
            g = g + weight_decay * theta
        else:
            theta = theta - eta * weight_decay * theta
        s2 = s2 + g * g
        h = np.sqrt(s2) + eps if like == "torch" else np.sqrt(s2 + eps)
        theta = theta - eta * g / h
        yield np.array(theta)
