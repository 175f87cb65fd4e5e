import math

import numpy as np
import pytest
import torch
from scipy import sparse

import fastlr
from fastlr.lab import MLP, choose
from fastlr.lab.losses import LOSSES

NETWORKS = [
    MLP((4, 3), dtype="float64"),
    MLP((4, 5, 3), dtype="float64"),
    MLP((4, 6, 5, 3), "tanh", dtype="float64"),
    MLP((4, 1), loss="mse", dtype="float64"),
    MLP((4, 5, 5, 1), loss="mse", dtype="float64"),
    MLP((4, 5, 2), "tanh", "mse", dtype="float64"),
    MLP((4, 6, 5, 3), "logistic", dtype="float64"),
    MLP((4, 6, 2), "identity", "squared_error", dtype="float64"),
    MLP((4, 1), loss="binary_cross_entropy", dtype="float64"),
    MLP((4, 5, 3), "tanh", "binary_cross_entropy", dtype="float64"),
]


def batch_for(model, rows=7, seed=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, model.sizes[0])).astype(model.dtype)
    if model.loss == "cross_entropy":
        return x, rng.integers(model.sizes[-1], size=rows)
    shape = rows if model.sizes[-1] == 1 else (rows, model.sizes[-1])
    if model.loss == "binary_cross_entropy":
        return x, rng.integers(2, size=shape).astype(model.dtype)
    return x, rng.normal(size=shape).astype(model.dtype)


def packed_for(model, seed=5):
    packed = fastlr.pack(model.init(seed))
    packed.flat[:] += np.random.default_rng(seed).normal(scale=0.1, size=packed.flat.size)  # biases too
    packed.flat_grads.fill(np.nan)
    return packed


WEIGHTS = np.random.default_rng(8).uniform(0.1, 3, 7)


@pytest.mark.parametrize("model", NETWORKS, ids=str)
@pytest.mark.parametrize("options", [{}, {"row_weights": WEIGHTS, "l2": 0.3}], ids=["plain", "weighted"])
def test_gradient_is_the_difference_quotient(model, options):
    packed, batch = packed_for(model), batch_for(model)
    model.loss_and_grad(packed.params, packed.grads, batch, **options)
    found = packed.flat_grads.copy()
    expected = np.empty_like(found)
    h = 1e-6
    for i, weight in enumerate(packed.flat.copy()):
        packed.flat[i] = weight + h
        above = model.loss_and_grad(packed.params, packed.grads, batch, **options)
        packed.flat[i] = weight - h
        below = model.loss_and_grad(packed.params, packed.grads, batch, **options)
        packed.flat[i] = weight
        expected[i] = (above - below) / (2 * h)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    assert np.abs(found).max() > 1e-3


THEIR_ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "logistic": torch.sigmoid, "identity": lambda z: z}
THEIR_LOSSES = {
    "cross_entropy": torch.nn.functional.cross_entropy,
    "mse": torch.nn.functional.mse_loss,
    "squared_error": lambda p, y: ((p - y) ** 2).sum() / 2 / len(p),
    "binary_cross_entropy": lambda z, y: (
        torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(z)
    ),
}


