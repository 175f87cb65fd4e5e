"""AdamW, decoupled weight decay.  Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2, line 12.

The paper's schedule multiplier eta_t scales Adam's rate and the decay alike; the libraries have one rate, alpha =
eta_t alpha_0, and take alpha weight_decay for the decay, so the paper's lambda is alpha_0 weight_decay.
amsgrad: Reddi, Kale & Kumar 2018, arXiv:1904.09237, algorithm 2.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def adamw(
    theta: Floats,
    gradients: Iterable[Floats],
    lr: float | Callable[[int], float] = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    amsgrad: bool = False,
    *,
    maximize: bool = False,
    eps_root: float = 0.0,
    like: Literal["torch", "keras", "optax"] = "torch",
) -> Iterator[Floats]:
    """Yield the weights after each step of AdamW.

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
        Beside the root: of the unbiased v (torch, optax), or of v itself (keras: the paper's eps-hat).
    weight_decay : float
        `lr * weight_decay * theta` is taken off the weights before Adam's step.
    amsgrad : bool
        Divide by the root of the largest v so far; in optax, of the largest unbiased v.
    maximize : bool
        Go along the gradient instead of against it.
    eps_root : float
        Inside the root.
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
    Loshchilov & Hutter 2019, "Decoupled weight decay regularization", ICLR, arXiv:1711.05101.
    Kingma & Ba 2015, "Adam: a method for stochastic optimization", ICLR, arXiv:1412.6980.

    Examples
    --------
    >>> from fastlr.reference import adamw
    >>> for theta in adamw(np.array([1.0, 2.0]), [np.array([7.0, 0.0])] * 2, lr=0.25, weight_decay=2.0):
    ...     print(theta.round(6))  # half of it is left, then Adam's step
    [0.25 1.  ]
    [-0.125  0.5  ]
    """
    if like not in (known := ("torch", "keras", "optax")):
        raise ValueError(f"adamw(like={like!r}): like must be one of {known}, got {like!r}")
    theta = np.asarray(theta)
    m = v = v_hat = np.zeros_like(theta)
    beta1, beta2 = betas
    for t, g in enumerate(gradients, start=1):
        alpha = float(lr(t - 1) if callable(lr) else lr)
        g = np.asarray(g, theta.dtype) * (-1 if maximize else 1)
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
