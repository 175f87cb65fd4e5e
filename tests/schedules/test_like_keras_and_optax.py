"""Keras's and optax's sequences and plateaus, by their documented formulas, off-by-ones included."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastlr.schedules import Plateau, like_keras, like_optax
from tests.schedules.documented import LR, ROWS, SGDR, T, observed


@pytest.mark.parametrize(("ours", "documented", "args", "options"), ROWS)
def test_documented(ours, documented, args, options):
    np.testing.assert_allclose(ours(*args, **options)(T), documented(*args, **options), rtol=1e-12, atol=1e-12 * LR)


def test_sgdr_is_its_parts():
    ours = like_optax.sgdr_schedule(SGDR)
    for start, length, arguments in ((0, 100, SGDR[0]), (100, 200, SGDR[1]), (300, 700, SGDR[2])):
        part = like_optax.warmup_cosine_decay_schedule(**arguments)
        np.testing.assert_array_equal(ours(T[start : start + length]), part(T[:length]))


def test_off_by_ones():
    """peers.md: Keras holds the old rate through the boundary, optax changes at it; who counts the warm-up."""
    assert like_keras.PiecewiseConstantDecay([10], [1.0, 0.5])([10, 11]).tolist() == [1.0, 0.5]
    assert like_optax.piecewise_constant_schedule(1.0, {10: 0.5})([9, 10]).tolist() == [1.0, 0.5]
    assert like_keras.CosineDecay(0.0, 100, warmup_target=1.0, warmup_steps=10)([109, 110])[1] == 0.0
    assert like_keras.CosineDecay(0.0, 100, warmup_target=1.0, warmup_steps=10)(109) > 0.0
    assert like_optax.warmup_cosine_decay_schedule(0.0, 1.0, 10, 100)(99) > 0.0
    assert like_optax.warmup_cosine_decay_schedule(0.0, 1.0, 10, 100)(100) == 0.0


def keras_plateau(metrics: list[float], lr: float, mode: str, factor: float, patience: int, **rest: Any) -> list[float]:
    """What keras.callbacks.ReduceLROnPlateau documents and does, in a few lines."""
    sign, best, wait, left, out = (1 if mode == "min" else -1), math.inf, 0, 0, []
    for metric in metrics:
        if left > 0:
            left, wait = left - 1, 0
        if sign * metric < best - rest["min_delta"]:
            best, wait = sign * metric, 0
        elif left == 0:
            wait += 1
            if wait >= patience and lr > rest["min_lr"]:
                lr, left, wait = max(lr * factor, rest["min_lr"]), rest["cooldown"], 0
        out.append(lr)
    return out


def optax_plateau(
    values: list[float], lr: float, factor: float, patience: int, cooldown: int, **rest: Any
) -> list[float]:
    """What optax.contrib.reduce_on_plateau documents and does, in a few lines."""
    scale, best, count, left, batch, out = 1.0, math.inf, 0, 0, [], []
    for value in values:
        batch.append(value)
        if len(batch) == rest["accumulation_size"]:
            mean, batch = batch[0], batch[1:]
            for k, each in enumerate(batch, 1):
                mean = (k * mean + each) / (k + 1)
            batch = []
            improved = mean < (1 - rest["rtol"]) * best - rest["atol"]
            best, count = (mean, 0) if improved else (best, count + 1)
            if left > 0:
                count, left = 0, left - 1
            elif count == patience:
                scale, count, left = max(scale * factor, rest["min_scale"]), 0, cooldown
        out.append(lr * scale)
    return out


METRICS = st.lists(st.floats(-10, 10) | st.sampled_from([0.0, 1.0, 1.0, math.nan]), max_size=60)
COUNTS = {"patience": st.integers(0, 4), "cooldown": st.integers(0, 4), "factor": st.floats(0.05, 0.95)}
KERAS = {"mode": st.sampled_from(["min", "max"]), "min_delta": st.sampled_from([0.0, 1e-4, 0.5])}
OPTAX = {"rtol": st.sampled_from([1e-4, 0.0, 0.1]), "atol": st.sampled_from([0.0, 0.5])}


@settings(max_examples=150, deadline=None)
@given(METRICS, st.fixed_dictionaries({**COUNTS, **KERAS, "min_lr": st.sampled_from([0.0, 0.01, 0.29])}))
def test_keras_plateau(metrics, arguments):
    ours = observed(like_keras.ReduceLROnPlateau(LR, **arguments), metrics)
    assert ours == pytest.approx(keras_plateau(metrics, LR, **arguments), rel=1e-12)


@settings(max_examples=150, deadline=None)
@given(
    METRICS,
    st.fixed_dictionaries(
        {**COUNTS, **OPTAX, "accumulation_size": st.integers(1, 3), "min_scale": st.sampled_from([0.0, 0.1])}
    ),
)
def test_optax_plateau(metrics, arguments):
    ours = observed(like_optax.reduce_on_plateau(LR, **arguments), metrics)
    assert ours == pytest.approx(optax_plateau(metrics, LR, **arguments), rel=1e-12)


def test_patience_means_what_each_says():
    """Evaluations after the first until the rate falls, with nothing improving."""
    for patience in (1, 2, 5):
        likes = ("torch", "keras", "optax")
        until = {like: falls_after(Plateau(1.0, patience=patience, like=like)) for like in likes}
        assert until == {"torch": patience + 1, "keras": patience, "optax": patience}


def falls_after(plateau: Any) -> int:
    plateau.observe(1.0)
    return next(bad for bad in range(1, 100) if plateau.observe(1.0))


def test_optax_without_a_peak_ends_at_nothing():
    assert like_optax.warmup_cosine_decay_schedule(0.1, 0.0, 5, 10, end_value=0.5)([0, 5, 20]).tolist() == [
        0.1,
        0.0,
        0.0,
    ]
