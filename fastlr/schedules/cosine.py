"""Half a cosine wave down (Loshchilov & Hutter 2017): once, again and again, or after a flat part.

Where libraries disagree: after the end torch's CosineAnnealingLR climbs again (`after="rise"`), Keras's and optax's
stay.  Keras and optax write the final rate as a fraction of the peak, `alpha`; here it is a rate.  In optax's
`decay_steps` the warm-up is included, in Keras's it is not; here a schedule knows nothing of a warm-up before it.
"""

import math
from dataclasses import dataclass
from typing import Literal

from fastlr.schedules.base import Schedule
from fastlr.schedules.settings import Factor, Length, Positive, Rate, Share

SLACK = 1e-6
"""Of a step: with a factor of 1.1 a cycle begins at 2100.0000000000005, and is to begin with step 2100."""


def check_final(call: str, final: float, peak: float) -> None:
    """Raise where the final rate is above the peak."""
    if final > peak:
        raise ValueError(f"{call}: final must be at most peak, got {final} above {peak}; to rise, use Linear")


def half_wave(share: float) -> float:
    """From 1 at 0 to 0 at 1."""
    return 0.5 * (1.0 + math.cos(math.pi * share))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Cosine decay: final + (peak - final) ((1 + cos(pi t / total)) / 2)^power.

    At step 0 it is `peak`, at step `total` it is `final`; after it, it stays (`after="hold"`) or climbs to the peak
    and comes down again with the wave (`after="rise"`).

    Parameters
    ----------
    peak : float
        At least 0.
    total : int
        Steps.
    final : float
        At most `peak`.
    after : {"hold", "rise"}
        What it does after the end.
    power : float
        Above 0; optax's `exponent`.

    References
    ----------
    Loshchilov & Hutter 2017, ICLR.

    Examples
    --------
    >>> fastlr.schedules.Cosine(1.0, total=4)([0, 2, 4, 6]).round(9)
    array([1. , 0.5, 0. , 0. ])
    >>> fastlr.schedules.Cosine(1.0, total=4, after="rise")([0, 2, 4, 6]).round(9)
    array([1. , 0.5, 0. , 0.5])
    """

    peak: Rate
    total: Length
    final: Rate = 0.0
    after: Literal["hold", "rise"] = "hold"
    power: Positive = 1.0

    def _check(self) -> None:
        check_final(f"Cosine(final={self.final})", self.final, self.peak)

    def _at(self, t: int) -> float:
        if self.after == "rise":
            t %= 2 * self.total  # whole numbers, or the cosine of a late step would be inexact
        elif t >= self.total:
            return self.final
        return self.final + (self.peak - self.final) * math.pow(half_wave(t / self.total), self.power)


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Cosine decay with warm restarts: final + (peak - final) peak_factor^k (1 + cos(pi share)) / 2.

    Cycle k = 0, 1, ... has period period_factor^k steps, of which `share` has passed.  At step 0 it is `peak`; every
    cycle begins at its peak and approaches `final`, which its last step just misses; it never ends.

    Parameters
    ----------
    peak : float
        At least 0.
    period : int
        Steps of the first cycle.
    final : float
        At most `peak`.
    period_factor : float
        In [1, a million]; each cycle's length by that of the one before (torch's T_mult, Keras's t_mul).
    peak_factor : float
        In [0, 1]; each cycle's height above `final` by that of the one before (Keras's m_mul).

    References
    ----------
    Loshchilov & Hutter 2017, ICLR.

    Examples
    --------
    >>> fastlr.schedules.CosineRestarts(1.0, period=2, period_factor=2.0)(np.arange(7)).round(3)
    array([1.   , 0.5  , 1.   , 0.854, 0.5  , 0.146, 1.   ])
    """

    peak: Rate
    period: Length
    final: Rate = 0.0
    period_factor: Factor = 1.0
    peak_factor: Share = 1.0

    def _check(self) -> None:
        check_final(f"CosineRestarts(final={self.final})", self.final, self.peak)

    def _at(self, t: int) -> float:
        k, start, length = self.cycle(t)
        height = (self.peak - self.final) * self.peak_factor**k
        return self.final + height * half_wave(max(t - start, 0.0) / length)

    def cycle(self, t: int) -> tuple[int, float, float]:
        """Which cycle a step is in, the step that cycle began with, and its length."""
        if self.period_factor == 1.0:
            return t // self.period, t - t % self.period, self.period
        growth = self.period_factor - 1.0
        k = int(math.log(1.0 + t / self.period * growth) / math.log(self.period_factor))
        start, length = self._extent(k)
        # the logarithm is inexact just where a cycle begins
        if start > t + SLACK:
            k -= 1
        elif start + length <= t + SLACK:
            k += 1
        else:
            return k, start, length
        return k, *self._extent(k)

    def _extent(self, k: int) -> tuple[float, float]:
        power = self.period_factor**k
        return self.period * (power - 1.0) / (self.period_factor - 1.0), self.period * power


@dataclass(frozen=True)
class FlatCosine(Schedule):
    """Flat, then cosine decay (fastai's `fit_flat_cos`).

    It is `peak` from step 0 to step flat * total, then as `Cosine` over the rest: at step `total` and after it `final`.

    Parameters
    ----------
    peak : float
        At least 0.
    total : int
        Steps.
    flat : float
        The share of the steps at the peak, in [0, 1].
    final : float
        At most `peak`.

    Examples
    --------
    >>> fastlr.schedules.FlatCosine(1.0, total=8, flat=0.5)([0, 4, 6, 8, 9]).round(9)
    array([1. , 1. , 0.5, 0. , 0. ])
    """

    peak: Rate
    total: Length
    flat: Share = 0.75
    final: Rate = 0.0

    def _check(self) -> None:
        check_final(f"FlatCosine(final={self.final})", self.final, self.peak)

    def _at(self, t: int) -> float:
        if t >= self.total:
            return self.final
        start = self.flat * self.total
        share = (t - start) / (self.total - start) if t > start else 0.0
        return self.final + (self.peak - self.final) * half_wave(share)
