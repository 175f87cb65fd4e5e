"""A learning rate that is found."""

import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastlr.sklearn import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor

X, Y = load_digits(return_X_y=True)
X = X[:600] / 16.0
Y = Y[:600]
SHORT: Any = {"max_iter": 15, "n_iter_no_change": np.inf, "random_state": 0}


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adagrad", "rmsprop"])
def test_the_rate_that_is_found_learns(optimizer: str) -> None:
    """Well, with optimizers whose own rates are hundreds of times apart, and differently for each."""
    model = MLPClassifier(30, optimizer=optimizer, learning_rate="auto", batch_size=50, **SHORT).fit(X, Y)
    rate = model.finding_.suggestion
    assert rate is not None
    assert model.lr_curve_ == [rate] * 15
    assert model.score(X, Y) > 0.9


def test_the_same_random_state_gives_the_same_bits() -> None:
    models = [MLPClassifier(10, learning_rate="auto", **SHORT) for _ in range(2)]
    first, second = (model.fit(X, Y) for model in models)
    assert first.finding_.suggestion == second.finding_.suggestion
    assert all((a == b).all() for a, b in zip(first.coefs_, second.coefs_, strict=True))
    given = MLPClassifier(10, learning_rate=first.finding_.suggestion, **SHORT).fit(X, Y)
    assert all((a == b).all() for a, b in zip(first.coefs_, given.coefs_, strict=True))


@pytest.mark.parametrize("kind", [LogisticRegression, LinearRegression, MLPRegressor])
def test_other_estimators(kind: Any) -> None:
    x, y = load_diabetes(return_X_y=True)
    target = (y > 140) if kind is LogisticRegression else (y - y.mean()) / y.std()
    model = make_pipeline(
        StandardScaler(), kind(learning_rate="auto", max_iter=50, n_iter_no_change=np.inf, random_state=0)
    )
    assert cross_val_score(model, x, target, cv=3).mean() > (0.7 if kind is LogisticRegression else 0.35)


def test_going_on_keeps_the_rate() -> None:
    model = MLPClassifier(10, learning_rate="auto", warm_start=True, **SHORT).fit(X, Y)
    finding = model.finding_
    model.fit(X, Y)
    assert model.finding_ is finding
    assert model.lr_curve_ == [finding.suggestion] * 30
    steps = MLPClassifier(10, learning_rate="auto", random_state=0)
    for _ in range(3):
        steps.partial_fit(X, Y, classes=range(10))
    assert steps.lr_curve_ == [steps.finding_.suggestion] * 3
    copy = pickle.loads(pickle.dumps(model))
    assert copy.finding_.suggestion == finding.suggestion
    assert clone(model).get_params()["learning_rate"] == "auto"


def test_where_none_is_found_it_says_so_and_takes_the_optimizers() -> None:
    """One class is nothing to learn: the loss is flat."""
    with pytest.warns(
        UserWarning, match=r"LinearRegression\(learning_rate='auto'\): no rate was found, .*0.001, is used"
    ):
        model = LinearRegression(optimizer="sgd", learning_rate="auto", **SHORT).fit(X, np.zeros(600))
    assert model.finding_.suggestion is None
    assert model.lr_curve_ == [0.001] * 15
