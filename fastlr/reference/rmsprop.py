"""RMSprop.  Tieleman & Hinton 2012, Coursera lecture 6.5; centered and with momentum: Graves 2013, eqs. 38 to 45.

Graves's n, g and Delta are v, a and -m here; his rate and his epsilon are where keras and optax have them.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def rmsprop(
    theta: Floats,
    gradients: Iterable[Floats],
    lr: float | Callable[[int], float] = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    centered: bool = False,
    *,
    maximize: bool = False,
    like: Literal["torch", "keras", "optax"] = "torch",
) -> Iterator[Floats]:
    """Yield the weights after each step of RMSprop.

    Parameters
    ----------
    theta : array of floats, any shape
        The weights to start from; not modified.  The results have its dtype.
    gradients : iterable of arrays, each of theta's shape
        The gradient at the weights yielded last; asked for only when the next step is.
    lr : float or callable of the 0-based step
        Learning rate.
    alpha : float
        Decay of the averages.
    eps : float
        Beside the root (torch) or inside it (keras, optax).
    weight_decay : float
        torch adds `weight_decay * theta` to the gradient; keras and optax first take
        `lr * weight_decay * theta` off the weights.
    momentum : float
        What is kept of the buffer at each step.
    centered : bool
        Divide by the root of the variance, not of the mean square.  Where rounding makes the variance negative
        it is 0 (in torch, NaN).
    maximize : bool
        Go along the gradient instead of against it.
    like : {"torch", "keras", "optax"}
        Whose formula.  The rate is outside the momentum buffer (torch) or inside it (keras, optax).

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
    Tieleman & Hinton 2012, Coursera, lecture 6.5.
    Graves 2013, "Generating sequences with recurrent neural networks", arXiv:1308.0850, section 4.2.

    Examples
    --------
    >>> from fastlr.reference import rmsprop
    >>> for theta in rmsprop(np.array([1.0]), [np.array([4.0])], lr=0.25, alpha=0.75, eps=0.0):
    ...     print(theta)  # 1 - 0.25 * 4 / sqrt(0.25 * 16)
    [0.5]
    """
    if like not in (known := ("torch", "keras", "optax")):
        raise ValueError(f"rmsprop(like={like!r}): like must be one of {known}, got {like!r}")
    theta = np.asarray(theta)
    v = a = m = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        eta = float(lr(t - 1) if callable(lr) else lr)
        g = np.asarray(g, theta.dtype) * (-1 if maximize else 1)
        if like == "torch":
            g = g + weight_decay * theta
        else:
            theta = theta - eta * weight_decay * theta
        v = alpha * v + (1 - alpha) * g * g
        a = alpha * a + (1 - alpha) * g
        var = np.maximum(v - a * a, 0) if centered else v
        if like == "torch":
            m = momentum * m + g / (np.sqrt(var) + eps)
            theta = theta - eta * m
        else:
            m = momentum * m + eta * g / np.sqrt(var + eps)
            theta = theta - m
        yield np.array(theta)
