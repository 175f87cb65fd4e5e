"""A multilayer perceptron: forward and backward in NumPy, gradients written where the caller wants them.

Design: the network holds no weights.  `loss_and_grad` reads them from one mapping and writes gradients into
another, so both can be views of `fastlr.pack`'s flat buffers and no gradient is ever copied.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
Params: TypeAlias = Mapping[str, Array]
Batch: TypeAlias = tuple[Array, NDArray[Any]]
"""Features, shape (rows, inputs), and targets: class indices, shape (rows,), or values."""


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron and its loss.

    Parameters
    ----------
    sizes : tuple of int
        Inputs, units of each hidden layer, outputs; (64, 10) is a linear model.
    activation : {"relu", "tanh"}
        Of the hidden layers.
    loss : {"cross_entropy", "mse"}
        The mean over the rows of the softmax's cross-entropy in nats, or over all values of the squared error.
    dtype : {"float32", "float64"}

    Raises
    ------
    ValueError
        For sizes or names that cannot be used.

    Examples
    --------
    Parameters are arrays by name, and gradients go into arrays that exist:

    >>> import numpy as np
    >>> import fastlr
    >>> from fastlr.lab import MLP
    >>> model = MLP((2, 50, 3))
    >>> packed = fastlr.pack(model.init(seed=0))
    >>> opt = fastlr.Adam(packed, lr=0.01)
    >>> x = np.array([[0.0, 1.0], [1.0, 0.0], [-1.0, -1.0]], dtype="float32")
    >>> y = np.array([0, 1, 2])
    >>> for _ in range(100):
    ...     loss = model.loss_and_grad(packed.params, packed.grads, (x, y))
    ...     applied = opt.step()
    >>> loss < 0.01, model.predict(packed.params, x)
    (True, array([0, 1, 2]))
    """

    sizes: tuple[int, ...]
    activation: Literal["relu", "tanh"] = "relu"
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"
    dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        if len(self.sizes) < 2 or not all(isinstance(size, int) and size > 0 for size in self.sizes):
            raise ValueError(f"MLP(sizes={self.sizes!r}): sizes must be at least two whole numbers above 0")
        for name, known in (
            ("activation", ("relu", "tanh")),
            ("loss", ("cross_entropy", "mse")),
            ("dtype", ("float32", "float64")),
        ):
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"MLP({name}={value!r}): {name} must be one of {', '.join(map(repr, known))}")
        if self.loss == "cross_entropy" and self.sizes[-1] < 2:
            raise ValueError(
                f"MLP(sizes={self.sizes!r}): the last size, the number of classes, must be at least 2 "
                "for loss='cross_entropy'"
            )

    @property
    def depth(self) -> int:
        """The number of layers with weights."""
        return len(self.sizes) - 1

    def init(self, seed: int) -> dict[str, Array]:
        """Draw initial parameters.

        Weights into relu units are He-uniform, all others Glorot-uniform; biases are zero.

        Parameters
        ----------
        seed : int
            The same seed gives the same numbers in both dtypes, up to rounding.

        Returns
        -------
        dict of arrays
            "w1", shape (inputs, units), "b1", shape (units,), "w2", ...

        References
        ----------
        He et al. 2015, arXiv:1502.01852; Glorot & Bengio 2010, AISTATS.
        """
        rng = np.random.default_rng(seed)
        params: dict[str, Array] = {}
        for layer, (fan_in, fan_out) in enumerate(zip(self.sizes, self.sizes[1:], strict=False), start=1):
            relu = self.activation == "relu" and layer < self.depth
            limit = math.sqrt(6.0 / fan_in) if relu else math.sqrt(6.0 / (fan_in + fan_out))
            params[f"w{layer}"] = rng.uniform(-limit, limit, (fan_in, fan_out)).astype(self.dtype)
            params[f"b{layer}"] = np.zeros(fan_out, self.dtype)
        return params

    def loss_and_grad(self, params: Params, grads: Params, batch: Batch) -> float:
        """Compute the loss, and write its gradient into `grads`.

        Parameters
        ----------
        params : mapping of arrays
            As `init` returns them; not modified.
        grads : mapping of arrays
            Of the same names and shapes; overwritten.
        batch : (x, y)
            x of shape (rows, inputs) and this dtype; y class indices, shape (rows,), or values of this dtype,
            shape (rows, outputs), or (rows,) for one output.

        Returns
        -------
        float
            Not finite where the numbers left the dtype's range; nothing is raised or warned of then.
        """
        x, y = batch
        # A diverging network overflows: that shows in the loss, and is for the caller to judge.
        with np.errstate(over="ignore", invalid="ignore"):
            activations = self._activations(params, x)
            loss, delta = self._loss(activations.pop(), y)
            for layer in range(self.depth, 0, -1):
                a = activations.pop()
                np.matmul(a.T, delta, out=grads[f"w{layer}"])
                np.add.reduce(delta, axis=0, out=grads[f"b{layer}"])
                if layer > 1:
                    delta = delta @ params[f"w{layer}"].T
                    delta *= a > 0 if self.activation == "relu" else 1 - a * a
        return loss

    def outputs(self, params: Params, x: Array) -> Array:
        """The last layer's values, shape (rows, outputs): logits (their softmax is the classes' probabilities), or
        predictions.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return self._activations(params, x)[-1]

    def loss_of(self, outputs: Array, y: NDArray[Any]) -> float:
        """The loss of the outputs for these targets."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._loss(outputs.copy(), y)[0]

    def predict(self, params: Params, x: Array) -> NDArray[Any]:
        """Class indices, shape (rows,); or values, shape (rows, outputs), or (rows,) for one output."""
        outputs = self.outputs(params, x)
        if self.loss == "cross_entropy":
            classes: NDArray[np.intp] = outputs.argmax(axis=1)
            return classes
        return outputs[:, 0] if self.sizes[-1] == 1 else outputs

    def _activations(self, params: Params, x: Array) -> list[Array]:
        """The input, every hidden layer's activation, the output."""
        activations = [x]
        for layer in range(1, self.depth + 1):
            z = activations[-1] @ params[f"w{layer}"]
            z += params[f"b{layer}"]
            if layer < self.depth:
                if self.activation == "relu":
                    np.maximum(z, 0, out=z)
                else:
                    np.tanh(z, out=z)
            activations.append(z)
        return activations

    def _loss(self, outputs: Array, y: NDArray[Any]) -> tuple[float, Array]:
        """The loss and its gradient with respect to the outputs, in their place."""
        return _cross_entropy(outputs, y) if self.loss == "cross_entropy" else _mean_squared_error(outputs, y)


def _cross_entropy(z: Array, y: NDArray[Any]) -> tuple[float, Array]:
    rows = np.arange(len(z))
    # the softmax of z - max(z) is the same, and its exponentials do not overflow
    z -= z.max(axis=1, keepdims=True)
    right = z[rows, y]
    np.exp(z, out=z)
    total = z.sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(total[:, 0]) - right, dtype=np.float64))
    z /= total
    z[rows, y] -= 1
    z /= len(z)
    return loss, z


def _mean_squared_error(p: Array, y: NDArray[Any]) -> tuple[float, Array]:
    p -= y.reshape(p.shape)
    loss = float(np.mean(p * p, dtype=np.float64))
    p *= 2 / p.size
    return loss, p
