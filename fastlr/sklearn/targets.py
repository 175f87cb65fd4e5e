"""From the user's targets to those of the network's loss, and back from its outputs."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import r2_score
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from fastlr.lab.losses import Array, LossName, sigmoid, softmax
from fastlr.sklearn.learner import Rows


class Targets(Protocol):
    """What kind of targets there are."""

    @property
    def loss(self) -> LossName:
        """The network's."""
        ...

    @property
    def outputs(self) -> int:
        """The network's."""
        ...

    @property
    def activation(self) -> str:
        """What turns outputs into probabilities or values, in scikit-learn's words."""
        ...

    def encode(self, y: NDArray[Any], dtype: str) -> NDArray[Any]:
        """As the loss wants them."""
        ...

    def decode(self, outputs: Array) -> NDArray[Any]:
        """Predictions in the user's terms."""
        ...

    def score(self, outputs: Array, rows: Rows) -> float:
        """How good the outputs are for these rows: the share that is right, or R²."""
        ...


@dataclass(frozen=True, eq=False)
class Classes:
    """One class a row: a softmax, or with two classes a sigmoid for the second."""

    classes: NDArray[Any]

    @property
    def loss(self) -> LossName:
        return "binary_cross_entropy" if len(self.classes) == 2 else "cross_entropy"

    @property
    def outputs(self) -> int:
        return 1 if len(self.classes) == 2 else len(self.classes)

    @property
    def activation(self) -> str:
        return "logistic" if len(self.classes) == 2 else "softmax"

    def encode(self, y: NDArray[Any], dtype: str) -> NDArray[Any]:
        if unknown := sorted(set(np.unique(y).tolist()).difference(self.classes.tolist())):
            raise ValueError(f"y must hold classes of {self.classes.tolist()}, got {unknown[0]!r}")
        indices = np.searchsorted(self.classes, y)
        return indices.astype(dtype) if len(self.classes) == 2 else indices

    def decode(self, outputs: Array) -> NDArray[Any]:
        return self.classes[self._best(outputs)]

    def _best(self, outputs: Array) -> NDArray[np.intp]:
        return (outputs[:, 0] > 0).astype(np.intp) if len(self.classes) == 2 else outputs.argmax(axis=1)

    def score(self, outputs: Array, rows: Rows) -> float:
        return float(np.average(self._best(outputs) == rows.y, weights=rows.weights))

    def probabilities(self, outputs: Array) -> Array:
        """Of every class, shape (rows, classes); in the outputs' place."""
        if len(self.classes) > 2:
            return softmax(outputs)
        second = sigmoid(outputs)
        return np.hstack([1 - second, second])


@dataclass(frozen=True, eq=False)
class Labels:
    """Any number of labels a row: a sigmoid for each."""

    classes: NDArray[Any]
    loss: LossName = "binary_cross_entropy"
    activation: str = "logistic"

    @property
    def outputs(self) -> int:
        return len(self.classes)

    def encode(self, y: NDArray[Any], dtype: str) -> NDArray[Any]:
        if y.shape[1:] != self.classes.shape:
            raise ValueError(f"y must have a column for each of {len(self.classes)} labels, got shape {y.shape}")
        return y.astype(dtype)

    def decode(self, outputs: Array) -> NDArray[Any]:
        return (outputs > 0).astype(np.intp)

    def score(self, outputs: Array, rows: Rows) -> float:
        return float(np.average(((outputs > 0) == rows.y).all(axis=1), weights=rows.weights))

    def probabilities(self, outputs: Array) -> Array:
        """Of every label, shape (rows, labels); in the outputs' place."""
        return sigmoid(outputs)


@dataclass(frozen=True, eq=False)
class Values:
    """One value a row or several."""

    outputs: int
    loss: LossName = "squared_error"
    activation: str = "identity"

    def encode(self, y: NDArray[Any], dtype: str) -> NDArray[Any]:
        columns = y.shape[1] if y.ndim == 2 else 1
        if columns != self.outputs:
            raise ValueError(f"y must have {self.outputs} columns as before, got {columns}")
        return y.astype(dtype)

    def decode(self, outputs: Array) -> NDArray[Any]:
        return outputs[:, 0] if self.outputs == 1 else outputs

    def score(self, outputs: Array, rows: Rows) -> float:
        return float(r2_score(rows.y, self.decode(outputs), sample_weight=rows.weights))


def are_labels(y: Any) -> bool:
    """Whether y is an indicator matrix; raises if it is no classification target at all."""
    check_classification_targets(y)
    return bool(type_of_target(y) == "multilabel-indicator")


def of_classes(y: Any, classes: Any, name: str) -> Classes | Labels:
    """Targets of a classifier.

    Parameters
    ----------
    y : array
    classes : array or None
        All there will be; None: those in y.
    name : str
        The estimator's class.
    """
    if are_labels(y):
        return Labels(np.arange(y.shape[1]) if classes is None else np.unique(classes))
    found = np.unique(y) if classes is None else np.unique(classes)
    if len(found) < 2:
        raise ValueError(f"{name} needs at least 2 classes in the data, got 1 class: {found.tolist()[0]!r}")
    return Classes(found)


def plain(y: Any) -> NDArray[Any]:
    """Dense, and with one dimension where there is one column, which scikit-learn warns of."""
    y = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        return np.asarray(column_or_1d(y, warn=True))
    return np.asarray(y)
