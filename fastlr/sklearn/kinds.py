"""What classifiers and regressors add to an estimator."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, RegressorMixin

from fastlr.lab.losses import Array
from fastlr.sklearn.base import Estimator
from fastlr.sklearn.targets import Classes, Labels, Values, of_classes


class Classifier(ClassifierMixin, Estimator):
    """Predicts one class of several, or any of several labels."""

    _targets: Classes | Labels

    def _targets_of(self, y: Any, classes: Any) -> Classes | Labels:
        targets = of_classes(y, classes, type(self).__name__)
        self.classes_ = targets.classes
        return targets

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:  # noqa: N803
        """Train one epoch on these rows.

        Parameters
        ----------
        X : array-like or sparse, shape (rows, features)
        y : array-like, shape (rows,) or (rows, labels)
        classes : array-like, shape (classes,)
            All there will ever be; needed in the first call.
        sample_weight : array-like, shape (rows,), optional

        Returns
        -------
        self
        """
        self._check_classes(classes)
        return self._partial_fit(X, y, sample_weight, classes)

    def _check_classes(self, classes: Any) -> None:
        name = type(self).__name__
        if not hasattr(self, "_learner"):
            if classes is None:
                raise ValueError(f"{name}: classes must be passed on the first call to partial_fit")
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"{name}: classes must be those of the first call, {self.classes_}, got {classes}")

    def decision_function(self, X: Any) -> Array:  # noqa: N803
        """The logits.

        Parameters
        ----------
        X : array-like or sparse, shape (rows, features)

        Returns
        -------
        array, shape (rows, classes), or (rows,) for two classes
            Above 0 for the second of two classes, and for a label.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if len(self.classes_) == 2 and isinstance(self._targets, Classes) else outputs

    def predict_proba(self, X: Any) -> Array:  # noqa: N803
        """Probabilities of the classes, in the order of `classes_`, or of the labels.

        Parameters
        ----------
        X : array-like or sparse, shape (rows, features)

        Returns
        -------
        array, shape (rows, classes)
        """
        outputs = self._outputs(X)  # first, for it says where nothing was fitted
        return self._targets.probabilities(outputs)

    def predict_log_proba(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Their logarithms.

        Parameters
        ----------
        X : array-like or sparse, shape (rows, features)

        Returns
        -------
        array, shape (rows, classes)
        """
        with np.errstate(divide="ignore"):  # a probability may be 0
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class Regressor(RegressorMixin, Estimator):
    """Predicts a value or several."""

    def _targets_of(self, y: Any, classes: Any) -> Values:
        return Values(y.shape[1] if y.ndim == 2 else 1)

    def _y_options(self) -> dict[str, Any]:
        return {"multi_output": True, "y_numeric": True}

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Train one epoch on these rows.

        Parameters
        ----------
        X : array-like or sparse, shape (rows, features)
        y : array-like, shape (rows,) or (rows, outputs)
        sample_weight : array-like, shape (rows,), optional

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight, None)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
