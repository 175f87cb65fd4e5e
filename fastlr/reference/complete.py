"""What a complete step does around an optimizer's update, in plain NumPy and in its documented order.

accumulate      g = (0 + g_1) + g_2 + ...                         the micro-batches, from zero
unscale         u = 1 / (grad_scale * micro-batches)              the count only for a mean
measure         n = u * sqrt(sum of g^2)                          in float64, see `squares`
judge           not finite: skip, or raise
clip the norm   f = u * min(1, max_norm / n)                      float64, rounded once; a factor for all, each group
                                                                  or each parameter
scale           g = f * g
clip the value  g = min(max(g, -clip_value), clip_value)
update          the optimizer's own step with g
average         a = a + share * (w - a)                           a = w for a share of 1
zero            g_1, g_2, ... = 0
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Sequence[NDArray[Any]]


def squares(g: NDArray[Any]) -> float:
    """The sum of squares in float64, in an order that any number of threads and registers can keep.

    In every 4,096 elements the i-th is added to lane i mod 16; then the lanes are added, then what they gave.
    """
    total = 0.0
    flat = g.ravel().astype(np.float64)
    for start in range(0, flat.size, 4096):
        lanes = np.zeros(16)
        for i in range(start, min(start + 4096, flat.size), 16):
            part = flat[i : min(i + 16, start + 4096)]
            lanes[: part.size] += part * part
        chunk = 0.0
        for lane in lanes:
            chunk += lane
        total += chunk
    return float(total)


def norms(gradients: Arrays, groups: Iterable[Sequence[int]], unscale: float = 1.0) -> list[float]:
    """The norm of the gradients of each group, given by their indices, times a number."""
    most = max((float(np.max(np.abs(g), initial=0.0)) for g in gradients), default=0.0)
    # Squares that would overflow or vanish are taken of smaller or larger numbers.
    safe = gradients[0].dtype == np.float32 or not 0 < most < math.inf or 1e-140 < most < 1e140
    exponent = 0 if safe else math.frexp(most)[1]
    found = []
    for group in groups:
        total = 0.0
        for i in group:
            total += squares(gradients[i] if safe else np.ldexp(gradients[i], -exponent))
        with np.errstate(over="ignore"):
            found.append(float(np.ldexp(math.sqrt(total) * unscale, exponent)))
    return found


def step(
    gradients: Arrays,
    update: Callable[[Arrays], Any],
    *,
    grad_scale: float = 1.0,
    judge: bool = False,
    max_norm: float | None = None,
    groups: Sequence[Sequence[int]] | None = None,
    clip_value: float | None = None,
) -> bool:
    """A complete step with gradients: `update` makes the optimizer's own, unless they are not finite.

    Parameters
    ----------
    gradients : sequence of array
        float32 or float64; not changed.
    update : callable
        Takes the gradients as the optimizer gets them.
    grad_scale : float
        What they are divided by.
    judge : bool
        Whether to leave the step out if one of them is not finite.
    max_norm : float, optional
        Of each group.
    groups : sequence of sequences of int, optional
        Indices of the gradients that have a norm together; None: all of them.
    clip_value : float, optional
        Of each element.

    Returns
    -------
    bool
        Whether the step was made.

    Examples
    --------
    >>> from fastlr.reference.complete import step
    >>> step([np.array([3.0, 4.0])], print, max_norm=1.0)
    [array([0.6, 0.8])]
    True
    """
    if judge and not all(np.isfinite(g).all() for g in gradients):
        return False
    unscale = 1.0 / grad_scale
    factors = [unscale] * len(gradients)
    if max_norm is not None:
        together = groups or [range(len(gradients))]
        for group, n in zip(together, norms(gradients, together, unscale), strict=True):
            clip = 1.0 if n <= max_norm else max_norm / n
            for i in group:
                factors[i] = unscale * clip
    update([_treated(g, factor, clip_value) for g, factor in zip(gradients, factors, strict=True)])
    return True


def _treated(g: NDArray[Any], factor: float, clip_value: float | None) -> NDArray[Any]:
    real = g.dtype.type
    g = np.asarray(real(factor) * g)
    if clip_value is not None:
        g = np.asarray(np.minimum(np.maximum(g, real(-clip_value)), real(clip_value)))
    return g


def summed(micro_batches: Iterable[Arrays]) -> list[NDArray[Any]]:
    """The sums of the gradients of micro-batches.

    Examples
    --------
    >>> from fastlr.reference.complete import summed
    >>> summed([[np.array([1.0])], [np.array([2.0])]])
    [array([3.])]
    """
    return [np.asarray(sum(gradients, np.zeros_like(gradients[0]))) for gradients in zip(*micro_batches, strict=True)]


def averaged(average: NDArray[Any], w: NDArray[Any], share: float) -> NDArray[Any]:
    """The average after a step that moved it towards the weights by this share.

    Examples
    --------
    >>> from fastlr.reference.complete import averaged
    >>> averaged(np.array([1.0]), np.array([3.0]), 0.25)
    array([1.5])
    """
    if share == 1:
        return w.copy()
    return np.asarray(average + w.dtype.type(share) * (w - average))
