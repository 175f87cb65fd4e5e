"""What a run will get of a schedule, in a few numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastlr.schedules.base import Schedule
from fastlr.schedules.compose import Function
from fastlr.schedules.driven import Driven
from fastlr.schedules.settings import Whole

AnySchedule: TypeAlias = Schedule | Driven | Callable[[int], float] | float

MOST = 10_000_000
"""The longest run that is looked at, each step of it: some seconds."""
LOW = 0.1
"""A rate is low if it is under this share of the peak."""
JUMP = 0.1
"""A change in one step is a jump if it is above this share of the peak ..."""
ABRUPT = 5.0
"""... and above this many times the change in the step before and in the step after it."""


@dataclass(frozen=True)
class Landmarks:
    """What a run gets of a schedule.

    Attributes
    ----------
    steps : int
        The length of the run.
    first, end : float
        The rates of its first and of its last step.
    peak, lowest : float
        Its highest and its lowest rate.
    peak_step : int
        The first step with the highest rate.
    mean, area : float
        Of the rates; the area is their sum.
    low_share : float
        The share of the steps under a tenth of the peak.
    jumps : tuple of int
        The steps whose rate is far from that of the step before; none if a rate is not finite.
    """

    steps: int
    first: float
    peak: float
    peak_step: int
    end: float
    lowest: float
    mean: float
    area: float
    low_share: float
    jumps: tuple[int, ...]


def landmarks(schedule: AnySchedule, steps: int) -> Landmarks:
    """The first rate, the peak, the end and so on, over the steps 0, ..., steps - 1.

    Parameters
    ----------
    schedule : Schedule, or any function of the step, or a number
    steps : int
        The length of the run, in [1, 10 million].

    Returns
    -------
    Landmarks

    Examples
    --------
    >>> from fastlr.schedules import StepDrop, landmarks
    >>> seen = landmarks(StepDrop(1.0, every=50), steps=200)
    >>> seen.first, seen.peak_step, round(seen.end, 9), seen.low_share, seen.jumps
    (1.0, 0, 0.001, 0.5, (50,))
    """
    rates = sampled("landmarks", schedule, steps)
    peak = float(rates.max())
    return Landmarks(
        steps=len(rates),
        first=float(rates[0]),
        peak=peak,
        peak_step=int(rates.argmax()),
        end=float(rates[-1]),
        lowest=float(rates.min()),
        mean=float(rates.mean()),
        area=float(rates.sum()),
        low_share=float((rates < LOW * peak).mean()),
        jumps=tuple(jumps(rates).tolist()),
    )


def jumps(rates: NDArray[np.float64]) -> NDArray[np.integer[Any]]:
    """The steps whose rate is far from that of the step before, where the rates around change slowly."""
    if not np.isfinite(rates).all():
        return np.empty(0, int)
    changes = np.abs(np.diff(rates))
    around = np.zeros_like(changes)
    around[1:] = changes[:-1]
    around[:-1] = np.maximum(around[:-1], changes[1:])
    return np.flatnonzero((changes > JUMP * rates.max()) & (changes > ABRUPT * around)) + 1


def sampled(call: str, schedule: AnySchedule, steps: int) -> NDArray[np.float64]:
    """The rate of each step of a run."""
    checked = Whole(1).checked(steps, f"{call}(steps={steps!r})", "steps")
    if checked > MOST:
        raise ValueError(
            f"{call}(steps={steps}): steps must be a whole number in [1, {MOST}]; look at the beginning of a longer run"
        )
    return known(schedule)(np.arange(checked))


def known(schedule: AnySchedule) -> Schedule | Driven:
    """A schedule of ours as it is; any other function of the step, or a number, as one of ours."""
    if isinstance(schedule, Schedule | Driven):
        return schedule
    if not callable(schedule) and not isinstance(schedule, Real):
        raise TypeError(
            f"the schedule must be one, or a function of the step, or a number, got {schedule!r} of type "
            f"{type(schedule).__name__}; make one, as in fastlr.schedules.Cosine(0.1, total=1000)"
        )
    return Function(schedule) if callable(schedule) else Function(lambda step: schedule)
