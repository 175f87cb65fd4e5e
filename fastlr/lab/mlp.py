"""A multilayer perceptron: forward and backward in NumPy, gradients written where the caller wants them.

Design: the network holds no weights.  `loss_and_grad` reads them from one mapping and writes gradients into
another, so both can be views of `fastlr.pack`'s flat buffers and no gradient is ever copied.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from fastlr.lab.losses import LOSSES, LossName, sigmoid
from fastlr.lab.losses import Array as Array

Params: TypeAlias = Mapping[str, Array]
Batch: TypeAlias = tuple[Array, NDArray[Any]]
"""Features, shape (rows, inputs), and targets: class indices, shape (rows,), or values."""
Activation: TypeAlias = Literal["relu", "tanh", "logistic", "identity"]


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron and its loss.

    Parameters
    ----------
    sizes : tuple of int
        Inputs, units of each hidden layer, outputs; (64, 10) is a linear model.
    activation : {"relu", "tanh", "logistic", "identity"}
        Of the hidden layers.
    loss : {"cross_entropy", "binary_cross_entropy", "squared_error", "mse"}
        What `fastlr.lab.losses` has: of classes, of labels that are 0 or 1 independently, of values.
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
    activation: Activation = "relu"
    loss: LossName = "cross_entropy"
    dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        if len(self.sizes) < 2 or not all(isinstance(size, int) and size > 0 for size in self.sizes):
            raise ValueError(f"MLP(sizes={self.sizes!r}): sizes must be at least two whole numbers above 0")
        for name, known in (
            ("activation", get_args(Activation)),
            ("loss", tuple(LOSSES)),
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

    def loss_and_grad(
        self, params: Params, grads: Params, batch: Batch, *, row_weights: Array | None = None, l2: float = 0.0
    ) -> float:
        """Compute the loss, and write its gradient into `grads`.

        Parameters
        ----------
        params : mapping of arrays
            As `init` returns them; not modified.
        grads : mapping of arrays
            Of the same names and shapes; overwritten.
        batch : (x, y)
            x of shape (rows, inputs) and this dtype, an array or one of `scipy.sparse`; y class indices, shape
            (rows,), or values of this dtype, shape (rows, outputs), or (rows,) for one output.
        row_weights : array, shape (rows,)
            Above 0: the loss is their weighted mean.  None: all rows weigh the same.
        l2 : float
            Adds l2/2 times the sum of the squared weights, without the biases, to the loss.

        Returns
        -------
        float
            Not finite where the numbers left the dtype's range; nothing is raised or warned of then.
        """
        x, y = batch
        # A diverging network overflows: that shows in the loss, and is for the caller to judge.
        with np.errstate(over="ignore", invalid="ignore"):
            activations = self._activations(params, x)
            loss, delta = LOSSES[self.loss](activations.pop(), y, row_weights)
            for layer in range(self.depth, 0, -1):
                a = activations.pop()
                _multiply_transposed(a, delta, out=grads[f"w{layer}"])
                np.add.reduce(delta, axis=0, out=grads[f"b{layer}"])
                if layer > 1:
                    delta = delta @ params[f"w{layer}"].T
                    self._pull_back(a, delta)
            if l2:
                loss += self._penalise(params, grads, l2)
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
            return LOSSES[self.loss](outputs.copy(), y, None)[0]

    def predict(self, params: Params, x: Array) -> NDArray[Any]:
        """Class indices, shape (rows,); or labels or values, shape (rows, outputs), or (rows,) for one output."""
        outputs = self.outputs(params, x)
        if self.loss == "cross_entropy":
            classes: NDArray[np.intp] = outputs.argmax(axis=1)
            return classes
        if self.loss == "binary_cross_entropy":
            outputs = (outputs > 0).astype(self.dtype)
        return outputs[:, 0] if self.sizes[-1] == 1 else outputs

    def _activations(self, params: Params, x: Array) -> list[Array]:
        """The input, every hidden layer's activation, the output."""
        activations = [x]
        for layer in range(1, self.depth + 1):
            z = activations[-1] @ params[f"w{layer}"]
            z += params[f"b{layer}"]
            if layer < self.depth:
                self._activate(z)
            activations.append(z)
        return activations

    def _activate(self, z: Array) -> None:
        """Turn a hidden layer's sums into its activations, in place."""
        if self.activation == "relu":
            np.maximum(z, 0, out=z)
        elif self.activation == "tanh":
            np.tanh(z, out=z)
        elif self.activation == "logistic":
            sigmoid(z)

    def _pull_back(self, a: Array, delta: Array) -> None:
        """Turn the gradient by a hidden layer's activations into that by its sums, in place."""
        if self.activation == "relu":
            delta *= a > 0
        elif self.activation == "tanh":
            delta *= 1 - a * a
        elif self.activation == "logistic":
            delta *= a - a * a

    def _penalise(self, params: Params, grads: Params, l2: float) -> float:
        """Add the penalty's gradient; its value."""
        squares = 0.0
        for layer in range(1, self.depth + 1):
            w = params[f"w{layer}"]
            gradient = grads[f"w{layer}"]
            gradient += l2 * w
            squares += float(np.vdot(w, w))
        return 0.5 * l2 * squares


def _multiply_transposed(a: Array, delta: Array, out: Array) -> None:
    """`a.T @ delta`, where a may be sparse, which knows no `out`."""
    if isinstance(a, np.ndarray):
        np.matmul(a.T, delta, out=out)
    else:
        out[...] = a.T @ delta
