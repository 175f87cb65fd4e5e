"""The formulas: every rule against PyTorch's own optimizers, and against the independent references."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

import fastlr
from fastlr.rules.settings import Setting
from tests.table import CASES, IDS, accepted

STEPS = 10
SHAPES = [(3, 4), (7,), ()]
TORCH = [(name, options) for name, options in CASES if options["like"] == "torch" and not options.get("eps_root")]


def rates(step):
    return [0.1, 0.02, 0.5, 0.003][step % 4]


@pytest.fixture
def data():
    rng = np.random.default_rng(3)
    start = [rng.standard_normal(shape) + 1.0 for shape in SHAPES]
    return start, [[rng.standard_normal(shape) for shape in SHAPES] for _ in range(STEPS)]


def ours(name, start, gradients, lr=rates, **options):
    params = [np.array(w) for w in start]
    opt = getattr(fastlr, name)(params, lr=lr, **options)
    for g in gradients:
        opt.step(g)
    return params


def assert_close(got, expected):
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("name", "options"), TORCH, ids=[i for c, i in zip(CASES, IDS, strict=True) if c in TORCH])
def test_torch(name, options, data):
    start, gradients = data
    params = [torch.tensor(w, requires_grad=True) for w in start]
    keys = options.keys() - {"like", "eps_root"}
    theirs = getattr(torch.optim, name)(params, lr=0.1, **{key: options[key] for key in keys})
    for step, gs in enumerate(gradients):
        theirs.param_groups[0]["lr"] = rates(step)
        for p, g in zip(params, gs, strict=True):
            p.grad = torch.tensor(g)
        theirs.step()
    assert_close(ours(name, start, gradients, **options), [p.detach().numpy() for p in params])


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_reference(name, options, data):
    """Every flag of every library's formula."""
    start, gradients = data
    chosen = getattr(fastlr, name).rule(lr=rates, **options).settings()
    expected = []
    for k, w in enumerate(start):
        *_, last = getattr(fastlr.reference, name.lower())(w, [g[k] for g in gradients], **chosen, like=options["like"])
        expected.append(last)
    assert_close(ours(name, start, gradients, **options), expected)


@pytest.mark.parametrize(
    "options", [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": False}, {"momentum": 0.0, "nesterov": False}]
)
def test_scikit_learn_sgd(options, data):
    start, gradients = data
    params = [np.array(w) for w in start]
    theirs = SGDOptimizer(params, learning_rate_init=0.1, **{"nesterov": True, **options})
    for g in gradients:
        theirs.update_params(params, g)
    assert_close(ours("SGD", start, gradients, lr=0.1, like="sklearn", **options), params)


def test_scikit_learn_adam(data):
    start, gradients = data
    params = [np.array(w) for w in start]
    theirs = AdamOptimizer(params, learning_rate_init=0.1)
    for g in gradients:
        theirs.update_params(params, g)
    assert_close(ours("Adam", start, gradients, lr=0.1, like="sklearn"), params)


@pytest.mark.parametrize(
    ("name", "like", "options"),
    [
        ("SGD", "sklearn", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        ("SGD", "keras", {"lr": 0.01, "momentum": 0.0}),
        ("Adam", "keras", {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-7}),
        ("AdamW", "keras", {"lr": 1e-3, "weight_decay": 4e-3, "eps": 1e-7}),
        ("AdamW", "optax", {"weight_decay": 1e-4, "eps": 1e-8}),
        ("RMSprop", "keras", {"lr": 1e-3, "alpha": 0.9, "eps": 1e-7}),
        ("RMSprop", "optax", {"alpha": 0.9, "eps": 1e-8}),
        ("Adagrad", "keras", {"lr": 1e-3, "initial_accumulator_value": 0.1, "eps": 1e-7}),
        ("Adagrad", "optax", {"initial_accumulator_value": 0.1, "eps": 1e-7}),
    ],
)
def test_defaults_are_the_librarys(name, like, options):
    chosen = getattr(fastlr, name).rule(like=like).settings()
    assert {key: chosen[key] for key in options} == options


@pytest.mark.parametrize("name", sorted({name for name, _ in CASES}))
def test_defaults_are_torchs(name):
    theirs = getattr(torch.optim, name)([torch.zeros(1)]).defaults
    chosen = getattr(fastlr, name).rule().settings()
    for key in chosen.keys() & theirs.keys():
        assert chosen[key] == theirs[key], key


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_settings(draw):
    """Every number anywhere in its range, whatever the table above leaves out."""
    name, options = draw.draw(st.sampled_from(CASES))
    rule = getattr(fastlr, name).rule
    for key, kind in rule.kinds().items():
        if isinstance(kind, Setting) and (key == "lr" or options.get(key, True)):
            number = st.floats(0.01, 0.99)
            options = {**options, key: draw.draw(st.tuples(number, number) if kind.parts else number)}
    assume(accepted(rule, options))
    rng = np.random.default_rng(draw.draw(st.integers(0, 1000)))
    start, gradients = [rng.standard_normal(5)], [[rng.standard_normal(5)] for _ in range(STEPS)]
    chosen = rule(**options)
    *_, expected = getattr(fastlr.reference, name.lower())(
        start[0], [g[0] for g in gradients], **chosen.settings(), like=chosen.like
    )
    (got,) = ours(name, start, gradients, **options)
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


def test_small_decoupled_decay_is_not_rounded_away():
    """lr * weight_decay = 1e-6: as a factor 1 - 1e-6 it would round by 5 %; added to the step it does not."""
    w = np.full(1000, 1.0, dtype="float32")
    opt = fastlr.AdamW(w, lr=1e-4, weight_decay=1e-2)
    for _ in range(10_000):
        opt.step(np.zeros_like(w))
    np.testing.assert_allclose(w, np.exp(-0.01), rtol=6e-4)


def test_centered_rmsprop_survives_a_variance_that_rounds_below_zero():
    w = np.ones(64, dtype="float32")
    opt = fastlr.RMSprop(w, centered=True, alpha=0.5, eps=1e-8)
    for _ in range(200):
        opt.step(np.full(64, 0.1, dtype="float32"))
        assert np.isfinite(w).all()
