"""Schedules made of others: one after another, products, clamps, by epoch; and any function of the step."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any

from fastlr.schedules.base import Schedule, Scheduled, Schedules, part
from fastlr.schedules.settings import Kind, Length, Milestones, Rate


@dataclass(frozen=True)
class Sequential(Schedule):
    """One schedule after another; each begins at its own step 0: parts[i](t - milestones[i - 1]).

    At step 0 it is parts[0](0), or parts[1](0) if the first milestone is 0; from the last milestone on it is the last
    part.  `a.then(b, at=100).then(c, at=300)` is `Sequential((a, b, c), (100, 300))`.

    Parameters
    ----------
    parts : sequence of Schedule or float
        One more than milestones.
    milestones : sequence of int
        The first step of each part but the first, increasing.

    Examples
    --------
    >>> from fastlr.schedules import Constant, Linear, Sequential
    >>> Sequential([Constant(1.0), Linear(1.0, 0.0, total=2)], milestones=[2])([0, 1, 2, 3, 4])
    array([1. , 1. , 1. , 0.5, 0. ])
    """

    parts: Schedules
    milestones: Milestones

    def _check(self) -> None:
        if len(self.parts) != len(self.milestones) + 1:
            raise ValueError(
                f"Sequential(milestones={self.milestones}): parts must be one more than milestones, "
                f"got {len(self.parts)} and {len(self.milestones)}; the first part begins at step 0"
            )

    def then(self, after: Schedule | float, *, at: int) -> "Sequential":
        """These up to step `at`, then another, for which that is step 0."""
        return Sequential((*self.parts, after), (*self.milestones, at))

    def _parts(self, steps: int) -> Iterator[tuple[Schedule, int]]:
        starts, ends = (0, *self.milestones), (*self.milestones, steps)
        for each, start, end in zip(self.parts, starts, ends, strict=True):
            yield part(each), min(end, steps) - start

    def _at(self, t: int) -> float:
        i = bisect_right(self.milestones, t)
        return part(self.parts[i])._at(t - self.milestones[i - 1] if i else t)


@dataclass(frozen=True)
class Product(Schedule):
    """The product of schedules at the same step, as `a * b` makes it.

    Parameters
    ----------
    factors : sequence of Schedule or float

    Examples
    --------
    >>> from fastlr.schedules import Linear, StepDrop
    >>> (Linear(0.0, 1.0, total=2) * StepDrop(1.0, every=3))(np.arange(4))
    array([0. , 0.5, 1. , 0.1])
    """

    factors: Schedules

    rises = True

    def __mul__(self, other: Schedule | float) -> "Product":
        return Product((*self.factors, other))

    __rmul__ = __mul__

    def _parts(self, steps: int) -> Iterator[tuple[Schedule, int]]:
        for factor in self.factors:
            yield part(factor), steps

    def _at(self, t: int) -> float:
        return prod(part(factor)._at(t) for factor in self.factors)


@dataclass(frozen=True)
class Clamp(Schedule):
    """Another schedule, but at least `low` and at most `high`: min(max(of(t), low), high).

    Parameters
    ----------
    of : Schedule or float
    low : float
        At least 0.
    high : float, optional
        At least `low`.

    Examples
    --------
    >>> from fastlr.schedules import Clamp, Linear
    >>> Clamp(Linear(1.0, 0.0, total=4), low=0.25, high=0.75)(np.arange(5))
    array([0.75, 0.75, 0.5 , 0.25, 0.25])
    """

    of: Scheduled
    low: Rate = 0.0
    high: Rate | None = None

    def _check(self) -> None:
        if self.high is not None and self.low > self.high:
            raise ValueError(f"Clamp(low={self.low}): low must be at most high, got {self.low} above {self.high}")

    def _parts(self, steps: int) -> Iterator[tuple[Schedule, int]]:
        yield part(self.of), steps

    def _at(self, t: int) -> float:
        value = max(part(self.of)._at(t), self.low)
        return value if self.high is None else min(value, self.high)


@dataclass(frozen=True)
class Mirror(Schedule):
    """What another schedule leaves of a whole: max(whole - of(t), 0); a momentum that falls where the rate rises.

    Parameters
    ----------
    of : Schedule or float
    whole : float
        At least 0.

    Examples
    --------
    >>> from fastlr.schedules import Cyclic, Mirror
    >>> Mirror(Cyclic(0.25, low=0.0, up=2), whole=1.0)(np.arange(5))
    array([1.   , 0.875, 0.75 , 0.875, 1.   ])
    """

    of: Scheduled
    whole: Rate

    rises = True

    def _parts(self, steps: int) -> Iterator[tuple[Schedule, int]]:
        yield part(self.of), steps

    def _at(self, t: int) -> float:
        return max(self.whole - part(self.of)._at(t), 0.0)


@dataclass(frozen=True)
class PerEpoch(Schedule):
    """Another schedule with epochs for steps: of(floor(t / steps_per_epoch)).

    Parameters
    ----------
    of : Schedule or float
    steps_per_epoch : int

    Examples
    --------
    >>> from fastlr.schedules import Linear, PerEpoch
    >>> PerEpoch(Linear(1.0, 0.0, total=2), steps_per_epoch=2)(np.arange(5))
    array([1. , 1. , 0.5, 0.5, 0. ])
    """

    of: Scheduled
    steps_per_epoch: Length

    def _parts(self, steps: int) -> Iterator[tuple[Schedule, int]]:
        yield part(self.of), -(-steps // self.steps_per_epoch)

    def _at(self, t: int) -> float:
        return part(self.of)._at(t // self.steps_per_epoch)


class _OfStep(Kind):
    """A function of the step."""

    typed = False

    def checked(self, value: Any, call: str, name: str) -> Callable[[int], float]:
        if not callable(value):
            raise TypeError(f"{call}: {name} must be callable with the step, got {type(value).__name__}; use Constant")
        checked: Callable[[int], float] = value
        return checked

    def to_json(self, value: Any) -> Any:
        raise TypeError(
            f"Function({value!r}): a function of the step is code, which JSON cannot hold; build the schedule of the "
            "named families, or write a family (see fastlr/schedules/base.py)"
        )


@dataclass(frozen=True)
class Function(Schedule):
    """Any function of the step.

    Compares and pickles as the function does: a lambda cannot be pickled, and no function becomes JSON.

    Parameters
    ----------
    function : callable
        Takes the step as an int and returns a number; what it does at the end is its own.

    Examples
    --------
    >>> fastlr.schedules.Function(lambda step: 0.5 ** step)([0, 1, 2])
    array([1.  , 0.5 , 0.25])
    """

    function: Annotated[Callable[[int], float], _OfStep()]

    def _at(self, t: int) -> float:
        value: Any = self.function(t)
        if type(value) is float:
            return value
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TypeError(f"{self!r}: function must return a number, got {value!r} at step {t}") from None
