"""Adam.  Kingma & Ba 2015, arXiv:1412.6980, algorithm 1, and its short form at the end of section 2.

amsgrad: Reddi, Kale & Kumar 2018, arXiv:1904.09237, algorithm 2.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def adam(
    theta: Floats,
    gradients: Iterable[Floats],
    lr: float | Callable[[int], float] = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
    *,
    maximize: bool = False,
    eps_root: float = 0.0,
    like: Literal["torch", "keras", "optax", "sklearn"] = "torch",
) -> Iterator[Floats]:
    """Yield the weights after each step of Adam.

    Parameters
    ----------
    theta : array of floats, any shape
        The weights to start from; not modified.  The results have its dtype.
    gradients : iterable of arrays, each of theta's shape
        The gradient at the weights yielded last; asked for only when the next step is.
    lr : float or callable of the 0-based step
        Learning rate, the paper's alpha.
    betas : (float, float)
        Decay of the averages of the gradient and of its square.
    eps : float
        Beside the root: of the unbiased v (torch, optax), or of v itself (keras, sklearn: the paper's eps-hat).
    weight_decay : float
        torch and sklearn add `weight_decay * theta` to the gradient; keras and optax first take
        `lr * weight_decay * theta` off the weights, as AdamW does.
    amsgrad : bool
        Divide by the root of the largest v so far; in optax, of the largest unbiased v.
    maximize : bool
        Go along the gradient instead of against it.
    eps_root : float
        Inside the root.
    like : {"torch", "keras", "optax", "sklearn"}
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
    Kingma & Ba 2015, "Adam: a method for stochastic optimization", ICLR, arXiv:1412.6980.
    Reddi, Kale & Kumar 2018, "On the convergence of Adam and beyond", ICLR, arXiv:1904.09237.

    Examples
    --------
    >>> from fastlr.reference import adam
    >>> for theta in adam(np.array([1.0, 2.0]), [np.array([7.0, -0.5])] * 2, lr=0.25):
    ...     print(theta.round(6))
    [0.75 2.25]
    [0.5 2.5]
    """
    if like not in (known := ("torch", "keras", "optax", "sklearn")):
        raise ValueError(f"adam(like={like!r}): like must be one of {known}, got {like!r}")
    theta = np.asarray(theta)
    m = v = v_hat = np.zeros_like(theta)
    beta1, beta2 = betas
    for t, g in enumerate(gradients, start=1):
        alpha = float(lr(t - 1) if callable(lr) else lr)
        g = np.asarray(g, theta.dtype) * (-1 if maximize else 1)
        if like in ("torch", "sklearn"):
            g = g + weight_decay * theta
        else:
            theta = theta - alpha * weight_decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        bias1, bias2 = 1 - beta1**t, 1 - beta2**t
        u = v / bias2 if like == "optax" else v
        v_hat = np.maximum(v_hat, u) if amsgrad else u
        if like == "torch":
            theta = theta - alpha * (m / bias1) / (np.sqrt(v_hat / bias2 + eps_root) + eps)
        elif like == "optax":
            theta = theta - alpha * (m / bias1) / (np.sqrt(v_hat + eps_root) + eps)
        else:
            alpha_t = alpha * bias2**0.5 / bias1
            theta = theta - alpha_t * m / (np.sqrt(v_hat + eps_root) + eps)
        yield np.array(theta)
