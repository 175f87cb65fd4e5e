"""Rates that go up and come down: between given points, one cycle, slanted triangles, triangles again and again.

Where libraries disagree on one-cycle's final rate: torch and optax divide the *initial* rate by 1e4, fastai divides
the *peak* by 1e5 (`final_of="peak", final_div=1e5`); or write `final`.  And on its length: torch takes the last step,
total - 1, at the final rate, and `like_torch.OneCycleLR` does; optax's and ours would come to it one step later.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from fastlr.schedules.base import Schedule
from fastlr.schedules.cosine import check_final
from fastlr.schedules.settings import Decay, Divisor, Knots, Length, Rate, Rates, Share


@dataclass(frozen=True)
class Interpolated(Schedule):
    """Through given points, along straight lines or half cosine waves (optax's piecewise_interpolate_schedule).

    From knot a with rate u to knot b with rate v: u + (v - u) s, or v + (u - v) (1 + cos(pi s)) / 2, with
    s = (t - a) / (b - a).  Until the first knot it is values[0], from the last knot on it is values[-1].

    Parameters
    ----------
    values : sequence of float
        At least 0.
    knots : sequence of float
        As many steps, increasing; they need not be whole.
    curve : {"linear", "cosine"}

    Examples
    --------
    >>> fastlr.schedules.Interpolated([0.0, 1.0, 0.5], knots=[0, 2, 4])(np.arange(6))
    array([0.  , 0.5 , 1.  , 0.75, 0.5 , 0.5 ])
    """

    values: Rates
    knots: Knots
    curve: Literal["linear", "cosine"] = "linear"

    rises = True

    def _check(self) -> None:
        if len(self.values) != len(self.knots):
            raise ValueError(
                f"Interpolated(knots={self.knots}): values must be as many as knots, "
                f"got {len(self.values)} and {len(self.knots)}"
            )

    def _at(self, t: int) -> float:
        i = bisect_right(self.knots, t)
        if i == 0 or i == len(self.knots):
            return self.values[max(i - 1, 0)]
        start, end, low, high = self.values[i - 1], self.values[i], self.knots[i - 1], self.knots[i]
        share = (t - low) / (high - low)
        if self.curve == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1.0)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """One cycle: up to the peak, down to far below where it began (Smith & Topin 2018).

    From peak / start_div at step 0 to `peak` at step up * total, to the final rate at step `total`; after it, it
    stays.  With `third` it comes down to peak / start_div first, at step third * total.

    Parameters
    ----------
    peak : float
        At least 0.
    total : int
        Steps.
    up : float
        The share of the steps that go up, in [0, 1).
    start_div : float
        The peak by the first rate; at least 1.
    final_div : float
        What the final rate is below `final_of` by; at least 1.
    final_of : {"initial", "peak"}
        The final rate is peak / start_div / final_div (torch, optax) or peak / final_div (fastai).
    final : float, optional
        The final rate as it is, rather than by `final_div`; at most `peak`.
    third : float, optional
        Where a third phase begins: a share of the steps, above `up` and below 1.
    curve : {"cosine", "linear"}

    References
    ----------
    Smith & Topin 2018, arXiv:1708.07120.

    Examples
    --------
    >>> fastlr.schedules.OneCycle(1.0, total=10, curve="linear", final=0.0)([0, 3, 10, 11])
    array([0.04, 1.  , 0.  , 0.  ])
    """

    peak: Rate
    total: Length
    up: Share = 0.3
    start_div: Divisor = 25.0
    final_div: Divisor = 1e4
    final_of: Literal["initial", "peak"] = "initial"
    final: Rate | None = None
    third: Share | None = None
    curve: Literal["cosine", "linear"] = "cosine"

    rises = True

    def _check(self) -> None:
        if self.up == 1.0:
            raise ValueError("OneCycle(up=1.0): up must be in [0, 1), or nothing would come down; to rise, use Linear")
        if self.third is not None and not self.up < self.third < 1.0:
            raise ValueError(
                f"OneCycle(third={self.third}): third must be above up and below 1, got {self.third} and up={self.up}"
            )
        if self.final is not None:
            check_final(f"OneCycle(final={self.final})", self.final, self.peak)

    @cached_property
    def points(self) -> Interpolated:
        """The same as points to go through."""
        initial = self.peak / self.start_div
        final = (initial if self.final_of == "initial" else self.peak) / self.final_div
        points = {0.0: initial, self.up * self.total: self.peak}  # with up=0 the second replaces the first
        if self.third is not None:
            points[self.third * self.total] = initial
        points[float(self.total)] = final if self.final is None else self.final
        return Interpolated(tuple(points.values()), tuple(points), self.curve)

    def _at(self, t: int) -> float:
        return self.points._at(t)


@dataclass(frozen=True)
class SlantedTriangular(Schedule):
    """A steep line up, a long line down (Howard & Ruder 2018): from peak / ratio to `peak` and back.

    At step 0 it is peak / ratio, at step floor(cut * total) it is `peak`, and from step floor(cut * total) / cut on,
    which is `total` but for that rounding, it is peak / ratio again.

    Parameters
    ----------
    peak : float
        At least 0.
    total : int
        Steps; at least 1 / cut.
    cut : float
        The share of the steps that go up, in (0, 1].
    ratio : float
        The peak by the first rate, at least 1.

    References
    ----------
    Howard & Ruder 2018, ACL, equation 3.

    Examples
    --------
    >>> fastlr.schedules.SlantedTriangular(1.0, total=10, cut=0.5, ratio=5.0)([0, 5, 10])
    array([0.2, 1. , 0.2])
    """

    peak: Rate
    total: Length
    cut: Decay = 0.1
    ratio: Divisor = 32.0

    rises = True

    def _check(self) -> None:
        if self._top < 1:
            raise ValueError(
                f"SlantedTriangular(total={self.total}): total must be at least 1 / cut, got cut={self.cut}; "
                "no step would go up"
            )

    @property
    def _top(self) -> int:
        return math.floor(self.total * self.cut)

    def _at(self, t: int) -> float:
        top = self._top
        end = top / self.cut
        share = t / top if t <= top else (end - t) / (end - top) if t < end else 0.0
        return self.peak * (1.0 + share * (self.ratio - 1.0)) / self.ratio


@dataclass(frozen=True)
class Cyclic(Schedule):
    """Triangles again and again (Smith 2017): low + (peak - low) height, `up` steps up and `down` steps down.

    At step 0 it is `low`, at step `up` the peak; it never ends.  The triangles' heights are 1, or 2^-k in cycle
    k = 0, 1, ... ("triangular2"), or gamma^t at step t ("exp_range").

    Parameters
    ----------
    peak : float
        At least 0.
    low : float
        At most `peak`.
    up : int
        Steps.
    down : int, optional
        Steps; as many as `up` if it is not given.
    mode : {"triangular", "triangular2", "exp_range"}
    gamma : float
        In (0, 1], for "exp_range".

    References
    ----------
    Smith 2017, WACV, arXiv:1506.01186.

    Examples
    --------
    >>> fastlr.schedules.Cyclic(1.0, low=0.0, up=2, mode="triangular2")(np.arange(8))
    array([0.  , 0.5 , 1.  , 0.5 , 0.  , 0.25, 0.5 , 0.25])
    """

    peak: Rate
    low: Rate
    up: Length
    down: Length | None = None
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: Decay = 1.0

    rises = True

    def _check(self) -> None:
        if self.low > self.peak:
            raise ValueError(f"Cyclic(low={self.low}): low must be at most peak, got {self.low} above {self.peak}")

    def _at(self, t: int) -> float:
        down = self.up if self.down is None else self.down
        k, passed = divmod(t, self.up + down)
        height = passed / self.up if passed <= self.up else (self.up + down - passed) / down
        if self.mode == "triangular2":
            height *= 0.5**k
        elif self.mode == "exp_range":
            height *= self.gamma**t
        return self.low + (self.peak - self.low) * height
