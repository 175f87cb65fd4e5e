"""The stack of networks against the network that serves one run."""

import numpy as np
import pytest

from fastlr.lab import MLP, Part, evaluate
from fastlr.lab.networks import CHUNK, NetworkStack

RUNS = 3
MODELS = [
    MLP((2, 50, 3)),
    MLP((4, 7, 5, 3), activation="tanh", dtype="float64"),
    MLP((4, 6, 2), dtype="float64"),
    MLP((5, 4)),
    MLP((5, 8, 1), loss="mse"),
    MLP((5, 8, 8, 1), activation="tanh", loss="mse", dtype="float64"),
    MLP((5, 2), loss="mse", dtype="float64"),
    MLP((5, 1), loss="mse"),
]


def stack(model, seeds):
    starts = [model.init(seed) for seed in seeds]
    params = {name: np.stack([start[name] for start in starts]) for name in starts[0]}
    grads = {name: np.full_like(array, np.nan) for name, array in params.items()}
    # biases are 0 at first: say something
    for array in params.values():
        array += np.array([np.random.default_rng((7, seed)).normal(0, 0.1, array.shape[1:]) for seed in seeds])
    return NetworkStack(model, params, grads), params, grads


def data(model, *shape):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((*shape, model.sizes[0])).astype(model.dtype)
    if model.loss == "cross_entropy":
        return x, rng.integers(0, model.sizes[-1], shape)
    outputs = () if model.sizes[-1] == 1 else (model.sizes[-1],)
    return x, rng.standard_normal((*shape, *outputs)).astype(model.dtype)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_losses_and_gradients_are_those_of_the_network(model):
    many, params, grads = stack(model, range(RUNS))
    x, y = data(model, RUNS, 32)
    losses = many.losses_and_grads((x, y), np.ones(RUNS, bool))
    exact = {"float32": 2e-6, "float64": 1e-14}[model.dtype]
    for r in range(RUNS):
        expected = {name: np.empty_like(array[r]) for name, array in grads.items()}
        loss = model.loss_and_grad({name: array[r] for name, array in params.items()}, expected, (x[r], y[r]))
        assert losses[r] == pytest.approx(loss, rel=exact)
        for name, array in expected.items():
            np.testing.assert_allclose(grads[name][r], array, rtol=0, atol=exact * max(1, np.abs(array).max()))


@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize("rows", [20, 2 * CHUNK + 5])
def test_scores_are_those_of_evaluate(model, rows):
    many, params, _ = stack(model, range(RUNS))
    part = Part(*data(model, rows))
    losses, metrics = many.scores(part, np.ones(RUNS, bool))
    for r in range(RUNS):
        own = {name: array[r] for name, array in params.items()}
        assert losses[r] == pytest.approx(model.loss_of(model.outputs(own, part.x), part.y), rel=1e-5)
        if model.loss == "cross_entropy" or model.sizes[-1] == 1:
            (expected, *_) = evaluate(model, own, part).metrics.values()
            assert metrics[r] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_a_run_has_the_same_bits_alone(model):
    alive, x, y = np.ones(RUNS, bool), *data(model, RUNS, 30)
    part = Part(*data(model, CHUNK + 3))
    many, _, grads = stack(model, range(RUNS))
    losses, scores = many.losses_and_grads((x, y), alive), many.scores(part, alive)
    for r in range(RUNS):
        one, _, alone = stack(model, [r])
        assert one.losses_and_grads((x[r : r + 1], y[r : r + 1]), alive[:1]) == losses[r]
        for name, array in alone.items():
            np.testing.assert_array_equal(array[0], grads[name][r])
        for single, among in zip(one.scores(part, alive[:1]), scores, strict=True):
            assert single[0] == among[r]


def test_outputs_that_are_all_equal_hit_nothing():
    model = MLP((2, 3, 3))
    many, params, _ = stack(model, range(RUNS))
    for array in params.values():
        array[:] = 0
    losses, accuracy = many.scores(Part(*data(model, 60)), np.ones(RUNS, bool))
    np.testing.assert_array_equal(accuracy, 0)
    np.testing.assert_allclose(losses, np.log(3), rtol=1e-6)


def test_equal_targets_have_no_r2():
    model = MLP((2, 1), loss="mse")
    many, _, _ = stack(model, range(RUNS))
    x, _ = data(model, 10)
    assert np.isnan(many.scores(Part(x, np.ones(10, "float32")), np.ones(RUNS, bool))[1]).all()
