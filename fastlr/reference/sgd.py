"""SGD with classical momentum and Nesterov's.  Sutskever, Martens, Dahl & Hinton 2013, ICML 28(3), eqs. 1 to 4.

Nesterov's step is in the form of Bengio, Boulanger-Lewandowski & Pascanu 2012, arXiv:1212.0901, eq. 7: the weights
that are kept are the ones looked ahead to, so the gradient is taken where they are.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def sgd(
    theta: Floats,
    gradients: Iterable[Floats],
    lr: float | Callable[[int], float] = 1e-3,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    *,
    maximize: bool = False,
    like: Literal["torch", "keras", "optax", "sklearn"] = "torch",
) -> Iterator[Floats]:
    """Yield the weights after each step of SGD.

    Parameters
    ----------
    theta : array of floats, any shape
        The weights to start from; not modified.  The results have its dtype.
    gradients : iterable of arrays, each of theta's shape
        The gradient at the weights yielded last; asked for only when the next step is.
    lr : float or callable of the 0-based step
        Learning rate.
    momentum : float
        What is kept of the velocity at each step; 0 is plain SGD.
    dampening : float
        1 - the gradient's share in the velocity, from the second step on; the others than torch have none.
    weight_decay : float
        torch and sklearn add `weight_decay * theta` to the gradient; keras and optax first take
        `lr * weight_decay * theta` off the weights.
    nesterov : bool
        Look ahead.
    maximize : bool
        Go along the gradient instead of against it.
    like : {"torch", "keras", "optax", "sklearn"}
        Whose formula.  The velocity holds gradients (torch, optax) or steps, the rate inside (keras, sklearn).

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
    Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", ICML 28(3).

    Examples
    --------
    >>> from fastlr.reference import sgd
    >>> for theta in sgd(np.array([1.0, 2.0]), [np.array([1.0, 0.0])] * 2, lr=0.5, momentum=0.5):
    ...     print(theta)
    [0.5 2. ]
    [-0.25  2.  ]
    """
    if like not in (known := ("torch", "keras", "optax", "sklearn")):
        raise ValueError(f"sgd(like={like!r}): like must be one of {known}, got {like!r}")
    theta = np.asarray(theta)
    v = np.zeros_like(theta)
    for t, g in enumerate(gradients, start=1):
        eta = float(lr(t - 1) if callable(lr) else lr)
        g = np.asarray(g, theta.dtype) * (-1 if maximize else 1)
        if like in ("torch", "sklearn"):
            g = g + weight_decay * theta
        else:
            theta = theta - eta * weight_decay * theta
        if momentum == 0:
            theta = theta - eta * g
        elif like in ("torch", "optax"):
            v = momentum * v + (1 - dampening if like == "torch" and t > 1 else 1) * g
            theta = theta - eta * (g + momentum * v if nesterov else v)
        else:
            v = momentum * v - eta * g
            theta = theta + (momentum * v - eta * g if nesterov else v)
        yield np.array(theta)
