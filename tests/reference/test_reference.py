"""The references against torch.optim and scikit-learn, and as generators; keras and optax: see test_by_hand.py."""

import inspect
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.neural_network import _stochastic_optimizers as sklearn_optimizers

from fastlr import reference

STEPS = 10
RATES: list[Any] = [1e-3, 0.5, [0.1, 0.3, 0.0, 1e-5, 0.02, 0.02, 1.0, 0.5, 0.25, 0.125]]  # one, or one for each step
FILLED = [(7,), (), (3, 5), (1,), (2, 3, 4)]
SHAPES = [*FILLED, (0,), (2, 0, 3)]
LIKES = {
    "sgd": ("torch", "keras", "optax", "sklearn"),
    "adagrad": ("torch", "keras", "optax"),
    "rmsprop": ("torch", "keras", "optax"),
    "adam": ("torch", "keras", "optax", "sklearn"),
    "adamw": ("torch", "keras", "optax"),
}
EVERY_LIKE = [(name, like) for name, likes in LIKES.items() for like in likes]

TORCH = {
    "sgd": torch.optim.SGD,
    "adagrad": torch.optim.Adagrad,
    "rmsprop": torch.optim.RMSprop,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
EITHER = [False, True]
ADAM: dict[str, list[Any]] = {
    "betas": [(0.9, 0.999), (0.5, 0.7)],
    "eps": [1e-8, 1e-2],
    "weight_decay": [0.0, 0.1],
    "amsgrad": EITHER,
    "maximize": EITHER,
}
GRIDS: dict[str, dict[str, list[Any]]] = {
    "sgd": {
        "momentum": [0.0, 0.9],
        "dampening": [0.0, 0.3],
        "weight_decay": [0.0, 0.1],
        "nesterov": EITHER,
        "maximize": EITHER,
    },
    "adagrad": {
        "lr_decay": [0.0, 0.1],
        "weight_decay": [0.0, 0.1],
        "initial_accumulator_value": [0.0, 0.5],
        "eps": [1e-10, 1e-2],
        "maximize": EITHER,
    },
    "rmsprop": {
        "alpha": [0.99, 0.5],
        "eps": [1e-8, 1e-2],
        "weight_decay": [0.0, 0.1],
        "momentum": [0.0, 0.9],
        "centered": EITHER,
        "maximize": EITHER,
    },
    "adam": ADAM,
    "adamw": ADAM,
}


def cases(grid: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """The full cross product, less what torch refuses: Nesterov without momentum or with dampening."""
    every = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return [c for c in every if not c.get("nesterov") or (c["momentum"] and not c.get("dampening"))]


TORCH_CASES = [(name, case, lr) for name, grid in GRIDS.items() for case in cases(grid) for lr in RATES]


def problem(seed: int, shape: tuple[int, ...], dtype: Any = np.float64) -> tuple[Any, list[Any]]:
    """Weights, and the gradients of STEPS steps."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.normal(size=shape), dtype), [np.asarray(rng.normal(size=shape), dtype) for _ in range(STEPS)]


def schedule(lr: Any) -> Any:
    return lr.__getitem__ if isinstance(lr, list) else lr


def rates(lr: Any) -> list[float]:
    return lr if isinstance(lr, list) else [lr] * STEPS


def run(name: str, theta: Any, gradients: Any, lr: Any, **settings: Any) -> list[Any]:
    return list(getattr(reference, name)(theta, gradients, schedule(lr), **settings))


def agree(ours: list[Any], theirs: list[Any]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)  # atol: for weights of about 1 that cross 0


@pytest.mark.parametrize("number", range(len(TORCH_CASES)), ids=lambda i: "{}-{}-{}".format(*TORCH_CASES[i]))
def test_torch(number: int) -> None:
    name, case, lr = TORCH_CASES[number]
    theta, gradients = problem(number, FILLED[number % len(FILLED)])
    w = torch.tensor(theta, requires_grad=True)
    optimizer = TORCH[name]([w], lr=rates(lr)[0], **case)
    theirs = []
    for g, rate in zip(gradients, rates(lr), strict=True):
        w.grad = torch.tensor(g)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        theirs.append(w.detach().numpy().copy())
    agree(run(name, theta, gradients, lr, **case), theirs)


@pytest.mark.parametrize("name", TORCH)
def test_signature_is_torchs(name: str) -> None:
    ours, theirs = (inspect.signature(f).parameters for f in (getattr(reference, name), TORCH[name]))
    shared = [p for p in theirs if p in ours and p != "maximize"]  # which torch keeps by keyword only in some
    assert [p for p in ours if p in shared] == shared
    assert {p: ours[p].default for p in shared} == {p: theirs[p].default for p in shared}
    left_out = {"params", "foreach", "fused", "capturable", "differentiable", "decoupled_weight_decay"}
    assert set(theirs) - left_out == {*shared, "maximize"}
    keywords = [p.name for p in ours.values() if p.kind is p.KEYWORD_ONLY]
    assert keywords == ["maximize", *(["eps_root"] if "betas" in ours else []), "like"]


SGD, ADAM_CLASS = sklearn_optimizers.SGDOptimizer, sklearn_optimizers.AdamOptimizer
SKLEARN: list[tuple[str, dict[str, Any], Any, dict[str, Any]]] = []
for mu, nesterov in product([0.0, 0.9], EITHER):
    SKLEARN.append(("sgd", both := {"momentum": mu, "nesterov": nesterov}, SGD, both))
for (b1, b2), eps in product(ADAM["betas"], ADAM["eps"]):
    theirs = {"beta_1": b1, "beta_2": b2, "epsilon": eps}
    SKLEARN.append(("adam", {"betas": (b1, b2), "eps": eps}, ADAM_CLASS, theirs))


@pytest.mark.parametrize("maximize", EITHER)
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("lr", RATES, ids=str)
@pytest.mark.parametrize(("name", "ours", "cls", "theirs"), SKLEARN)
def test_sklearn(
    name: str, ours: dict[str, Any], cls: Any, theirs: dict[str, Any], lr: Any, weight_decay: float, maximize: bool
) -> None:
    for seed, shape in enumerate(SHAPES):
        theta, gradients = problem(seed, shape)
        w = [theta.copy()]
        optimizer = cls(w, learning_rate_init=1.0, **theirs)
        expected = []
        for g, rate in zip(gradients, rates(lr), strict=True):
            optimizer.learning_rate = optimizer.learning_rate_init = rate  # SGD reads the one, Adam the other
            optimizer.update_params(w, [(-g if maximize else g) + weight_decay * w[0]])
            expected.append(w[0].copy())
        settings = {**ours, "weight_decay": weight_decay, "maximize": maximize, "like": "sklearn"}
        agree(run(name, theta, gradients, lr, **settings), expected)


def everything(name: str) -> dict[str, Any]:
    """Every option on, as far as they go together."""
    return {k: v[-1] for k, v in GRIDS[name].items() if k != "dampening"}


@pytest.mark.parametrize(("dtype", "rtol"), [("float16", 0.1), ("float32", 1e-4), ("longdouble", 1e-11)])
@pytest.mark.parametrize(("name", "like"), EVERY_LIKE)
def test_dtype_is_kept(name: str, like: str, dtype: str, rtol: float) -> None:
    for seed, shape in enumerate(SHAPES):
        theta, gradients = problem(seed, shape, np.float16)  # exact in every dtype
        gradients = [g.astype(float) for g in gradients]  # wider than the weights, or narrower
        settings = {**everything(name), "like": like}
        ours = run(name, theta.astype(dtype), gradients, lambda t: np.float64(0.1), **settings)
        for a in ours:
            assert type(a) is np.ndarray
            assert (a.dtype, a.shape) == (np.dtype(dtype), shape)
        wide = run(name, theta.astype(float), gradients, 0.1, **settings)
        for a, b in zip(ours, wide, strict=True):
            np.testing.assert_allclose(a.astype(float), b, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(("name", "like"), EVERY_LIKE)
def test_lazy_and_nothing_shared(name: str, like: str) -> None:
    theta, separate = problem(0, (7,))
    before, buffer, events = theta.copy(), np.empty_like(theta), []

    def gradients() -> Iterator[Any]:
        for t, g in enumerate(separate):
            events.append(f"gradient {t}")
            buffer[...] = g  # one buffer, filled again and again
            yield buffer
            buffer[...] = np.nan

    def lr(t: int) -> float:
        events.append(f"lr {t}")
        return 0.1

    settings = {**everything(name), "like": like}
    seen = []
    for t, w in enumerate(getattr(reference, name)(theta, gradients(), lr, **settings)):
        events.append(f"theta {t + 1}")
        seen.append(w.copy())
        w[...] = np.nan  # ours to write to
        buffer[...] = np.nan
    assert events == [e for t in range(STEPS) for e in (f"gradient {t}", f"lr {t}", f"theta {t + 1}")]
    np.testing.assert_array_equal(theta, before)
    np.testing.assert_array_equal(seen, run(name, theta, separate, 0.1, **settings))


@pytest.mark.parametrize("like", ["torch", "keras", "optax"])
def test_centered_variance_is_never_negative(like: str) -> None:
    # In float32 the rounded v - a^2 of a constant gradient falls below 0, where torch's root is NaN.
    gradients = np.full((2000, 50), np.linspace(0.1, 3, 50), np.float32)
    start = np.zeros(50, np.float32)
    *_, last = reference.rmsprop(start, gradients, alpha=0.9, eps=1e-12, centered=True, like=like)  # type: ignore[arg-type]
    assert np.isfinite(last).all()


@pytest.mark.parametrize(("name", "like"), [*((name, "jax") for name in LIKES), ("adamw", "sklearn"), ("sgd", "Torch")])
def test_unknown_like(name: str, like: str) -> None:
    choices = ", ".join(repr(c) for c in LIKES[name])
    message = rf"^{name}\(like='{like}'\): like must be one of \({choices}\), got '{like}'$"
    with pytest.raises(ValueError, match=message):
        next(getattr(reference, name)(np.zeros(3), [np.ones(3)], like=like))
