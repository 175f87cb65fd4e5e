"""Keras's and optax's schedules as their documentation prints them, and the cases to compare ours by.

A case is a name and arguments; the real packages see the same ones in `test_peers.py`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fastlr.schedules import like_keras, like_optax

T = np.arange(1000)
LR = 0.3


def keras_polynomial(lr: float, total: float, end: float = 1e-4, power: float = 1.0, cycle: bool = False) -> Any:
    total = np.where(T == 0, total, total * np.ceil(T / total)) if cycle else np.full(len(T), float(total))
    return (lr - end) * (1 - np.minimum(T, total) / total) ** power + end


def keras_piecewise(boundaries: list[int], values: list[float]) -> Any:
    return np.select([boundary >= T for boundary in boundaries], values[:-1], values[-1])


def keras_cosine(
    lr: float, total: int, alpha: float = 0.0, warmup_target: float | None = None, warmup_steps: int = 0
) -> Any:
    peak, warmup = (lr, 0) if warmup_target is None else (warmup_target, warmup_steps)
    share = np.minimum(T - warmup, total) / total
    decay = peak * ((1 - alpha) * 0.5 * (1 + np.cos(np.pi * share)) + alpha)
    return np.where(warmup > T, T / max(warmup, 1) * (peak - lr) + lr, decay)


def keras_restarts(lr: float, first: int, t_mul: float = 2.0, m_mul: float = 1.0, alpha: float = 0.0) -> Any:
    fraction = T / first
    if t_mul == 1.0:
        i = np.floor(fraction)
        fraction = fraction - i
    else:
        i = np.floor(np.log(1.0 - fraction * (1.0 - t_mul)) / np.log(t_mul) + 1e-12)  # as if it were exact
        fraction = (fraction - (1.0 - t_mul**i) / (1.0 - t_mul)) / t_mul**i
    return lr * ((1 - alpha) * 0.5 * m_mul**i * (1 + np.cos(np.pi * fraction)) + alpha)


def optax_polynomial(init: float, end: float, power: float, steps: int, transition_begin: int = 0) -> Any:
    share = 1 - np.clip(T - transition_begin, 0, steps) / max(steps, 1)
    return (init - end) * share**power + end if steps > 0 else np.full(len(T), init)


def optax_exponential(
    init: float,
    steps: int,
    rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
    count: Any = T,
) -> Any:
    periods = (count - transition_begin) / steps
    value = np.where(periods <= 0, init, init * rate ** (np.floor(periods) if staircase else periods))
    return value if end_value is None else (np.maximum if rate < 1.0 else np.minimum)(value, end_value)


def optax_cosine(init: float, steps: int, alpha: float = 0.0, exponent: float = 1.0, count: Any = T) -> Any:
    cosine = 0.5 * (1 + np.cos(np.pi * np.minimum(count, steps) / steps))
    return init * ((1 - alpha) * cosine**exponent + alpha)


def optax_piecewise(init: float, scales: dict[int, float] | None = None) -> Any:
    value = np.full(len(T), init)
    for boundary, scale in (scales or {}).items():
        value = np.where(boundary <= T, value * scale, value)
    return value


def optax_interpolated(kind: str, init: float, scales: dict[int, float]) -> Any:
    knots = np.array([0, *sorted(scales)])
    values = np.cumprod([init, *(scales[knot] for knot in knots[1:])])
    out = np.full(len(T), values[-1])
    for a, b, u, v in zip(knots[:-1], knots[1:], values[:-1], values[1:], strict=True):
        here, share = (a <= T) & (b > T), (T - a) / max(b - a, 1)
        out[here] = ((v - u) * share + u if kind == "linear" else v + (u - v) / 2 * (np.cos(np.pi * share) + 1))[here]
    return out


def optax_linear_onecycle(steps: int, peak: float, start: float = 0.3, final: float = 0.85) -> Any:
    scales = {int(start * steps): 25.0, int(final * steps): 1 / 25.0, steps: 1 / 1e4}
    return optax_interpolated("linear", peak / 25.0, scales)


def optax_cosine_onecycle(steps: int, peak: float, start: float = 0.3) -> Any:
    return optax_interpolated("cosine", peak / 25.0, {int(start * steps): 25.0, steps: 1 / 25e4})


def optax_warm(init: float, peak: float, warmup: int, after: Callable[[Any], Any]) -> Any:
    return np.where(warmup > T, init + (peak - init) * T / max(warmup, 1), after(T - warmup))


def optax_warm_cosine(init: float, peak: float, warmup: int, total: int, end: float = 0.0, power: float = 1.0) -> Any:
    return optax_warm(init, peak, warmup, lambda t: optax_cosine(peak, total - warmup, end / peak, power, t))


DOCUMENTED: dict[Any, list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]] = {
    like_keras.ExponentialDecay: [
        (lambda lr, n, rate, staircase=False: lr * rate ** (np.floor(T / n) if staircase else T / n), args, {})
        for args in ((LR, 100, 0.5), (LR, 7.5, 0.9, True), (LR, 100, 1.5))
    ],
    like_keras.InverseTimeDecay: [
        (lambda lr, n, rate, staircase=False: lr / (1 + rate * (np.floor(T / n) if staircase else T / n)), args, {})
        for args in ((LR, 1.0, 0.5), (LR, 7.5, 0.9, True))
    ],
    like_keras.decay: [(lambda lr, d: lr / (1 + d * T), (LR, 1e-3), {})],
    like_keras.PolynomialDecay: [
        (keras_polynomial, args, {})
        for args in ((LR, 300), (LR, 300, 0.01, 0.5), (LR, 70, 0.01, 2.0, True), (0.01, 50, LR))
    ],
    like_keras.PiecewiseConstantDecay: [(keras_piecewise, ([10, 500], [1.0, 0.5, 0.1]), {})],
    like_keras.CosineDecay: [
        (keras_cosine, (LR, 300), {}),
        (keras_cosine, (LR, 300), {"alpha": 0.1}),
        (keras_cosine, (0.01, 300), {"alpha": 0.1, "warmup_target": LR, "warmup_steps": 50}),
        (keras_cosine, (0.01, 300), {"warmup_target": LR}),
    ],
    like_keras.CosineDecayRestarts: [
        (keras_restarts, args, {}) for args in ((LR, 50), (LR, 50, 1.0, 0.9), (LR, 64, 1.5, 0.5, 0.1), (LR, 7, 3.0))
    ],
    like_optax.constant_schedule: [(lambda value: np.full(len(T), value), (LR,), {})],
    like_optax.polynomial_schedule: [
        (optax_polynomial, args, {}) for args in ((LR, 0.0, 2.0, 300), (0.01, LR, 0.5, 300, 17), (LR, 0.1, 1.0, 0))
    ],
    like_optax.linear_schedule: [
        (lambda a, b, n, begin=0: optax_polynomial(a, b, 1.0, n, begin), (LR, 0.1, 300, 9), {})
    ],
    like_optax.piecewise_constant_schedule: [
        (optax_piecewise, args, {}) for args in ((LR, {10: 0.5, 700: 0.1}), (LR, {0: 0.5}), (LR,))
    ],
    like_optax.piecewise_interpolate_schedule: [
        (optax_interpolated, (kind, LR, {300: 2.0, 100: 0.5}), {}) for kind in ("linear", "cosine")
    ],
    like_optax.exponential_decay: [
        (optax_exponential, (LR, 100, 0.5), options)
        for options in (
            *({}, {"transition_begin": 50}, {"staircase": True}, {"end_value": 0.1}),
            {"end_value": 0.5, "transition_begin": 50},  # above init_value, and clipped to from step 0 on
        )
    ]
    + [(optax_exponential, (LR, 100, 1.0), {"end_value": 0.1})]  # from above, as the rate is not below 1
    + [(optax_exponential, (0.01, 100, 1.5), {"end_value": LR}), (optax_exponential, (0.01, 100, 1.5), {})],
    like_optax.cosine_decay_schedule: [(optax_cosine, args, {}) for args in ((LR, 300), (LR, 300, 0.1, 2.0))],
    like_optax.linear_onecycle_schedule: [
        (optax_linear_onecycle, args, {}) for args in ((900, LR), (7, LR), (900, LR, 0.0))
    ],
    like_optax.cosine_onecycle_schedule: [
        (optax_cosine_onecycle, args, {}) for args in ((900, LR), (7, LR), (900, LR, 0.5))
    ],
    like_optax.warmup_constant_schedule: [(lambda a, b, n: optax_polynomial(a, b, 1.0, n), (0.01, LR, 50), {})],
    like_optax.warmup_cosine_decay_schedule: [
        (optax_warm_cosine, args, {}) for args in ((0.01, LR, 50, 300), (0.0, LR, 50, 300, 0.1, 2.0), (0.1, LR, 0, 300))
    ],
    like_optax.warmup_exponential_decay_schedule: [
        (
            lambda a, b, w, n, rate, begin=0, staircase=False, end_value=None: optax_warm(
                a, b, w, lambda t: optax_exponential(b, n, rate, begin, staircase, end_value, t)
            ),
            (0.01, LR, 50, 100, 0.5, 30, True),
            {"end_value": end_value},
        )
        for end_value in (0.1, 0.4)
    ],
}
ROWS = [
    pytest.param(ours, *case, id=f"{ours.__module__.rpartition('_')[2]}-{ours.__name__}-{case[1:]}")
    for ours, cases in DOCUMENTED.items()
    for case in cases
]
SGDR = [
    {"init_value": 0.0, "peak_value": LR / k, "decay_steps": 100 * k, "warmup_steps": 20, "end_value": 0.01}
    for k in (1, 2, 3)
]


def observed(plateau: Any, metrics: list[float]) -> list[float]:
    """The rate after each observation."""
    rates = []
    for metric in metrics:
        plateau.observe(metric)
        rates.append(plateau(0))
    return rates
