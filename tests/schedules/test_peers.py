"""Keras's and optax's sequences and plateaus, by the real packages: `pytest -m peers`, where both are installed.

keras runs on KERAS_BACKEND, jax unless that is set.
"""

import os

import numpy as np
import pytest

from fastlr.schedules import like_keras, like_optax
from tests.schedules.documented import LR, ROWS, SGDR, T, observed

pytestmark = [pytest.mark.peers, pytest.mark.usefixtures("_double")]


@pytest.fixture
def _double():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import jax
    import keras

    before = keras.config.floatx()
    jax.config.update("jax_enable_x64", True)
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


@pytest.mark.parametrize(("ours", "documented", "args", "options"), ROWS)
def test_peers(ours, documented, args, options):
    if ours is like_keras.decay:
        pytest.skip("Keras 2's")
    import jax
    import keras
    import optax

    if ours.__module__.endswith("optax"):
        theirs = jax.vmap(getattr(optax, ours.__name__)(*args, **options))(T)
    else:
        schedule = getattr(keras.optimizers.schedules, ours.__name__)(*args, **options)
        # one compilation, rather than one of ops.cond at every step
        jax_too = keras.backend.backend() == "jax"
        theirs = jax.vmap(schedule)(T) if jax_too else [float(schedule(int(t))) for t in T]
    theirs = np.broadcast_to(np.asarray(theirs), T.shape)
    mine = ours(*args, **options)(T)
    exact = 1e-12
    if ours in (like_keras.CosineDecay, like_keras.CosineDecayRestarts):
        exact = 1e-6  # ops.cos of Keras on jax is float32, whatever it is given
    late = ~np.isclose(mine, theirs, rtol=exact, atol=exact)
    if ours is like_keras.CosineDecayRestarts and late.sum() <= 3:  # where Keras's logarithm rounds down
        mine = np.where(late, theirs, mine)
    np.testing.assert_allclose(mine, theirs, rtol=exact, atol=exact)


def test_peers_sgdr():
    import jax
    import optax

    theirs = jax.vmap(optax.sgdr_schedule(SGDR))(T)
    np.testing.assert_allclose(like_optax.sgdr_schedule(SGDR)(T), theirs, rtol=1e-12, atol=1e-12 * LR)


RNG = np.random.default_rng(0)
SERIES = [[float(x) for x in np.round(np.cumsum(RNG.normal(-0.05, 1, 60)), 1)] for _ in range(8)]


@pytest.mark.parametrize("metrics", SERIES)
@pytest.mark.parametrize(("patience", "cooldown"), [(0, 0), (1, 0), (3, 2), (2, 1)])
def test_peers_plateau(metrics, patience, cooldown):
    import jax
    import jax.numpy as jnp
    import optax
    from keras.callbacks import ReduceLROnPlateau

    class Model:
        class optimizer:  # noqa: N801
            learning_rate = LR

    counts = {"factor": 0.5, "patience": patience, "cooldown": cooldown}
    theirs = ReduceLROnPlateau(monitor="loss", mode="min", min_lr=0.01, **counts)
    theirs.set_model(Model())
    scale = optax.contrib.reduce_on_plateau(accumulation_size=2, min_scale=0.01, **counts)
    state, update = scale.init(jnp.zeros(1)), jax.jit(scale.update)
    keras_rates, optax_rates = [], []
    for epoch, metric in enumerate(metrics):
        theirs.on_epoch_end(epoch, {"loss": metric})
        keras_rates.append(float(theirs.model.optimizer.learning_rate))
        _, state = update(jnp.zeros(1), state, value=metric)
        optax_rates.append(LR * float(state.scale))
    ours = like_keras.ReduceLROnPlateau(LR, min_lr=0.01, **counts)
    assert observed(ours, metrics) == pytest.approx(keras_rates, rel=1e-12)
    ours = like_optax.reduce_on_plateau(LR, accumulation_size=2, min_scale=0.01, **counts)
    assert observed(ours, metrics) == pytest.approx(optax_rates, rel=1e-12)