@pytest.mark.parametrize("model", NETWORKS, ids=str)
@pytest.mark.parametrize("name", ["sgd@0.05", "momentum@0.05", "nesterov@0.05", "adagrad", "rmsprop", "adam", "adamw"])
def test_training_steps_are_torchs(model, name):
    (choice,) = choose([name])
    packed, (x, y) = packed_for(model), batch_for(model)
    theirs = {key: torch.tensor(value, requires_grad=True) for key, value in packed.params.items()}
    settings = {key: value for key, value in choice.rule.settings().items() if key != "eps_root"}
    optimizer = getattr(torch.optim, type(choice.rule).__name__)(theirs.values(), **settings)
    ours = choice.optimizer(packed)
    activation, loss_function = THEIR_ACTIVATIONS[model.activation], THEIR_LOSSES[model.loss]
    for _ in range(5):
        loss = model.loss_and_grad(packed.params, packed.grads, (x, y))
        ours.step()
        a = torch.tensor(x)
        for layer in range(1, model.depth + 1):
            z = a @ theirs[f"w{layer}"] + theirs[f"b{layer}"]
            a = activation(z) if layer < model.depth else z
        targets = torch.tensor(y)
        their_loss = loss_function(a, targets if model.loss == "cross_entropy" else targets.reshape(a.shape))
        optimizer.zero_grad()
        their_loss.backward()
        optimizer.step()
        assert loss == pytest.approx(their_loss.item(), rel=1e-12)
    for key, value in packed.params.items():
        np.testing.assert_allclose(value, theirs[key].detach().numpy(), rtol=0, atol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_only_the_gradients_are_written(dtype):
    model = MLP((4, 5, 3), dtype=dtype)
    packed, (x, y) = packed_for(model), batch_for(model)
    before = packed.flat.copy(), x.copy(), y.copy()
    model.loss_and_grad(packed.params, packed.grads, (x, y))
    assert np.isfinite(packed.flat_grads).all()
    for now, then in zip((packed.flat, x, y), before, strict=True):
        np.testing.assert_array_equal(now, then)
    outputs = model.outputs(packed.params, x)
    kept = outputs.copy()
    model.loss_of(outputs, y)
    np.testing.assert_array_equal(outputs, kept)


def test_loss_is_that_of_the_outputs():
    for model in NETWORKS:
        packed, (x, y) = packed_for(model), batch_for(model)
        loss = model.loss_and_grad(packed.params, packed.grads, (x, y))
        assert model.loss_of(model.outputs(packed.params, x), y) == loss


@pytest.mark.parametrize("model", NETWORKS, ids=str)
def test_a_weight_of_two_is_the_row_twice(model):
    packed, (x, y) = packed_for(model), batch_for(model)
    twice = np.array([0, 0, 1, 2, 3, 4, 4, 5, 6])
    expected = model.loss_and_grad(packed.params, packed.grads, (x[twice], y[twice]))
    gradient = packed.flat_grads.copy()
    weights = np.array([2.0, 1, 1, 1, 2, 1, 1])
    found = model.loss_and_grad(packed.params, packed.grads, (x, y), row_weights=weights)
    assert found == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(packed.flat_grads, gradient, rtol=1e-12, atol=1e-15)


def test_the_penalty_spares_biases():
    model = MLP((4, 5, 3), dtype="float64")
    packed, batch = packed_for(model), batch_for(model)
    plain = model.loss_and_grad(packed.params, packed.grads, batch)
    gradients = {name: gradient.copy() for name, gradient in packed.grads.items()}
    penalised = model.loss_and_grad(packed.params, packed.grads, batch, l2=0.5)
    w1, w2 = packed.params["w1"], packed.params["w2"]
    assert penalised - plain == pytest.approx(0.25 * ((w1**2).sum() + (w2**2).sum()))
    np.testing.assert_allclose(packed.grads["w1"] - gradients["w1"], 0.5 * w1, atol=1e-14)
    np.testing.assert_array_equal(packed.grads["b1"], gradients["b1"])


@pytest.mark.parametrize("model", NETWORKS, ids=str)
def test_sparse_features_give_the_same(model):
    packed, (x, y) = packed_for(model), batch_for(model)
    x[x < 0.3] = 0
    expected = model.loss_and_grad(packed.params, packed.grads, (x, y))
    gradient = packed.flat_grads.copy()
    for kind in (sparse.csr_array, sparse.csc_array, sparse.csr_matrix):
        packed.flat_grads.fill(np.nan)
        loss = model.loss_and_grad(packed.params, packed.grads, (kind(x), y))
        assert loss == pytest.approx(expected, rel=1e-13)
        np.testing.assert_allclose(packed.flat_grads, gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("dtype", "logit"), [("float32", 1e4), ("float32", 1e30), ("float64", 1e200)])
def test_huge_logits_of_labels_do_not_overflow(dtype, logit):
    for label, sign in [(1, 1), (0, -1), (0, 1), (1, -1)]:
        z = np.array([[sign * logit]], dtype)
        loss, delta = LOSSES["binary_cross_entropy"](z, np.array([[label]], dtype), None)
        right = (sign > 0) == bool(label)
        assert loss == (0 if right else pytest.approx(logit, rel=1e-6))
        assert delta[0, 0] == (0 if right else sign)


@pytest.mark.parametrize(("dtype", "logit"), [("float32", 1e4), ("float32", 1e30), ("float64", 1e200)])
def test_huge_logits_do_not_overflow(dtype, logit):
    model = MLP((1, 2), dtype=dtype)
    params = {"w1": np.array([[logit, 0]], dtype), "b1": np.zeros(2, dtype)}
    grads = {name: np.empty_like(value) for name, value in params.items()}
    x = np.ones((1, 1), dtype)
    assert model.loss_and_grad(params, grads, (x, np.array([0]))) == 0
    np.testing.assert_array_equal(grads["b1"], [0, 0])
    assert model.loss_and_grad(params, grads, (x, np.array([1]))) == pytest.approx(logit, rel=1e-6)
    np.testing.assert_array_equal(grads["b1"], [1, -1])


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_overflow_shows_in_the_loss_and_warns_of_nothing(loss):
    model = MLP((1, 2, 2), loss=loss)
    params = {name: np.full_like(value, 1e30) for name, value in model.init(0).items()}
    grads = {name: np.empty_like(value) for name, value in params.items()}
    y = np.array([0]) if loss == "cross_entropy" else np.zeros((1, 2), "float32")
    x = np.full((1, 1), 1e30, "float32")
    assert not math.isfinite(model.loss_and_grad(params, grads, (x, y)))
    assert not math.isfinite(model.loss_of(model.outputs(params, x), y))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_init_draws_he_and_glorot_uniform(activation):
    params = MLP((60, 80, 40, 10), activation).init(seed=1)
    assert list(params) == ["w1", "b1", "w2", "b2", "w3", "b3"]
    glorot = {"w1": 6 / 140, "w2": 6 / 120, "w3": 6 / 50}
    limits = {**glorot, "w1": 6 / 60, "w2": 6 / 80} if activation == "relu" else glorot
    for name, squared in limits.items():
        limit = math.sqrt(squared)
        assert 0.97 * limit < np.abs(params[name]).max() <= limit * (1 + 1e-6)
        assert params[name].std() == pytest.approx(limit / math.sqrt(3), rel=0.05)
        assert abs(params[name].mean()) < 0.1 * limit
    assert not any(params[name].any() for name in ("b1", "b2", "b3"))


def test_init_depends_on_the_seed_alone():
    one, same, other = (MLP((3, 4, 2)).init(seed) for seed in (1, 1, 2))
    wide = MLP((3, 4, 2), dtype="float64").init(1)
    for name in ("w1", "w2"):
        assert one[name].dtype == np.float32
        np.testing.assert_array_equal(one[name], same[name])
        assert (one[name] != other[name]).all()
        np.testing.assert_array_equal(one[name], wide[name].astype("float32"))


def test_predict():
    x = np.array([[1.0, 0.0], [0.0, 1.0]])
    swap = {"w1": np.array([[0.0, 1.0], [1.0, 0.0]]), "b1": np.zeros(2)}
    np.testing.assert_array_equal(MLP((2, 2), dtype="float64").predict(swap, x), [1, 0])
    np.testing.assert_array_equal(MLP((2, 2), loss="mse", dtype="float64").predict(swap, x), [[0, 1], [1, 0]])
    one = {"w1": np.array([[2.0], [3.0]]), "b1": np.array([1.0])}
    np.testing.assert_array_equal(MLP((2, 1), loss="mse", dtype="float64").predict(one, x), [3, 4])
    labels = {"w1": swap["w1"], "b1": np.array([-1.0, 1.0])}
    np.testing.assert_array_equal(
        MLP((2, 2), loss="binary_cross_entropy", dtype="float64").predict(labels, x), [[0, 1], [0, 1]]
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sizes": (3,)}, r"MLP\(sizes=\(3,\)\): sizes must be at least two"),
        ({"sizes": (3, 0, 2)}, "whole numbers above 0"),
        ({"sizes": (3, 2.0)}, "whole numbers above 0"),
        ({"sizes": (3, 1)}, "the number of classes, must be at least 2"),
        (
            {"sizes": (3, 2), "activation": "sine"},
            r"MLP\(activation='sine'\): activation must be one of 'relu', 'tanh'",
        ),
        ({"sizes": (3, 2), "loss": "hinge"}, r"MLP\(loss='hinge'\): loss must be one of"),
        ({"sizes": (3, 2), "dtype": "float16"}, r"MLP\(dtype='float16'\): dtype must be one of"),
    ],
)
def test_errors_name_the_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLP(**arguments)


def test_targets_of_another_shape_are_refused():
    model = MLP((4, 2), loss="mse", dtype="float64")
    packed = packed_for(model)
    with pytest.raises(ValueError, match="reshape"):
        model.loss_and_grad(packed.params, packed.grads, (np.ones((3, 4)), np.ones(3)))
