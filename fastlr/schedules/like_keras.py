"""Keras's names: `keras.optimizers.schedules.CosineDecay(0.1, 1000)` is `like_keras.CosineDecay(0.1, 1000)`.

The arguments are Keras's, `name` too, so that a schedule's `get_config()` can be passed on.  Keras computes in
float32; the rates are those of its formulas in float64.  What makes no sense is an error, though Keras takes it: a
decay_rate or a power of 0, an alpha or m_mul above 1, a t_mul below 1, parts of a step where steps are meant.
"""

# ruff: noqa: N802  # Keras's names

from collections.abc import Sequence
from sys import float_info
from typing import Literal

from fastlr.schedules.base import Constant, Schedule
from fastlr.schedules.cosine import Cosine, CosineRestarts
from fastlr.schedules.decay import Exponential, InverseTime, Polynomial
from fastlr.schedules.drops import Piecewise
from fastlr.schedules.plateau import Plateau
from fastlr.schedules.settings import naming
from fastlr.schedules.warmup import Warmup


@naming
def decay(lr: float, decay: float) -> InverseTime:
    """Keras 2's `SGD(lr=lr, decay=decay)`: lr / (1 + decay step), counted in updates, not epochs."""
    return InverseTime(lr, decay)


@naming
def ExponentialDecay(
    initial_learning_rate: float,
    decay_steps: float,
    decay_rate: float,
    staircase: bool = False,
    name: str | None = None,
) -> Exponential:
    """Times decay_rate every decay_steps."""
    final = float_info.max if decay_rate > 1.0 else None
    return Exponential(initial_learning_rate, decay_rate, decay_steps, staircase, final)


@naming
def InverseTimeDecay(
    initial_learning_rate: float,
    decay_steps: float,
    decay_rate: float,
    staircase: bool = False,
    name: str | None = None,
) -> InverseTime:
    """Divided by 1 + decay_rate step / decay_steps."""
    return InverseTime(initial_learning_rate, decay_rate, decay_steps, staircase)


@naming
def PolynomialDecay(
    initial_learning_rate: float,
    decay_steps: int,
    end_learning_rate: float = 0.0001,
    power: float = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Polynomial:
    """To end_learning_rate at decay_steps; with `cycle` from above again."""
    return Polynomial(initial_learning_rate, end_learning_rate, decay_steps, power, cycle)


@naming
def PiecewiseConstantDecay(boundaries: Sequence[int], values: Sequence[float], name: str | None = None) -> Piecewise:
    """Given rates, the old one up to and *including* the step of a boundary.

    Examples
    --------
    >>> fastlr.schedules.like_keras.PiecewiseConstantDecay([2], [1.0, 0.5])(np.arange(4))
    array([1. , 1. , 1. , 0.5])
    """
    return Piecewise(tuple(values), tuple(boundary + 1 for boundary in boundaries))


@naming
def CosineDecay(
    initial_learning_rate: float,
    decay_steps: int,
    alpha: float = 0.0,
    name: str | None = None,
    warmup_target: float | None = None,
    warmup_steps: int = 0,
) -> Schedule:
    """To alpha times the peak in decay_steps, after the warm-up that is in front of them if there is a target."""
    if warmup_target is None:
        return Cosine(initial_learning_rate, decay_steps, alpha * initial_learning_rate)
    after = Cosine(warmup_target, decay_steps, alpha * warmup_target)
    return Warmup(after, warmup_steps, initial_learning_rate, from_zero=True)


@naming
def CosineDecayRestarts(
    initial_learning_rate: float,
    first_decay_steps: int,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: float = 0.0,
    name: str | None = None,
) -> CosineRestarts:
    """To alpha times the initial rate, again and again.

    A cycle begins at exactly the step it should.  Keras finds it by a logarithm, so where that rounds down the first
    step of a cycle is counted to the end of the one before (t_mul=3, step 121 first_decay_steps).
    """
    return CosineRestarts(initial_learning_rate, first_decay_steps, alpha * initial_learning_rate, t_mul, m_mul)


@naming
def ReduceLROnPlateau(
    lr: float,
    factor: float = 0.1,
    patience: int = 10,
    mode: Literal["min", "max"] = "min",
    min_delta: float = 1e-4,
    cooldown: int = 0,
    min_lr: float = 0.0,
) -> Plateau:
    """Lower lr after `patience` bad epochs in a row; `observe(metric)` is the callback's `on_epoch_end`.

    What Keras's mode "auto" guesses by the metric's name must be said.  A first metric that is NaN is bad here; in
    Keras it becomes the best, and nothing ever improves on it.
    """
    if not lr > 0.0:
        raise ValueError(f"ReduceLROnPlateau(lr={lr!r}): lr must be above 0, or there is nothing to reduce")
    return Plateau(
        Constant(lr),
        factor=factor,
        patience=patience,
        mode=mode,
        rtol=0.0,
        atol=min_delta,
        cooldown=cooldown,
        min_factor=min(min_lr / lr, 1.0),
        like="keras",
    )
