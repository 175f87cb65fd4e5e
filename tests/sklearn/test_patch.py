"""scikit-learn's own networks, and its own tests of them, on fastlr's optimizers."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.neural_network import _multilayer_perceptron as networks
from sklearn.neural_network import _stochastic_optimizers as originals
from sklearn.neural_network.tests import test_stochastic_optimizers as their_tests

import fastlr
from fastlr.sklearn import patch
from tests.sklearn.data import DIGITS, IRIS, PLANES

SHAPES = [(4, 6), (6, 8), (7, 8, 9), (3,)]
UNDER_THE_PATCH = """
import sys, pytest, fastlr
from fastlr.sklearn import patch

class Counting(patch.Optimizer):
    steps_taken = 0

    def step(self, grads=None):
        Counting.steps_taken += 1
        return super().step(grads)

patch.Optimizer = Counting
fastlr.patch_sklearn()
tests = ["sklearn.neural_network.tests.test_mlp", "sklearn.neural_network.tests.test_stochastic_optimizers"]
code = pytest.main(["-q", "-p", "no:cacheprovider", "-c", sys.argv[1], "--pyargs", *tests])
print("steps", Counting.steps_taken)
sys.exit(code)
"""


@pytest.fixture(autouse=True)
def _unpatched_afterwards():
    yield
    assert networks.SGDOptimizer is originals.SGDOptimizer
    assert networks.AdamOptimizer is originals.AdamOptimizer


def test_scikit_learns_own_tests_pass(tmp_path):
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n")
    command = [sys.executable, "-c", UNDER_THE_PATCH, str(settings)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    *_, summary, steps = done.stdout.splitlines()
    assert int(summary.split(" passed")[0]) > 50
    assert int(steps.split()[1]) > 5000


@pytest.mark.parametrize("name", [name for name in dir(their_tests) if name.startswith("test_sgd")])
def test_sgd_passes_scikit_learns_tests_of_the_optimizers(name, monkeypatch):
    """Which compare bits."""
    monkeypatch.setattr(their_tests, "SGDOptimizer", patch.SGDOptimizer)
    getattr(their_tests, name)()


SGD = [
    {"momentum": momentum, "nesterov": nesterov, "lr_schedule": schedule, "learning_rate_init": 0.3}
    for momentum in (0, 0.5, 0.9, 1)
    for nesterov in (False, True)
    for schedule in ("constant", "invscaling", "adaptive")
]
ADAM = [{}, {"learning_rate_init": 0.1, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}, {"beta_1": 0, "beta_2": 0}]


def run(kind, settings, steps=30):
    """Parameters and rates as the network would make them; the optimizer."""
    rng = np.random.default_rng(0)
    params = [rng.normal(size=shape) for shape in SHAPES]
    optimizer = kind(params, **settings)
    rates = []
    for step in range(steps):
        optimizer.update_params(params, [rng.normal(size=shape) for shape in SHAPES])
        rates.append(optimizer.learning_rate)
        if step % 5 == 4:
            optimizer.iteration_ends(100 * step)
        if step % 12 == 11:
            optimizer.trigger_stopping("", False)
    return params, rates, optimizer


@pytest.mark.parametrize("settings", SGD, ids=str)
def test_sgd_has_the_same_bits(settings):
    params, rates, optimizer = run(patch.SGDOptimizer, settings)
    expected, expected_rates, original = run(originals.SGDOptimizer, settings)
    assert rates == expected_rates
    for found, value in zip(params + optimizer.velocities, expected + original.velocities, strict=True):
        np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("settings", ADAM, ids=str)
def test_adam_has_the_same_numbers(settings):
    params, rates, optimizer = run(patch.AdamOptimizer, settings)
    expected, expected_rates, original = run(originals.AdamOptimizer, settings)
    assert rates == expected_rates
    assert optimizer.t == original.t == 30
    states = (optimizer.ms + optimizer.vs, original.ms + original.vs)
    for found, value in zip(params + states[0], expected + states[1], strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(("estimator", "data"), [(MLPClassifier, DIGITS), (MLPRegressor, PLANES)])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fits_end_with_the_same_numbers(estimator, data, early_stopping, kind):
    x, y = (array[:500] for array in data)
    model = estimator(
        hidden_layer_sizes=(30, 20), solver=kind, max_iter=60, early_stopping=early_stopping, random_state=0
    )
    plain = copy.deepcopy(model).fit(x, y)
    with fastlr.patch_sklearn():
        patched = copy.deepcopy(model).fit(x, y)
        assert isinstance(patched._optimizer, patch.PATCHED[type(plain._optimizer).__name__])
    assert patched.n_iter_ == plain.n_iter_
    close = {"rtol": 0, "atol": 0 if kind == "sgd" else 1e-12}
    for found, expected in zip(patched.coefs_ + patched.intercepts_, plain.coefs_ + plain.intercepts_, strict=True):
        np.testing.assert_allclose(found, expected, **close)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("through", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_goes_on_with_the_same_bits(through, kind):
    x, y = IRIS
    with fastlr.patch_sklearn():
        model = MLPClassifier(10, solver=kind, random_state=0).partial_fit(x, y, classes=[0, 1, 2])
    copied = through(model)
    for either in (model, copied):
        either.partial_fit(x, y).partial_fit(x, y)
    np.testing.assert_array_equal(copied.coefs_[0], model.coefs_[0])
    assert not np.shares_memory(copied.coefs_[0], model.coefs_[0])


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_parameters_may_be_replaced(kind):
    """As scikit-learn does after early stopping; the optimizer keeps its state."""
    x, y = IRIS
    plain = MLPClassifier(10, solver=kind, random_state=0).partial_fit(x, y, classes=[0, 1, 2])
    with fastlr.patch_sklearn():
        patched = MLPClassifier(10, solver=kind, random_state=0).partial_fit(x, y, classes=[0, 1, 2])
    for model in (plain, patched):
        model.coefs_ = [coef + 1 for coef in model.coefs_]
        model.partial_fit(x, y)
    np.testing.assert_allclose(patched.coefs_[0], plain.coefs_[0], rtol=1e-13)


def test_float32_weights_take_gradients_that_numpy_made_wider():
    x, y = IRIS[0].astype("float32"), IRIS[1]
    with fastlr.patch_sklearn():
        model = MLPClassifier(10, random_state=0).partial_fit(x, y, classes=[0, 1, 2], sample_weight=np.full(150, 2.0))
    plain = MLPClassifier(10, random_state=0).partial_fit(x, y, classes=[0, 1, 2], sample_weight=np.full(150, 2.0))
    assert model.coefs_[0].dtype == np.float32
    np.testing.assert_allclose(model.coefs_[0], plain.coefs_[0], rtol=1e-4, atol=1e-6)


def test_lbfgs_is_left_alone():
    with fastlr.patch_sklearn():
        patched = MLPClassifier(5, solver="lbfgs", random_state=0).fit(*IRIS)
    np.testing.assert_array_equal(
        patched.coefs_[0], MLPClassifier(5, solver="lbfgs", random_state=0).fit(*IRIS).coefs_[0]
    )


def in_force():
    assert (networks.SGDOptimizer is patch.SGDOptimizer) == (networks.AdamOptimizer is patch.AdamOptimizer)
    return networks.SGDOptimizer is patch.SGDOptimizer


def test_undone_by_leaving_the_block_also_by_an_error():
    def fail():
        with fastlr.patch_sklearn():
            assert in_force()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not in_force()


def test_patches_may_overlap_in_any_order():
    first, second = fastlr.patch_sklearn(), fastlr.patch_sklearn()
    with fastlr.patch_sklearn():
        first.undo()
        first.undo()  # a second time changes nothing
        assert in_force()
    assert in_force()
    second.undo()
    assert not in_force()
    third = fastlr.patch_sklearn()
    first.undo()
    assert in_force()
    third.undo()


def test_scikit_learns_warnings_stay():
    with pytest.warns(ConvergenceWarning), fastlr.patch_sklearn():
        MLPClassifier(5, max_iter=1).fit(*IRIS)


def test_the_step_count_that_scikit_learn_sets_is_the_one_that_corrects():
    theirs, ours = np.ones(3), np.ones(3)
    peer, opt = originals.AdamOptimizer([theirs]), patch.AdamOptimizer([ours])
    peer.t = opt.t = 7
    for k in range(3):
        peer.update_params([theirs], [np.full(3, 0.5 + k)])
        opt.update_params([ours], [np.full(3, 0.5 + k)])
    assert opt.t == peer.t == 10
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)
