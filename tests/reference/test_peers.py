"""The references against the real keras and optax, in float64: `pytest -m peers`, where both are installed.

keras runs on KERAS_BACKEND, jax unless that is set; the torch backend has formulas of its own, worth a second run.
Neither has `maximize`: they get the negated gradient.  optax has weight decay in adamw only: to the others it is
chained as adamw's acts, lr * weight_decay * w beside the finished update, so that no buffer carries it.
"""

import os
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from fastlr import reference

pytestmark = pytest.mark.peers

STEPS = 10
RATES: list[Any] = [1e-3, 0.5, [0.1, 0.3, 0.0, 1e-5, 0.02, 0.02, 1.0, 0.5, 0.25, 0.125]]  # one, or one for each step
EITHER = [False, True]
COMMON: dict[str, list[Any]] = {"weight_decay": [0.0, 0.1], "maximize": EITHER}
ADAM: dict[str, list[Any]] = {"betas": [(0.9, 0.999), (0.5, 0.7)], "eps": [1e-7, 1e-2], "amsgrad": EITHER, **COMMON}
GRIDS: dict[str, dict[str, list[Any]]] = {
    "sgd": {"momentum": [0.0, 0.9], "nesterov": EITHER, **COMMON},
    "adagrad": {"initial_accumulator_value": [0.0, 0.1], "eps": [1e-7, 1e-2], **COMMON},
    "rmsprop": {"alpha": [0.9, 0.5], "eps": [1e-7, 1e-2], "momentum": [0.0, 0.9], "centered": EITHER, **COMMON},
    "adam": ADAM,
    "adamw": ADAM,
}


def every_case(grids: dict[str, dict[str, list[Any]]]) -> Any:
    """Parametrize `seed, name, settings, lr` by the full cross product."""
    cases = [
        (name, dict(zip(grid, values, strict=True)), lr)
        for name, grid in grids.items()
        for values in product(*grid.values())
        for lr in RATES
    ]
    ids = ["{}-{}-{}".format(*case) for case in cases]
    return pytest.mark.parametrize(("seed", "name", "settings", "lr"), [(i, *c) for i, c in enumerate(cases)], ids=ids)


def compare(like: str, peer: Callable[..., Any], seed: int, name: str, settings: dict[str, Any], lr: Any) -> None:
    """`peer(name, settings, rates, theta, gradients)` returns the weights after each step, as the reference does."""
    rng = np.random.default_rng(seed)
    shape = [(7,), (), (3, 5), (1,)][seed % 4]
    theta, gradients = rng.normal(size=shape), [rng.normal(size=shape) for _ in range(STEPS)]
    rates = lr if isinstance(lr, list) else [lr] * STEPS
    ours = list(getattr(reference, name)(theta, gradients, rates.__getitem__, like=like, **settings))
    theirs = peer(name, settings, rates, theta, [-g if settings["maximize"] else g for g in gradients])
    assert {b.dtype for b in theirs} == {np.dtype(float)}
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)  # atol: for weights of about 1 that cross 0


def keras_run(name: str, settings: dict[str, Any], rates: list[float], theta: Any, gradients: list[Any]) -> list[Any]:
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    if keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    s = dict(settings)
    decay = s.pop("weight_decay")
    s.pop("maximize")
    words = {"eps": "epsilon", "alpha": "rho"}  # ours: keras's
    if "betas" in s:
        s["beta_1"], s["beta_2"] = s.pop("betas")
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        classes = {"sgd": "SGD", "adagrad": "Adagrad", "rmsprop": "RMSprop", "adam": "Adam", "adamw": "AdamW"}
        options = {words.get(k, k): v for k, v in s.items()}
        optimizer = getattr(keras.optimizers, classes[name])(rates[0], weight_decay=decay, **options)
        w = keras.Variable(theta, dtype="float64")
        seen = []
        for g, rate in zip(gradients, rates, strict=True):
            optimizer.learning_rate = rate
            optimizer.apply([keras.ops.convert_to_tensor(g, dtype="float64")], [w])
            seen.append(keras.ops.convert_to_numpy(w.value).copy())
        return seen
    finally:
        keras.config.set_floatx(before)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # keras's own, on the torch backend
@every_case(GRIDS)
def test_keras(seed: int, name: str, settings: dict[str, Any], lr: Any) -> None:
    compare("keras", keras_run, seed, name, settings, lr)


def optax_run(name: str, settings: dict[str, Any], rates: list[float], theta: Any, gradients: list[Any]) -> list[Any]:
    import jax

    jax.config.update("jax_enable_x64", True)
    import optax
    from jax import numpy as jnp

    s = dict(settings)
    table = jnp.asarray(rates, float)
    lr, decay = table.__getitem__, s.pop("weight_decay")
    after = optax.add_decayed_weights(lambda t: -table[t] * decay)  # added to the finished update
    if name == "sgd":
        optimizer = optax.chain(optax.sgd(lr, s["momentum"], s["nesterov"]), after)
    elif name == "adagrad":
        optimizer = optax.chain(optax.adagrad(lr, s["initial_accumulator_value"], s["eps"]), after)
    elif name == "rmsprop":
        options = {"decay": s["alpha"], "eps": s["eps"], "momentum": s["momentum"], "centered": s["centered"]}
        optimizer = optax.chain(optax.rmsprop(lr, **options), after)
    elif s["amsgrad"]:
        optimizer = optax.chain(optax.amsgrad(lr, *s["betas"], s["eps"], s["eps_root"]), after)
    else:
        optimizer = optax.adamw(lr, *s["betas"], s["eps"], s["eps_root"], weight_decay=decay)
    w = jnp.asarray(theta)
    state = optimizer.init(w)
    seen = []
    for g in gradients:
        updates, state = optimizer.update(jnp.asarray(g), state, w)
        w = optax.apply_updates(w, updates)
        seen.append(np.asarray(w))
    return seen


OPTAX_ADAM = {**ADAM, "eps_root": [0.0, 1e-3]}


@every_case({**GRIDS, "adam": OPTAX_ADAM, "adamw": OPTAX_ADAM})
def test_optax(seed: int, name: str, settings: dict[str, Any], lr: Any) -> None:
    compare("optax", optax_run, seed, name, settings, lr)
