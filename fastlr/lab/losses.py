"""Losses of a network's outputs, each with its gradient.

Design: outputs are what the last layer sums up (logits for classes and labels), so that a loss and its activation are
one formula, which neither overflows nor takes the logarithm of 0.  A loss is the mean over the rows, or their weighted
mean, and its gradient is written over the outputs.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
Loss: TypeAlias = Callable[[Array, NDArray[Any], Array | None], tuple[float, Array]]
"""(outputs, targets, the rows' weights or None) -> (loss, its gradient in the outputs' place)"""
LossName: TypeAlias = Literal["cross_entropy", "binary_cross_entropy", "squared_error", "mse"]


def softmax(z: Array) -> Array:
    """The probabilities of the classes, in place of their logits.

    Examples
    --------
    >>> softmax(np.array([[0.0, 0.0], [1000.0, 0.0]]))
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    # the softmax of z - max(z) is the same, and its exponentials do not overflow
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    return z


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), in place of z.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    # as a tanh, for exp(-z) overflows
    z *= 0.5
    np.tanh(z, out=z)
    z += 1
    z *= 0.5
    return z


def cross_entropy(z: Array, y: NDArray[Any], row_weights: Array | None = None) -> tuple[float, Array]:
    """The softmax's, in nats, for class indices of shape (rows,).

    Examples
    --------
    >>> cross_entropy(np.array([[0.0, 0.0]]), np.array([1]))
    (0.6931471805599453, array([[ 0.5, -0.5]]))
    """
    rows = np.arange(len(z))
    z -= z.max(axis=1, keepdims=True)
    right = z[rows, y]
    np.exp(z, out=z)
    total = z.sum(axis=1, keepdims=True)
    losses = np.log(total[:, 0]) - right
    z /= total
    z[rows, y] -= 1
    return _averaged(losses, z, row_weights)


def binary_cross_entropy(z: Array, y: NDArray[Any], row_weights: Array | None = None) -> tuple[float, Array]:
    """The sigmoids', in nats, summed over the outputs, for labels that are 0 or 1, of z's shape.

    Examples
    --------
    >>> binary_cross_entropy(np.array([[0.0]]), np.array([[1.0]]))
    (0.6931471805599453, array([[-0.5]]))
    """
    y = y.reshape(z.shape)
    losses = (np.logaddexp(0, z, dtype=z.dtype) - y * z).sum(axis=1)
    delta = sigmoid(z)
    delta -= y
    return _averaged(losses, delta, row_weights)


def squared_error(p: Array, y: NDArray[Any], row_weights: Array | None = None) -> tuple[float, Array]:
    """Half the squared error, summed over the outputs, for values of p's shape.

    Examples
    --------
    >>> squared_error(np.array([[3.0]]), np.array([[1.0]]))
    (2.0, array([[2.]]))
    """
    p -= y.reshape(p.shape)
    return _averaged(0.5 * np.einsum("ij,ij->i", p, p), p, row_weights)


def mse(p: Array, y: NDArray[Any], row_weights: Array | None = None) -> tuple[float, Array]:
    """The squared error, its mean over the outputs.

    Examples
    --------
    >>> mse(np.array([[3.0]]), np.array([[1.0]]))
    (4.0, array([[4.]]))
    """
    p -= y.reshape(p.shape)
    if row_weights is None:  # without a pass for the rows' own losses: for few outputs it is a sixth of a step
        loss = float(np.mean(p * p, dtype=np.float64))
        p *= 2 / p.size
        return loss, p
    losses = np.einsum("ij,ij->i", p, p) / p.shape[1]
    p *= 2 / p.shape[1]
    return _averaged(losses, p, row_weights)


def _averaged(losses: Array, delta: Array, row_weights: Array | None) -> tuple[float, Array]:
    """The mean of the rows' losses, and its gradient from the rows' own, in their place."""
    if row_weights is None:
        delta /= len(delta)
        return float(np.mean(losses, dtype=np.float64)), delta
    share = row_weights / row_weights.sum()
    delta *= share[:, np.newaxis]
    return float(np.vdot(share, losses)), delta


LOSSES: Mapping[LossName, Loss] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "squared_error": squared_error,
    "mse": mse,
}
