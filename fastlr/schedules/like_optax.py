"""optax's names: `optax.cosine_decay_schedule(0.1, 1000)` is `like_optax.cosine_decay_schedule(0.1, 1000)`.

The arguments are optax's, and so is what they mean at the edges: a transition of no steps stays at its first value,
`decay_steps` includes the warm-up, one-cycle's boundaries are cut to whole steps.  optax computes in float32 unless
jax is told otherwise; the rates are those of its formulas in float64.  What makes no sense is an error, though optax
takes it: a cosine that ends above its peak, a power of 0, boundaries that do not increase.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from operator import mul
from sys import float_info
from typing import Any, Literal

from fastlr.schedules.base import Constant, Schedule
from fastlr.schedules.compose import Sequential
from fastlr.schedules.cosine import Cosine
from fastlr.schedules.cycle import Interpolated
from fastlr.schedules.decay import Exponential, Polynomial
from fastlr.schedules.drops import Piecewise
from fastlr.schedules.plateau import Plateau
from fastlr.schedules.settings import naming
from fastlr.schedules.warmup import Warmup


@naming
def constant_schedule(value: float) -> Constant:
    """The same value at every step."""
    return Constant(value)


@naming
def polynomial_schedule(
    init_value: float, end_value: float, power: float, transition_steps: int, transition_begin: int = 0
) -> Schedule:
    """From init_value to end_value in transition_steps, beginning at step transition_begin.

    Examples
    --------
    >>> fastlr.schedules.like_optax.polynomial_schedule(1.0, 0.0, 2, 2, transition_begin=2)(np.arange(6))
    array([1.  , 1.  , 1.  , 0.25, 0.  , 0.  ])
    """
    if transition_steps <= 0:
        return Constant(init_value)
    return _begun(init_value, Polynomial(init_value, end_value, transition_steps, power), transition_begin)


def _begun(init_value: float, schedule: Schedule, begin: int) -> Schedule:
    return Constant(init_value).then(schedule, at=begin) if begin > 0 else schedule


@naming
def linear_schedule(init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0) -> Schedule:
    """As polynomial_schedule with power 1."""
    return polynomial_schedule(init_value, end_value, 1.0, transition_steps, transition_begin)


@naming
def piecewise_constant_schedule(
    init_value: float, boundaries_and_scales: Mapping[int, float] | None = None
) -> Piecewise:
    """Times a scale from each boundary on."""
    steps, values = _scaled(init_value, boundaries_and_scales)
    return Piecewise(values, steps)


def _scaled(init_value: float, scales: Mapping[int, float] | None) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The boundaries in order, and the products of the scales before and after them."""
    steps = tuple(sorted(scales or {}))
    return steps, tuple(accumulate(((scales or {})[step] for step in steps), mul, initial=init_value))


@naming
def piecewise_interpolate_schedule(
    interpolate_type: Literal["linear", "cosine"],
    init_value: float,
    boundaries_and_scales: Mapping[int, float] | None = None,
) -> Interpolated:
    """Through the values that piecewise_constant_schedule jumps to."""
    steps, values = _scaled(init_value, boundaries_and_scales)
    points = {0: values[0]} | dict(zip(steps, values[1:], strict=True))  # a boundary at 0 replaces the first
    return Interpolated(tuple(points.values()), tuple(points), interpolate_type)


@naming
def exponential_decay(
    init_value: float,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> Schedule:
    """Times decay_rate every transition_steps, beginning at step transition_begin, as far as end_value."""
    if transition_steps <= 0 or decay_rate == 0:
        return Constant(init_value)
    final = float_info.max if decay_rate > 1.0 else None
    decay = Exponential(init_value, decay_rate, transition_steps, staircase, final)
    schedule = _begun(init_value, decay, transition_begin)
    if end_value is None:
        return schedule
    # optax clips every step, the first as well, and from above where decay_rate is 1
    return schedule.clamp(low=end_value) if decay_rate < 1.0 else schedule.clamp(high=end_value)


@naming
def cosine_decay_schedule(init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0) -> Cosine:
    """To alpha times init_value in decay_steps."""
    return Cosine(init_value, decay_steps, alpha * init_value, power=exponent)


@naming
def linear_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Interpolated:
    """Up, down to where it began, and down to that by final_div_factor."""
    boundaries = {
        int(pct_start * transition_steps): div_factor,
        int(pct_final * transition_steps): 1.0 / div_factor,
        transition_steps: 1.0 / final_div_factor,
    }
    return piecewise_interpolate_schedule("linear", peak_value / div_factor, boundaries)


@naming
def cosine_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Interpolated:
    """Up, and down to where it began by final_div_factor."""
    boundaries = {
        int(pct_start * transition_steps): div_factor,
        transition_steps: 1.0 / (div_factor * final_div_factor),
    }
    return piecewise_interpolate_schedule("cosine", peak_value / div_factor, boundaries)


@naming
def warmup_constant_schedule(init_value: float, peak_value: float, warmup_steps: int) -> Schedule:
    """From init_value to peak_value in warmup_steps; at init_value for ever if there are none."""
    return linear_schedule(init_value, peak_value, warmup_steps)


@naming
def warmup_cosine_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    decay_steps: int,
    end_value: float = 0.0,
    exponent: float = 1.0,
) -> Warmup:
    """From init_value to peak_value in warmup_steps, and to end_value at step decay_steps."""
    after = Cosine(peak_value, decay_steps - warmup_steps, end_value if peak_value else 0.0, power=exponent)
    return Warmup(after, warmup_steps, init_value, from_zero=True)


@naming
def warmup_exponential_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> Sequential:
    """From init_value to peak_value in warmup_steps, and on as exponential_decay."""
    after = exponential_decay(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    return linear_schedule(init_value, peak_value, warmup_steps).then(after, at=warmup_steps)  # `after` may be clipped


@naming
def sgdr_schedule(cosine_kwargs: Iterable[Mapping[str, Any]]) -> Sequential:
    """One warmup_cosine_decay_schedule after another, each for its decay_steps."""
    arguments = list(cosine_kwargs)
    ends = list(accumulate(each["decay_steps"] for each in arguments))
    return join_schedules([warmup_cosine_decay_schedule(**each) for each in arguments], ends[:-1])


@naming
def join_schedules(schedules: Sequence[Schedule], boundaries: Sequence[int]) -> Sequential:
    """One after another, each from its own step 0."""
    return Sequential(tuple(schedules), tuple(boundaries))


@naming
def reduce_on_plateau(
    lr: float,
    factor: float = 0.1,
    patience: int = 10,
    rtol: float = 1e-4,
    atol: float = 0.0,
    cooldown: int = 0,
    accumulation_size: int = 1,
    min_scale: float = 0.0,
) -> Plateau:
    """optax.contrib's: lower lr at the `patience`th bad value in a row; `observe(value)` is its `update(value=...)`."""
    return Plateau(
        Constant(lr),
        factor=factor,
        patience=patience,
        rtol=rtol,
        atol=atol,
        cooldown=cooldown,
        average=accumulation_size,
        min_factor=min_scale,
        like="optax",
    )
