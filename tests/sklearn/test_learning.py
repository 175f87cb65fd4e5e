"""The estimators learn what scikit-learn's learn, and the same again from the same seed."""

import numpy as np
import pytest
import sklearn.linear_model
import sklearn.neural_network
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import get_tags

from fastlr import rules
from fastlr.sklearn import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
from tests.sklearn.data import DIGITS, IRIS, LABELS, PLANE, PLANES, TWO

FOREVER = {"tol": 0, "n_iter_no_change": np.inf}


@pytest.mark.parametrize("dtype", ["auto", "float32"])
@pytest.mark.parametrize("data", [IRIS, TWO, LABELS], ids=["classes", "two", "labels"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_networks_classify_as_well_as_scikit_learns(activation, data, dtype):
    x, y = data
    common = {"max_iter": 300, "random_state": 0, "activation": activation, **FOREVER}
    ours = MLPClassifier(30, learning_rate=0.01, dtype=dtype, **common).fit(x, y)
    theirs = sklearn.neural_network.MLPClassifier(30, learning_rate_init=0.01, **common)
    with pytest.warns(ConvergenceWarning):
        theirs.fit(x, y)
    assert ours.score(x, y) >= theirs.score(x, y) - 0.02
    assert ours.loss_ < theirs.loss_ + 0.02
    assert ours.predict_proba(x).shape == theirs.predict_proba(x).shape
    assert ours.out_activation_ == theirs.out_activation_
    assert ours.n_layers_ == theirs.n_layers_
    assert [w.shape for w in ours.coefs_ + ours.intercepts_] == [w.shape for w in theirs.coefs_ + theirs.intercepts_]


def gradient_step(estimator, coefs, intercepts, data, **settings):
    """The weights after one step of plain gradient descent from these."""
    x, y = data
    estimator.partial_fit(x, y, **settings)
    for array, value in zip(estimator.coefs_ + estimator.intercepts_, coefs + intercepts, strict=True):
        array[...] = value
    return estimator.partial_fit(x, y)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize(
    ("kind", "data"),
    [("MLPClassifier", IRIS), ("MLPClassifier", TWO), ("MLPClassifier", LABELS), ("MLPRegressor", PLANES)],
    ids=["classes", "two", "labels", "values"],
)
def test_a_step_is_scikit_learns(kind, data, activation):
    """Loss, penalty, gradients and batch: parameters of the same names mean the same."""
    common = {"hidden_layer_sizes": (6, 5), "activation": activation, "alpha": 3.0, "random_state": 0}
    theirs = getattr(sklearn.neural_network, kind)(solver="sgd", learning_rate_init=0.1, momentum=0, **common)
    ours = {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor}[kind](
        optimizer="sgd", learning_rate=0.1, **common
    )
    x, y = data
    settings = {"classes": np.unique(y)} if kind == "MLPClassifier" else {}
    if data is LABELS:
        settings = {"classes": np.arange(3)}
    theirs.partial_fit(x, y, **settings)
    coefs, intercepts = [w.copy() for w in theirs.coefs_], [b.copy() for b in theirs.intercepts_]
    theirs.partial_fit(x, y)
    gradient_step(ours, coefs, intercepts, data, **settings)
    for found, expected in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)
    if data is not PLANES:  # the loss of which we add up, and scikit-learn averages, over the outputs
        assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-10)


def test_regression_finds_the_line():
    x, y = PLANE
    settings = {"optimizer": "nesterov", "learning_rate": 0.1, "alpha": 0, "max_iter": 2000, **FOREVER}
    model = LinearRegression(**settings).fit(x, y)
    np.testing.assert_allclose(model.coef_, [1.0, -2.0, 0.5, 3.0], atol=1e-4)
    np.testing.assert_allclose(model.intercept_, [7.0], atol=1e-4)
    assert model.predict(x[:3]).shape == (3,)
    several = LinearRegression(**settings).fit(*PLANES)
    np.testing.assert_allclose(several.coef_, [[1.0, -2.0, 0.5, 3.0], [0.0, 1.0, 1.0, -1.0]], atol=1e-4)
    np.testing.assert_allclose(several.intercept_, [7.0, -7.0], atol=1e-4)


