"""Errors name the estimator, the parameter, what it must be, and what it was."""

import numpy as np
import pytest

from fastlr.sklearn import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
from tests.sklearn.data import IRIS, LABELS, PLANE, PLANES


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"alpha": -1}, ValueError, r"MLPClassifier\(alpha=-1\): alpha must be in \[0, inf\), got -1"),
        ({"alpha": np.nan}, ValueError, r"alpha must be in \[0, inf\), got nan"),
        ({"tol": None}, TypeError, "tol must be a number, got None of type NoneType"),
        ({"max_iter": 0}, ValueError, r"max_iter must be in \[1, inf\)"),
        ({"max_iter": 2.0}, TypeError, "max_iter must be a whole number"),
        ({"max_iter": True}, TypeError, "max_iter must be a whole number"),
        ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change must be"),
        ({"batch_size": 0}, ValueError, "batch_size must be"),
        ({"batch_size": "all"}, TypeError, r"batch_size='all'\): batch_size must be a whole number"),
        ({"validation_fraction": 1.0}, ValueError, r"must be in \[0, 1\)"),
        ({"shuffle": 1}, TypeError, r"shuffle=1\): shuffle must be True or False"),
        ({"dtype": "float16"}, ValueError, "dtype must be one of 'auto', 'float32', 'float64'"),
        ({"callbacks": print}, TypeError, "callbacks must be a list of functions"),
        ({"callbacks": [1]}, TypeError, "callbacks must be a list of functions"),
        ({"hidden_layer_sizes": (3, 0)}, ValueError, "hidden_layer_sizes must be whole numbers above 0"),
        ({"hidden_layer_sizes": 2.5}, ValueError, "hidden_layer_sizes must be whole numbers above 0"),
        ({"activation": "sine"}, ValueError, "activation must be one of 'relu', 'tanh', 'logistic', 'identity'"),
        ({"optimizer": "adm"}, ValueError, "optimizer 'adm': unknown, did you mean 'adam'"),
        ({"optimizer": 3}, TypeError, r"optimizer=3\): optimizer must be a name such as 'adamw', or a rule"),
        ({"learning_rate": -1.0}, ValueError, r"Adam\(lr=-1.0\): lr must be in \[0, inf\)"),
        ({"learning_rate": "best"}, ValueError, r"learning_rate='best'\): learning_rate must be a number, a function"),
        ({"early_stopping": True, "validation_fraction": 0.001}, ValueError, "should be greater or equal"),
    ],
    ids=str,
)
def test_parameters(settings, error, message):
    with pytest.raises(error, match=message):
        MLPClassifier(**settings).fit(*IRIS)


@pytest.mark.parametrize("estimator", [MLPClassifier, LogisticRegression, LinearRegression, MLPRegressor])
def test_every_estimator_checks_them(estimator):
    with pytest.raises(ValueError, match=rf"{estimator.__name__}\(tol=-1\): tol must be in"):
        estimator(tol=-1).fit(*IRIS)


def test_partial_fit_checks_them():
    with pytest.raises(ValueError, match=r"MLPRegressor\(tol=-1\): tol must be in"):
        MLPRegressor(tol=-1).partial_fit(*PLANE)


def test_validation_needs_two_rows():
    with pytest.raises(ValueError, match=r"leaves 1 of 150 rows to validate by, two are needed"):
        MLPRegressor(early_stopping=True, validation_fraction=0.005).fit(*PLANE)


def test_divergence_is_an_error():
    model = LinearRegression(optimizer="sgd", learning_rate=100.0, max_iter=1000, n_iter_no_change=np.inf)
    with pytest.raises(ValueError, match="LinearRegression: training diverged in epoch"):  # and nothing is warned of
        model.fit(*PLANE)


def test_classes_that_do_not_fit():
    x, y = IRIS
    with pytest.raises(ValueError, match="LogisticRegression needs at least 2 classes in the data, got 1 class: 1"):
        LogisticRegression().fit(x[50:100], y[50:100])
    model = MLPClassifier()
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        model.partial_fit(x, y)
    model.partial_fit(x, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"classes must be those of the first call"):
        model.partial_fit(x, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"y must hold classes of \[0, 1, 2\], got 3"):
        model.partial_fit(x, y + 1)
    labels = MLPClassifier().partial_fit(*LABELS, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"a column for each of 3 labels, got shape \(200, 2\)"):
        labels.partial_fit(LABELS[0], LABELS[1][:, :2])


def test_going_on_needs_the_same_network():
    model = MLPRegressor(5, max_iter=1, warm_start=True, n_iter_no_change=np.inf).fit(*PLANE)
    with pytest.raises(ValueError, match="y must have 1 columns as before, got 2"):
        model.fit(*PLANES)
    model.hidden_layer_sizes = 6
    with pytest.raises(ValueError, match=r"MLPRegressor: layers must stay as they are to train on"):
        model.fit(*PLANE)
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        MLPRegressor(early_stopping=True).partial_fit(*PLANE)


def test_a_fit_that_is_refused_leaves_no_network():
    model = MLPClassifier()
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        model.fit(*IRIS, sample_weight=np.zeros(150))
    assert not hasattr(model, "coefs_")
