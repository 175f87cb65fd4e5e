"""Decays without a shape of their own: by time, by a power, exponential, linear, polynomial.

Where libraries disagree: Keras 2's `decay` and scikit-learn's `invscaling` count updates, so `every` is 1; Keras 3's
`staircase` floors t / every in both of its decays, and so do we.
"""

import math
import sys
from dataclasses import dataclass

from fastlr.schedules.base import Schedule
from fastlr.schedules.settings import Length, Period, Positive, Rate


@dataclass(frozen=True)
class InverseTime(Schedule):
    """Time-based decay: initial / (1 + decay t / every), with staircase initial / (1 + decay floor(t / every)).

    At step 0 it is `initial`; it never ends, and goes to 0 as 1/t.

    Parameters
    ----------
    initial : float
        At least 0.
    decay : float
        At least 0; how much of `initial` the divisor gains every so many steps.
    every : float
        Steps, above 0.
    staircase : bool
        Change every so many steps only.

    Examples
    --------
    >>> fastlr.schedules.InverseTime(0.5, decay=1.0, every=2)([0, 1, 2, 6])
    array([0.5       , 0.33333333, 0.25      , 0.125     ])
    """

    initial: Rate
    decay: Rate
    every: Period = 1.0
    staircase: bool = False

    def _at(self, t: int) -> float:
        periods = t / self.every
        return self.initial / (1.0 + self.decay * (math.floor(periods) if self.staircase else periods))


@dataclass(frozen=True)
class InversePower(Schedule):
    """Inverse power: peak / (1 + t / timescale)^power; scikit-learn's `invscaling`, Caffe's `inv`.

    At step 0 it is `peak`; it never ends, and goes to 0.

    Parameters
    ----------
    peak : float
        At least 0.
    power : float
        At least 0.
    timescale : float
        Steps after which it is peak / 2^power; above 0.

    Examples
    --------
    >>> fastlr.schedules.InversePower(1.0, power=2.0)([0, 1, 3])
    array([1.    , 0.25  , 0.0625])
    """

    peak: Rate
    power: Rate = 0.5
    timescale: Period = 1.0

    def _at(self, t: int) -> float:
        return self.peak * math.pow(1.0 + t / self.timescale, -self.power)


@dataclass(frozen=True)
class InverseSqrt(Schedule):
    """Inverse square root: peak / sqrt(1 + t / timescale).

    At step 0 it is `peak`; it never ends, and goes to 0.  `Warmup(InverseSqrt(peak, timescale=W), W)` is what Hugging
    Face and fairseq call inverse_sqrt, peak sqrt(W / t) after W steps.

    Parameters
    ----------
    peak : float
        At least 0.
    timescale : float
        Steps, above 0.

    Examples
    --------
    >>> fastlr.schedules.InverseSqrt(0.1, timescale=100)([0, 300])
    array([0.1 , 0.05])
    """

    peak: Rate
    timescale: Period

    def _at(self, t: int) -> float:
        return self.peak / math.sqrt(1.0 + t / self.timescale)


@dataclass(frozen=True)
class Exponential(Schedule):
    """Exponential decay: initial gamma^(t / every), with staircase initial gamma^floor(t / every).

    At step 0 it is `initial`; it never ends, and goes to `final`, which it does not pass, or to 0; with a gamma of 1 it
    stays.

    Parameters
    ----------
    initial : float
        At least 0.
    gamma : float
        Above 0; above 1 the rate grows, and `final` must say how far.
    every : float
        Steps, above 0.
    staircase : bool
        Change every so many steps only.
    final : float, optional
        A floor, at most `initial`; for a gamma above 1 a ceiling, at least `initial`.

    Examples
    --------
    >>> fastlr.schedules.Exponential(1.0, gamma=0.5, final=0.2)([0, 1, 2, 3])
    array([1.  , 0.5 , 0.25, 0.2 ])
    """

    initial: Rate
    gamma: Positive
    every: Period = 1.0
    staircase: bool = False
    final: Rate | None = None

    def _check(self) -> None:
        if self.gamma > 1.0 and self.final is None:
            raise ValueError(
                f"Exponential(gamma={self.gamma}): gamma must be in (0, 1], or final must say where the growth ends"
            )
        if self.final is None:
            return
        if self.final < self.initial if self.gamma > 1.0 else self.final > self.initial:
            raise ValueError(
                f"Exponential(final={self.final}): final must be at {'least' if self.gamma > 1.0 else 'most'} initial "
                f"where gamma is {self.gamma}, got {self.final} and initial={self.initial}"
            )

    def _at(self, t: int) -> float:
        periods = t / self.every
        try:
            value = self.initial * self.gamma ** (math.floor(periods) if self.staircase else periods)
        except OverflowError:
            value = sys.float_info.max if self.initial else 0.0
        if self.final is None:
            return value
        return min(value, self.final) if self.gamma > 1.0 else max(value, self.final)


@dataclass(frozen=True)
class Linear(Schedule):
    """Linear, down or up: initial + (final - initial) t / total.

    At step 0 it is `initial`, at step `total` and after it `final`.

    Parameters
    ----------
    initial, final : float
        At least 0.
    total : int
        Steps.

    Examples
    --------
    >>> fastlr.schedules.Linear(0.5, 0.0, total=2)([0, 1, 2, 3])
    array([0.5 , 0.25, 0.  , 0.  ])
    """

    initial: Rate
    final: Rate
    total: Length

    rises = True

    def _at(self, t: int) -> float:
        return self.final if t >= self.total else self.initial + (self.final - self.initial) * (t / self.total)


@dataclass(frozen=True)
class Polynomial(Schedule):
    """Polynomial: final + (initial - final) (1 - t / total)^power.

    At step 0 it is `initial`, at step `total` and after it `final`.  With `cycle`, as in Keras, the total is that many
    times as long when it has passed: it jumps up after each multiple of `total`, and reaches `final` at the next.

    Parameters
    ----------
    initial, final : float
        At least 0.
    total : int
        Steps.
    power : float
        Above 0; 1 is linear.
    cycle : bool
        Begin again, lower each time, rather than stay.

    Examples
    --------
    >>> fastlr.schedules.Polynomial(1.0, 0.0, total=4, power=2.0)([0, 1, 2, 3, 4, 5])
    array([1.    , 0.5625, 0.25  , 0.0625, 0.    , 0.    ])
    """

    initial: Rate
    final: Rate
    total: Length
    power: Positive = 1.0
    cycle: bool = False

    rises = True

    def _at(self, t: int) -> float:
        total = self.total * -(-t // self.total) if self.cycle and t > self.total else self.total
        if t >= total:
            return self.final
        return (self.initial - self.final) * math.pow((total - t) / total, self.power) + self.final
