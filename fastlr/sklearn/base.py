"""What all estimators do: check the data, train, predict.

Design: what a fit makes is a `Learner` (the network and its optimizer) and `Targets` (what outputs mean).  Parameters
such as `coefs_` are views into the learner's flat buffer and made when asked for, so nothing is kept twice and a
pickled estimator has nothing to put together again.
"""

import math
import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from fastlr.lab.diagnosis import Diagnosis
from fastlr.lab.losses import Array
from fastlr.lab.mlp import MLP, Activation
from fastlr.optimizer import Optimizer
from fastlr.rules.base import Rule
from fastlr.sklearn import settings
from fastlr.sklearn.learner import Learner, Rows
from fastlr.sklearn.rate import STEPS, find_rate
from fastlr.sklearn.stopping import Patience
from fastlr.sklearn.targets import Classes, Targets, plain

FEW_ROWS = 200
"""The batch size "auto", unless there are fewer rows."""


class Estimator(BaseEstimator, ABC):
    """A network with scikit-learn's methods; its subclasses add the parameters and what to predict."""

    _learner: Learner
    _targets: Targets

    @abstractmethod
    def _targets_of(self, y: Any, classes: Any) -> Targets:
        """What kind of targets these are, or an error."""

    def _hidden(self) -> tuple[tuple[int, ...], Activation]:
        """The hidden layers, and their activation; none for a linear model."""
        return (), "identity"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Train until the loss improves no more, or for `max_iter` epochs.

        Parameters
        ----------
        X : array-like or sparse, shape (rows, features)
        y : array-like, shape (rows,) or (rows, outputs)
        sample_weight : array-like, shape (rows,), optional
            Rows of weight 0 are left out.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For parameters or data that cannot be used, or where training diverges.
        """
        rule = self._checked_rule()
        fresh = not (self.warm_start and hasattr(self, "_learner"))
        rows = self._prepared(X, y, sample_weight, None, rule, fresh)
        if not fresh:
            self._learner.random = check_random_state(self.random_state)
            self._learner.restart(rule)
        if self.learning_rate == settings.AUTO:
            self._set_rate(rows, self.max_iter * math.ceil(len(rows) / self._size(rows)), fresh)
        self._train(rows)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Self:  # noqa: N803
        """One epoch; the optimizer keeps its state from call to call."""
        rule = self._checked_rule()
        if self.early_stopping:
            raise ValueError(f"{type(self).__name__}: partial_fit does not support early_stopping=True")
        fresh = not hasattr(self, "_learner")
        rows = self._prepared(X, y, sample_weight, classes, rule, fresh)
        if fresh and self.learning_rate == settings.AUTO:
            self._set_rate(rows, STEPS, fresh)
        self.n_iter_ = 1
        self._epoch(rows)
        return self

    def _checked_rule(self) -> Rule:
        name = type(self).__name__
        settings.check(name, self.get_params(deep=False))
        return settings.rule(name, self.optimizer, self.learning_rate)

    def _prepared(self, X: Any, y: Any, sample_weight: Any, classes: Any, rule: Rule, fresh: bool) -> Rows:  # noqa: N803
        """The data, checked and encoded; and a network for them, or the one there is, if it fits."""
        X, y = validate_data(
            self, X, y, reset=fresh, dtype=self._dtype(fresh), **self._y_options(), accept_sparse="csr"
        )
        y = plain(y)
        weights = self._weights_of(X, sample_weight)
        targets = self._targets_of(y, classes) if fresh else self._targets
        rows = Rows(X, targets.encode(y, X.dtype.name), weights)
        hidden, activation = self._hidden()
        model = MLP((X.shape[1], *hidden, targets.outputs), activation, targets.loss, X.dtype.name)
        if fresh:
            self._begin(model, targets, rule)
        elif model != self._learner.model:
            raise ValueError(
                f"{type(self).__name__}: layers must stay as they are to train on, {self._learner.model}, got {model}; "
                "use warm_start=False to begin anew"
            )
        return rows if weights is None else rows[np.flatnonzero(weights)]

    def _weights_of(self, X: Any, sample_weight: Any) -> Array | None:  # noqa: N803
        if sample_weight is None:
            return None
        weights: Array = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        if not weights.any():
            raise ValueError(f"{type(self).__name__}: sample_weight must be above 0 for some row, got only zeros")
        return weights

    def _y_options(self) -> dict[str, Any]:
        return {"multi_output": True}

    def _dtype(self, fresh: bool) -> Any:
        if not fresh:
            return self._learner.model.dtype
        return (np.float64, np.float32) if self.dtype == "auto" else self.dtype

    def _begin(self, model: MLP, targets: Targets, rule: Rule) -> None:
        self._targets = targets
        self._learner = Learner(model, rule, check_random_state(self.random_state))
        if model.depth == 1:
            self._learner.packed.flat.fill(0)  # the loss is convex, there is no symmetry to break
        self.n_layers_, self.n_outputs_, self.out_activation_ = model.depth + 1, targets.outputs, targets.activation
        self.loss_curve_: list[float] = []
        self.lr_curve_: list[float] = []

    def _size(self, rows: Rows) -> int:
        """Of a batch."""
        return min(FEW_ROWS if self.batch_size == "auto" else self.batch_size, len(rows))

    def _set_rate(self, rows: Rows, steps: int, fresh: bool) -> None:
        """Train with the rate that a range test finds, or has found for the network that goes on."""
        rule = self._learner.rule
        if fresh:
            self.finding_ = find_rate(self._learner.model, rule, rows, self._size(rows), alpha=self.alpha, steps=steps)
        if self.finding_.suggestion is not None:
            self._learner.restart(replace(rule, lr=self.finding_.suggestion))
            return
        warnings.warn(
            f"{type(self).__name__}(learning_rate='auto'): no rate was found, the optimizer's own, {rule.lr}, is used: "
            f"{self.finding_.advice}",
            UserWarning,
            stacklevel=3,
        )

    def _train(self, rows: Rows) -> None:
        rows, held_out = self._split(rows)
        patience = Patience(self.tol, self.n_iter_no_change)
        flat = self._learner.packed.flat
        best: Array = flat.copy()
        scores: list[float] = []
        self.validation_scores_ = None if held_out is None else scores
        for epoch in range(1, self.max_iter + 1):
            self.n_iter_ = epoch
            stop = self._epoch(rows)
            if held_out is None:
                patience.observe(-self.loss_)
            else:
                scores.append(self._targets.score(self._learner.outputs(held_out.x), held_out))
                if patience.observe(scores[-1]):
                    best[:] = flat
            if stop or patience.exhausted:
                break
        else:
            self._warn_of_the_end()
        if held_out is not None:
            flat[:] = best
        self.best_loss_ = -patience.best if held_out is None else None
        self.best_validation_score_ = None if held_out is None else patience.best

    def _epoch(self, rows: Rows) -> bool:
        """Train on every row once; whether a callback wants no more."""
        learner = self._learner
        self.lr_curve_.append(learner.optimizer.lr)
        self.loss_ = learner.epoch(rows, self._size(rows), shuffle=self.shuffle, alpha=self.alpha)
        self.loss_curve_.append(self.loss_)
        if not (math.isfinite(self.loss_) and np.isfinite(learner.packed.flat).all()):
            raise ValueError(
                f"{type(self).__name__}: training diverged in epoch {self.n_iter_}, the loss is {self.loss_}; "
                f"lower learning_rate, or scale X and y to a deviation of about 1 ({self.diagnosis_.advice})"
            )
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
        if hasattr(learner.rule.lr, "observe"):
            learner.rule.lr.observe(self.loss_)
        answers = [callback(self) for callback in self.callbacks or ()]
        # NaN, which a callback that computes may return, is no wish to stop
        return any(bool(answer) and answer == answer for answer in answers)

    @property
    def diagnosis_(self) -> Diagnosis:
        """What is wrong with the training, or that nothing is; of the last `fit`."""
        if getattr(self, "_learner", None) is None or self._learner.monitor is None:
            raise AttributeError(f"{type(self).__name__}: diagnosis_ is there after fit")
        return self._learner.monitor.diagnose()

    @property
    def optimizer_(self) -> Optimizer:
        """The optimizer that trains."""
        return self._learner.optimizer

    def _split(self, rows: Rows) -> tuple[Rows, Rows | None]:
        """What to train on, and with early stopping what to judge by."""
        if not self.early_stopping:
            return rows, None
        train, held_out = train_test_split(
            np.arange(len(rows)),
            test_size=self.validation_fraction,
            random_state=self._learner.random,
            stratify=rows.y if isinstance(self._targets, Classes) else None,
        )
        if len(held_out) < 2:
            raise ValueError(
                f"{type(self).__name__}(validation_fraction={self.validation_fraction}): leaves {len(held_out)} of "
                f"{len(rows)} rows to validate by, two are needed; raise it"
            )
        return rows[train], rows[held_out]

    def _warn_of_the_end(self) -> None:
        """Unless the user wanted that many epochs."""
        if self.n_iter_no_change < math.inf:
            warnings.warn(
                f"{type(self).__name__}: max_iter={self.max_iter} epochs were over before the loss stopped improving; "
                "raise max_iter or tol, or set n_iter_no_change=np.inf to train just that long",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _outputs(self, X: Any) -> Array:  # noqa: N803
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=self._learner.model.dtype, accept_sparse="csr")
        return self._learner.outputs(X)

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Predict.

        Parameters
        ----------
        X : array-like or sparse, shape (rows, features)

        Returns
        -------
        array, shape (rows,) or (rows, outputs)
            Classes, labels or values, as `y` was.
        """
        outputs = self._outputs(X)  # first, for it says where nothing was fitted
        return self._targets.decode(outputs)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_learner")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
