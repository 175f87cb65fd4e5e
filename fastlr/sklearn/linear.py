"""Linear models: networks without hidden layers."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from fastlr.lab.losses import Array
from fastlr.rules.base import Rule
from fastlr.rules.settings import Schedulable
from fastlr.sklearn.base import Estimator
from fastlr.sklearn.kinds import Classifier, Regressor


class Linear(Estimator):
    """The parameters of an estimator without hidden layers."""

    def __init__(
        self,
        *,
        optimizer: str | Rule = "adam",
        learning_rate: Schedulable | Literal["auto"] | None = 0.05,
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        n_iter_no_change: float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        callbacks: Sequence[Callable[[Any], object]] | None = None,
        dtype: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.dtype = dtype
        self.verbose = verbose

    @property
    def _weights(self) -> Array:
        """Shape (outputs, features)."""
        weights: Array = self._learner.packed.params["w1"]
        return weights.T

    @property
    def intercept_(self) -> Array:
        """Biases, shape (outputs,): a view."""
        biases: Array = self._learner.packed.params["b1"]
        return biases


class LogisticRegression(Classifier, Linear):
    """Logistic regression for classes, or for several labels at once, one by one.

    Trained by steps on batches like scikit-learn's `SGDClassifier(loss="log_loss")`, with any of fastlr's optimizers;
    several classes share one softmax, as in scikit-learn's `LogisticRegression`.

    Parameters
    ----------
    optimizer, learning_rate, alpha, batch_size, max_iter, shuffle, random_state, tol, n_iter_no_change, \
early_stopping, validation_fraction, warm_start, callbacks, dtype, verbose
        See `MLPClassifier`; the learning rate is 0.05 unless you say otherwise, for weights begin at 0 and the loss is
        convex.

    Attributes
    ----------
    classes_ : array
    coef_ : array, shape (classes, features), or (1, features) for two classes
        A view of the weights.
    intercept_ : array, shape (classes,) or (1,)
        A view of the biases.
    loss_, best_loss_, loss_curve_, lr_curve_, validation_scores_, best_validation_score_, n_iter_
        See `MLPClassifier`.

    Examples
    --------
    >>> from fastlr.sklearn import LogisticRegression
    >>> model = LogisticRegression(optimizer="nesterov", learning_rate=0.5, tol=0.01)
    >>> model.fit([[-1.0], [0.0], [1.0], [2.0]], ["a", "a", "b", "b"]).predict([[-2.0], [3.0]])
    array(['a', 'b'], dtype='<U1')
    """

    @property
    def coef_(self) -> Array:
        """Weights, shape (classes, features), or (1, features) for two classes: a view."""
        return self._weights


class LinearRegression(Regressor, Linear):
    """Least squares with an L2 penalty, trained by steps on batches like scikit-learn's `SGDRegressor`.

    Parameters
    ----------
    optimizer, learning_rate, alpha, batch_size, max_iter, shuffle, random_state, tol, n_iter_no_change, \
early_stopping, validation_fraction, warm_start, callbacks, dtype, verbose
        See `LogisticRegression`.

    Attributes
    ----------
    coef_ : array, shape (features,) or (outputs, features)
        A view of the weights.
    intercept_ : array, shape (1,) or (outputs,)
        A view of the biases.
    loss_, best_loss_, loss_curve_, lr_curve_, validation_scores_, best_validation_score_, n_iter_
        See `MLPClassifier`.

    Examples
    --------
    >>> from fastlr.sklearn import LinearRegression
    >>> x = np.array([[0.0], [1.0], [2.0]])
    >>> model = LinearRegression(optimizer="momentum", alpha=0, max_iter=500, n_iter_no_change=np.inf)
    >>> model = model.fit(x, [1.0, 3.0, 5.0])
    >>> model.coef_.round(3), model.intercept_.round(3)
    (array([2.]), array([1.]))
    """

    @property
    def coef_(self) -> Array:
        """Weights, shape (features,) for targets of one dimension, else (outputs, features): a view."""
        return self._weights[0] if self.n_outputs_ == 1 else self._weights
