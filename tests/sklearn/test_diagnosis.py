"""What the estimators say of their training."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.preprocessing import scale

from fastlr.lab import Monitor
from fastlr.sklearn import LogisticRegression, MLPClassifier
from tests.sklearn.data import DIGITS, IRIS

FOREVER = {"tol": 0, "n_iter_no_change": np.inf, "random_state": 0}
X, Y = scale(DIGITS[0][:900]), DIGITS[1][:900]


def fitted(rate, **settings):
    return MLPClassifier(30, optimizer="sgd", learning_rate=rate, batch_size=30, max_iter=20, **FOREVER, **settings)


@pytest.mark.parametrize(("rate", "fault"), [(0.2, "healthy"), (0.0003, "too low")])
def test_after_fit(rate, fault):
    found = fitted(rate).fit(X, Y).diagnosis_
    assert (found.fault, found.level) == (fault, "steps")
    assert found.trace["lr"][-1] == rate


def test_raw_features():
    x, y = load_wine(return_X_y=True)
    model = MLPClassifier(20, max_iter=50, **FOREVER).fit(x, y)
    assert model.diagnosis_.fault == "features"
    assert MLPClassifier(20, max_iter=50, **FOREVER).fit(scale(x), y).diagnosis_.fault != "features"


def test_before_fit_there_is_none():
    model = LogisticRegression()
    assert not hasattr(model, "diagnosis_")
    with pytest.raises(AttributeError, match="after fit"):
        model.diagnosis_  # noqa: B018


def test_divergence_says_what_to_do():
    with pytest.raises(ValueError, match=r"training diverged in epoch \d+.*lr 1e\+06 is about .* times too high: use"):
        fitted(1e6).fit(X, Y)


def test_the_same_bits_and_the_diagnosis_in_a_copy():
    model = fitted(0.2).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    assert str(again.diagnosis_) == str(model.diagnosis_)
    for each in (model, again):
        each.partial_fit(X, Y)
    np.testing.assert_array_equal(again.coefs_[0], model.coefs_[0])
    assert len(again.diagnosis_.trace) == len(model.diagnosis_.trace)


def test_as_a_callback():
    monitor = Monitor()
    model = fitted(0.0003, callbacks=[monitor]).fit(X, Y)
    found = monitor.diagnose()
    np.testing.assert_array_equal(found.trace["loss"], model.loss_curve_)
    np.testing.assert_array_equal(found.trace["lr"], model.lr_curve_)
    assert (found.fault, found.level) == ("too low", "epoch rates")


def test_callbacks_that_return_nan_or_raise():
    assert fitted(0.1, callbacks=[lambda model: np.nan]).fit(X, Y).n_iter_ == 20
    assert fitted(0.1, callbacks=[lambda model: True]).fit(X, Y).n_iter_ == 1

    def broken(model):
        raise KeyError("mine")

    model = fitted(0.1, callbacks=[broken])
    with pytest.raises(KeyError, match="mine"):
        model.fit(X, Y)
    assert len(model.diagnosis_.trace) == 30


def test_warm_start_diagnoses_the_last_fit():
    model = LogisticRegression(warm_start=True, max_iter=5, **FOREVER).fit(*IRIS)
    first = len(model.diagnosis_.trace)
    assert len(model.fit(*IRIS).diagnosis_.trace) == first