def test_logistic_regression_finds_scikit_learns_optimum():
    x, y = IRIS
    theirs = sklearn.linear_model.LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(x, y)
    ours = LogisticRegression(alpha=1.0, max_iter=3000, **FOREVER).fit(x, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-5)


def test_logistic_regression_of_two_classes():
    x, y = TWO
    theirs = sklearn.linear_model.LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(x, y)
    ours = LogisticRegression(alpha=1.0, max_iter=3000, **FOREVER).fit(x, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.decision_function(x), theirs.decision_function(x), atol=1e-4)
    np.testing.assert_allclose(ours.predict_log_proba(x), theirs.predict_log_proba(x), atol=1e-4)
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))


def test_labels_are_learnt_one_by_one():
    x, y = LABELS
    together = LogisticRegression(max_iter=500, **FOREVER).fit(x, y)
    assert together.predict(x).shape == y.shape
    assert get_tags(together).classifier_tags.multi_label
    pair = LogisticRegression(max_iter=5, **FOREVER).fit(x, y[:, :2])
    np.testing.assert_array_equal(pair.decision_function(x) > 0, pair.predict(x))
    for column in range(3):
        alone = LogisticRegression(max_iter=500, **FOREVER).fit(x, y[:, column])
        np.testing.assert_allclose(together.coef_[column], alone.coef_[0], rtol=1e-6)
        np.testing.assert_allclose(together.predict_proba(x)[:, column], alone.predict_proba(x)[:, 1], rtol=1e-6)


@pytest.mark.parametrize("estimator", [LogisticRegression, LinearRegression, MLPClassifier, MLPRegressor])
def test_sparse_features_give_the_same(estimator):
    x, y = DIGITS[0][:300], DIGITS[1][:300]
    settings = {"max_iter": 5, "batch_size": 50, "random_state": 0, **FOREVER}
    dense, thin = (estimator(**settings).fit(kind(x), y) for kind in (np.asarray, sparse.csr_array))
    assert thin.loss_ < thin.loss_curve_[0]
    np.testing.assert_allclose(thin.loss_curve_, dense.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(thin.predict(sparse.csc_array(x)), dense.predict(x), rtol=1e-6)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_same_seed_gives_the_same_bits(early_stopping):
    x, y = DIGITS[0][:400], DIGITS[1][:400]
    settings = {"max_iter": 6, "batch_size": 32, "early_stopping": early_stopping, **FOREVER}
    one, same, other = (MLPClassifier(20, random_state=seed, **settings).fit(x, y) for seed in (1, 1, 2))
    assert one.loss_curve_ == same.loss_curve_
    np.testing.assert_array_equal(one.coefs_[0], same.coefs_[0])
    assert (one.coefs_[0] != other.coefs_[0]).all()


@pytest.mark.parametrize(
    "optimizer",
    ["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", rules.AdamW(0.02, weight_decay=0.1)],
    ids=str,
)
def test_every_optimizer_learns(optimizer):
    rate = (
        None
        if isinstance(optimizer, rules.Rule)
        else {"sgd": 0.5, "momentum": 0.1, "nesterov": 0.1}.get(optimizer, 0.02)
    )
    model = MLPClassifier(20, optimizer=optimizer, learning_rate=rate, max_iter=200, random_state=0, **FOREVER)
    assert model.fit(*IRIS).score(*IRIS) > 0.94


def test_without_a_rate_the_optimizers_own_is_used():
    model = MLPClassifier(optimizer=rules.SGD(0.25), max_iter=2, **FOREVER).fit(*IRIS)
    assert model.lr_curve_ == [0.25, 0.25]
    assert MLPClassifier(max_iter=1, **FOREVER).fit(*IRIS).lr_curve_ == [rules.Adam().lr]


@pytest.mark.parametrize(("dtype", "given", "expected"), [
    ("auto", "float64", "float64"),
    ("auto", "float32", "float32"),
    ("auto", "int64", "float64"),
    ("float32", "float64", "float32"),
    ("float64", "float32", "float64"),
])  # fmt: skip
def test_dtype(dtype, given, expected):
    x, y = DIGITS
    x = (16 * x[:200]).astype(given)
    model = MLPRegressor(5, dtype=dtype, max_iter=2, **FOREVER).fit(x, y[:200])
    assert {array.dtype.name for array in (*model.coefs_, *model.intercepts_, model.predict(x))} == {expected}
