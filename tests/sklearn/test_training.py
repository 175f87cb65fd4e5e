"""How training goes: curves, stopping, going on, weights, callbacks, copies."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastlr import rules
from fastlr.lab import MLP
from fastlr.schedules import Linear, Plateau
from fastlr.sklearn import LinearRegression, LogisticRegression, MLPClassifier, MLPRegressor
from fastlr.sklearn.learner import Learner, Rows
from tests.sklearn.data import DIGITS, IRIS, LABELS, PLANE, PLANES, TWO

FOREVER = {"tol": 0, "n_iter_no_change": np.inf}
X, Y = DIGITS[0][:450], DIGITS[1][:450]


def test_curves_tell_every_epoch():
    schedule = Linear(0.01, 0.0, total=15)
    model = MLPClassifier(10, learning_rate=schedule, batch_size=150, max_iter=5, random_state=0, **FOREVER).fit(X, Y)
    assert model.lr_curve_ == [schedule(step) for step in (0, 3, 6, 9, 12)]  # three steps an epoch
    assert len(model.loss_curve_) == model.n_iter_ == 5
    assert model.loss_ == model.loss_curve_[-1] == model.best_loss_ == min(model.loss_curve_)
    assert model.validation_scores_ is None


def test_plateau_follows_the_loss():
    schedule = Plateau(10.0, factor=0.1, patience=0)
    model = LogisticRegression(optimizer="sgd", learning_rate=schedule, max_iter=50, random_state=0, **FOREVER)
    model.fit(*IRIS)
    rises = [after >= before for before, after in zip(model.loss_curve_, model.loss_curve_[1:], strict=False)]
    assert any(rises)
    drop = rises.index(True) + 2
    assert model.lr_curve_[:drop] == [10.0] * drop
    assert model.lr_curve_[drop] == pytest.approx(1.0)
    assert schedule.state.factor == 1.0  # the user's own is left alone


def test_stops_when_the_loss_does_not_improve():
    model = LogisticRegression(tol=0.05, n_iter_no_change=3, max_iter=1000).fit(*IRIS)
    curve = np.array(model.loss_curve_)
    improves = curve[1:] <= np.minimum.accumulate(curve)[:-1] - 0.05
    assert model.n_iter_ == len(curve) < 1000
    assert not improves[-4:].any()
    assert all(improves[k : k + 4].any() for k in range(len(improves) - 4))


def test_warns_where_epochs_ran_out():
    with pytest.warns(ConvergenceWarning, match="max_iter=3 epochs were over") as caught:
        MLPClassifier(5, max_iter=3).fit(*IRIS)
    assert caught[0].filename == __file__


def test_early_stopping_keeps_the_best():
    settings = {"learning_rate": 0.03, "early_stopping": True, "n_iter_no_change": 5, "random_state": 3}
    weights = []
    callback = lambda model: weights.append(model.coefs_[0].copy())  # noqa: E731
    model = MLPClassifier(30, callbacks=[callback], **settings).fit(X, Y)
    scores = model.validation_scores_
    assert len(scores) == model.n_iter_ < 200
    assert model.best_validation_score_ == max(scores)
    assert model.best_loss_ is None
    best = scores.index(max(scores))
    assert best < len(scores) - 1
    np.testing.assert_array_equal(model.coefs_[0], weights[best])


@pytest.mark.parametrize(
    ("estimator", "data"),
    [(MLPClassifier, IRIS), (MLPClassifier, LABELS), (LogisticRegression, TWO), (MLPRegressor, PLANES)],
    ids=["classes", "labels", "two", "values"],
)
def test_the_validation_score_is_that_of_the_rows_held_out(estimator, data):
    x, y = data
    model = estimator(early_stopping=True, max_iter=1, random_state=0, validation_fraction=0.2, **FOREVER)
    weights = np.random.default_rng(0).uniform(0.5, 2, len(x))
    model.fit(x, y, sample_weight=weights)
    # the split is drawn after the initial weights
    random = np.random.RandomState(0)
    random.randint(2**31 - 1)
    stratify = y if estimator is not MLPRegressor and y.ndim == 1 else None
    _, held_out = train_test_split(np.arange(len(x)), test_size=0.2, random_state=random, stratify=stratify)
    assert model.validation_scores_ == [pytest.approx(model.score(x[held_out], y[held_out], weights[held_out]))]


def test_partial_fit_is_fit_epoch_by_epoch():
    settings = {"batch_size": 100, "random_state": 0, "learning_rate": 0.01}
    whole = MLPClassifier(10, max_iter=4, **settings, **FOREVER).fit(X, Y)
    parts = MLPClassifier(10, **settings)
    for _ in range(4):
        parts.partial_fit(X, Y, classes=np.arange(10))
    assert parts.loss_curve_ == whole.loss_curve_
    np.testing.assert_array_equal(parts.coefs_[1], whole.coefs_[1])
    assert parts.n_iter_ == 1


@pytest.mark.parametrize("through", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_goes_on_with_the_same_bits(through):
    settings = {"batch_size": 100, "random_state": 0, "learning_rate": Linear(0.01, 0.001, total=20)}
    model = MLPClassifier(10, optimizer=rules.Adam(amsgrad=True), **settings).partial_fit(X, Y, classes=range(10))
    copied = through(model)
    np.testing.assert_array_equal(copied.predict_proba(X), model.predict_proba(X))
    for either in (model, copied):
        either.partial_fit(X, Y).partial_fit(X, Y)
    assert copied.lr_curve_ == model.lr_curve_
    np.testing.assert_array_equal(copied.coefs_[0], model.coefs_[0])
    assert not np.shares_memory(copied.coefs_[0], model.coefs_[0])


def test_warm_start_goes_on_and_a_cold_one_begins_anew():
    model = MLPRegressor(10, max_iter=30, warm_start=True, random_state=0, **FOREVER).fit(*PLANE)
    before = model.loss_
    model.fit(*PLANE)
    assert model.loss_curve_[30] < before
    assert len(model.loss_curve_) == 60
    assert model.n_iter_ == 30
    model.set_params(warm_start=False).fit(*PLANE)
    assert model.loss_curve_[-1] == before


def test_a_warm_start_has_a_new_optimizer_and_random_stream():
    settings = {"batch_size": 100, "max_iter": 2, "learning_rate": Linear(0.1, 0.0, total=10), "random_state": 0}
    model = LogisticRegression(warm_start=True, **settings, **FOREVER).fit(X, Y)
    other = copy.deepcopy(model)
    other._learner.random.rand()
    model.fit(X, Y)
    assert model.lr_curve_ == [0.1, 0.05, 0.1, 0.05]
    np.testing.assert_array_equal(model.coef_, other.fit(X, Y).coef_)


def test_shuffling_is_another_order_in_every_epoch():
    learner = Learner(MLP((1, 2)), rules.SGD(), np.random.RandomState(0))
    rows = Rows(np.arange(450), np.arange(450))
    ordered, first, second = (
        np.concatenate([batch.x for batch in learner._batches(rows, 100, shuffle)]) for shuffle in (False, True, True)
    )
    np.testing.assert_array_equal(ordered, rows.x)
    for epoch in (first, second):
        np.testing.assert_array_equal(np.sort(epoch), rows.x)
        assert (epoch != rows.x).mean() > 0.9
    assert (first != second).mean() > 0.9


def test_parameters_are_views():
    model = MLPRegressor(10, max_iter=1, **FOREVER).fit(*PLANE)
    for array in model.coefs_ + model.intercepts_:
        array[...] = 0
    model.intercepts_[-1][...] = 3.0
    np.testing.assert_array_equal(model.predict(PLANE[0]), np.full(len(PLANE[0]), 3.0))


@pytest.mark.parametrize("estimator", [MLPClassifier, LogisticRegression, LinearRegression])
def test_weights_are_repetitions_also_in_batches(estimator):
    """Every batch holds the same rows, in order, once repeated and once weighted."""
    x, y = IRIS[0][:60:], IRIS[1][20:80]
    settings = {"shuffle": False, "max_iter": 20, "random_state": 0, **FOREVER}
    weighted = estimator(batch_size=10, **settings).fit(x, y, sample_weight=np.full(60, 3))
    repeated = estimator(batch_size=30, **settings).fit(np.repeat(x, 3, axis=0), np.repeat(y, 3))
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-10)
    np.testing.assert_allclose(weighted.predict(x), repeated.predict(x), rtol=1e-8)


def test_rows_of_weight_zero_are_left_out():
    weight = np.repeat([1.0, 0.0], [400, 50])
    settings = {"max_iter": 3, "random_state": 0, "batch_size": 40, **FOREVER}
    zero = MLPClassifier(10, **settings).fit(X, Y, sample_weight=weight)
    gone = MLPClassifier(10, **settings).fit(X[:400], Y[:400], sample_weight=weight[:400])
    np.testing.assert_array_equal(zero.coefs_[0], gone.coefs_[0])
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        MLPClassifier().fit(X, Y, sample_weight=np.zeros(450))


def test_callbacks_see_every_epoch_and_can_end_it():
    seen = []
    enough = lambda model: model.n_iter_ == 4  # noqa: E731
    note = lambda model: seen.append((model.n_iter_, model.loss_))  # noqa: E731
    model = MLPClassifier(5, callbacks=[enough, note], max_iter=50).fit(*IRIS)
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4]
    assert [loss for _, loss in seen] == model.loss_curve_


def test_verbose_prints_the_loss(capsys):
    model = MLPClassifier(5, max_iter=2, verbose=True, **FOREVER).fit(*IRIS)
    first, second = model.loss_curve_
    assert capsys.readouterr().out == f"Iteration 1, loss = {first:.8f}\nIteration 2, loss = {second:.8f}\n"


def test_grid_search_and_pipelines():
    steps = make_pipeline(StandardScaler(), MLPClassifier(20, max_iter=100, random_state=0, **FOREVER))
    rates = [1e-5, 0.01, Linear(0.02, 0.0, total=100)]
    search = GridSearchCV(
        steps,
        {"mlpclassifier__learning_rate": rates, "mlpclassifier__optimizer": ["adam", rules.AdamW()]},
        cv=2,
        error_score="raise",
    ).fit(*IRIS)
    assert search.best_params_["mlpclassifier__learning_rate"] != 1e-5
    assert search.score(*IRIS) > 0.9
    assert clone(search.best_estimator_).get_params()["mlpclassifier__max_iter"] == 100


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor, LogisticRegression, LinearRegression])
def test_unfitted_is_said_so(estimator):
    with pytest.raises(NotFittedError):
        estimator().predict(X)
    assert not hasattr(estimator(), "coef_")
    assert not hasattr(estimator(), "coefs_")
