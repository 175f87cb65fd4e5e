"""Many copies of a network at once: row r of every array belongs to run r.

Design: `MLP` is the text to read and serves one run, with sparse data, weights of rows and what else estimators need;
this one serves many runs and is written for speed.  One text for both would be slow or hard to read, so there are two,
and a test compares them.  A matrix product over runs is one BLAS call a run, of the same shape and layout however many
runs there are, and nothing adds across runs: a run has the same bits alone.

Every intermediate array is allocated once.  The outputs are kept as (rows, outputs, batch): sums over a handful of
classes then run along the batch, three times as fast as sums over the last axis.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray

from fastlr.lab.data import Floats, Part
from fastlr.lab.mlp import MLP, Array, Params

METRICS: Mapping[str, Literal["accuracy", "r2"]] = {"cross_entropy": "accuracy", "mse": "r2"}
"""What is scored beside each loss."""
CHUNK = 128
"""Rows of data scored at a time: few enough for the cache, and the same number however many runs there are."""


@dataclass(frozen=True, eq=False)
class _Workspace:
    """What a pass over `size` rows of data writes into."""

    activations: list[Array]
    """Of the hidden layers, (runs, size, units)."""
    deltas: list[Array]
    outputs: Array
    """(runs, outputs, size)"""
    first: NDArray[np.intp]
    """Where each of (runs, size) has its first output in the flattened outputs."""

    @classmethod
    def of(cls, model: MLP, runs: int, size: int) -> "_Workspace":
        hidden, last = model.sizes[1:-1], model.sizes[-1]
        activations, deltas = ([np.empty((runs, size, units), model.dtype) for units in hidden] for _ in range(2))
        first = np.arange(runs)[:, None] * (last * size) + np.arange(size)
        return cls(activations, deltas, np.empty((runs, last, size), model.dtype), first)


class NetworkStack:
    """A network for each row of `params`.

    Parameters
    ----------
    model : MLP
    params, grads : mapping of arrays
        As those of `MLP`, with a leading axis of runs.
    """

    @staticmethod
    def serves(problem: object) -> TypeGuard[MLP]:
        """Whether it is a network of the kinds that are written here: the usual ones."""
        return isinstance(problem, MLP) and problem.activation in ("relu", "tanh") and problem.loss in METRICS

    def __init__(self, model: MLP, params: Params, grads: Params) -> None:
        self.model = model
        layers = range(1, model.depth + 1)
        self._weights = [(params[f"w{k}"], params[f"b{k}"]) for k in layers]
        self._slopes = [(grads[f"w{k}"], grads[f"b{k}"]) for k in layers]
        self._runs = len(self._weights[0][0])
        self._workspaces: dict[int, _Workspace] = {}

    def losses_and_grads(self, batch: tuple[Array, NDArray[Any]], alive: NDArray[np.bool_]) -> Floats:
        """The loss of each run on its batch, and the gradients into `grads`.

        Parameters
        ----------
        batch : (x, y)
            Of shapes (runs, size, inputs) and (runs, size).
        alive : array of bool
            Not looked at: what is not finite takes as long as what is.

        Returns
        -------
        float64 array, shape (runs,)
        """
        x, y = batch
        work = self._workspace(x.shape[1])
        outputs = self._forward(x, work)
        losses = self._losses(outputs, y, work)
        self._backward(x, outputs.mT, work)
        losses /= x.shape[1]
        return losses

    def scores(self, part: Part | None, alive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """The loss and the metric (accuracy, or R2) of each run on data that all of them share."""
        if part is None:
            raise TypeError("a network needs data: Workload(..., split=prepare(data))")
        losses, hits = np.zeros(self._runs), np.zeros(self._runs)
        for begin in range(0, len(part), CHUNK):
            x, y = part.x[begin : begin + CHUNK], part.y[begin : begin + CHUNK]
            work = self._workspace(len(x))
            outputs = self._forward(x, work)
            if self.model.loss == "cross_entropy":
                hits += _hits(outputs, work.first + y * len(x))
            losses += self._losses(outputs, y, work)
        losses /= len(part)
        if self.model.loss == "cross_entropy":
            return losses, hits / len(part)
        variance = float(np.var(part.y, axis=0, dtype=np.float64).mean())
        return losses, 1 - losses / variance if variance else np.full(self._runs, np.nan)

    def _losses(self, outputs: Array, y: NDArray[Any], work: _Workspace) -> Floats:
        """The sum over the rows of data for each run; the gradient of the mean takes the place of the outputs."""
        if self.model.loss == "cross_entropy":
            return _cross_entropy(outputs, work.first + y * outputs.shape[2])
        return _squared_error(outputs, y)

    def _workspace(self, size: int) -> _Workspace:
        if size not in self._workspaces:
            self._workspaces[size] = _Workspace.of(self.model, self._runs, size)
        return self._workspaces[size]

    def _forward(self, a: Array, work: _Workspace) -> Array:
        for (w, b), z in zip(self._weights, work.activations, strict=False):
            np.matmul(a, w, out=z)
            z += b[:, None, :]
            if self.model.activation == "relu":
                np.maximum(z, 0, out=z)
            else:
                np.tanh(z, out=z)
            a = z
        w, b = self._weights[-1]
        outputs = np.matmul(w.mT, a.mT, out=work.outputs)
        outputs += b[:, :, None]
        return outputs

    def _backward(self, x: Array, delta: Array, work: _Workspace) -> None:
        for layer in range(self.model.depth - 1, -1, -1):
            a = work.activations[layer - 1] if layer else x
            w_slope, b_slope = self._slopes[layer]
            np.matmul(a.mT, delta, out=w_slope)
            np.add.reduce(delta, axis=1, out=b_slope)
            if layer:
                below = work.deltas[layer - 1]
                np.matmul(delta, self._weights[layer][0].mT, out=below)
                below *= self._derivative(a)
                delta = below

    def _derivative(self, a: Array) -> Array:
        """Of the activation, from its value and in its place: the next pass writes it anew."""
        if self.model.activation == "relu":
            return np.sign(a, out=a)
        np.multiply(a, a, out=a)
        return np.subtract(1, a, out=a)


def _hits(z: Array, right: NDArray[np.intp]) -> Floats:
    """How many rows of data have their class above all others: a network whose outputs are all equal hits nothing."""
    highest = z.max(axis=1)
    alone = np.equal(z, highest[:, None, :]).sum(axis=1, dtype=np.intp) == 1
    hits: Floats = ((z.reshape(-1)[right] == highest) & alone).sum(axis=1).astype(np.float64)
    return hits


def _cross_entropy(z: Array, right: NDArray[np.intp]) -> Floats:
    """The sum of the losses of each run; the gradient of the mean loss takes the place of z.

    `right` is where each row of data has its class in the flattened z.
    """
    flat = z.reshape(-1)
    # the softmax of z - max(z) is the same, and its exponentials do not overflow
    z -= z.max(axis=1, keepdims=True)
    logits = flat[right]
    np.exp(z, out=z)
    total = z.sum(axis=1)
    losses: Floats = np.sum(np.log(total) - logits, axis=1, dtype=np.float64)
    z /= total[:, None, :]
    flat[right] -= 1
    z /= z.shape[2]
    return losses


def _squared_error(z: Array, y: NDArray[Any]) -> Floats:
    """The sum over the rows of data of the mean squared error; the gradient of the mean takes the place of z."""
    _, outputs, size = z.shape
    z -= y[..., None, :] if outputs == 1 else y.mT
    losses: Floats = np.sum(z * z, axis=(1, 2), dtype=np.float64) / outputs
    z *= 2 / (outputs * size)
    return losses
