"""Rates that stay and then drop at once: StepDrop, MultiStep, Piecewise.

Where libraries disagree: a drop at 100 acts in step 100 in torch, optax and here; Keras holds the old rate through
step 100 and drops in 101; timm, whose epochs end before the scheduler is asked, drops one step earlier.
"""

from bisect import bisect_right
from dataclasses import dataclass

from fastlr.schedules.base import Schedule
from fastlr.schedules.settings import Decay, Length, Milestones, Rate, Rates


@dataclass(frozen=True)
class StepDrop(Schedule):
    """Multiply by gamma every so many steps: initial gamma^floor(t / every).

    At step 0 it is `initial`; it never ends, and goes to 0.

    Parameters
    ----------
    initial : float
        At least 0.
    every : int
        Steps between drops.
    gamma : float
        In (0, 1].

    Examples
    --------
    >>> fastlr.schedules.StepDrop(0.5, every=2)([0, 1, 2, 3, 4])
    array([0.5  , 0.5  , 0.05 , 0.05 , 0.005])
    """

    initial: Rate
    every: Length
    gamma: Decay = 0.1

    def _at(self, t: int) -> float:
        return self.initial * self.gamma ** (t // self.every)


@dataclass(frozen=True)
class MultiStep(Schedule):
    """Multiply by gamma at each milestone: initial gamma^(number of milestones <= t).

    At step 0 it is `initial`, unless 0 is a milestone; from the last milestone on it stays.

    Parameters
    ----------
    initial : float
        At least 0.
    milestones : sequence of int
        The steps with a new rate, increasing.
    gamma : float
        In (0, 1].

    Examples
    --------
    >>> fastlr.schedules.MultiStep(1.0, [2, 3])([0, 1, 2, 3, 4])
    array([1.  , 1.  , 0.1 , 0.01, 0.01])
    """

    initial: Rate
    milestones: Milestones
    gamma: Decay = 0.1

    def _at(self, t: int) -> float:
        return self.initial * self.gamma ** bisect_right(self.milestones, t)


@dataclass(frozen=True)
class Piecewise(Schedule):
    """Given rates, each from its milestone on: values[number of milestones <= t].

    At step 0 it is values[0], unless 0 is a milestone; from the last milestone on it is values[-1].

    Parameters
    ----------
    values : sequence of float
        At least 0; one more than milestones.
    milestones : sequence of int
        The steps with a new rate, increasing.

    Examples
    --------
    >>> fastlr.schedules.Piecewise([0.1, 0.3, 0.2], milestones=[1, 3])(np.arange(5))
    array([0.1, 0.3, 0.3, 0.2, 0.2])
    """

    values: Rates
    milestones: Milestones

    rises = True

    def _check(self) -> None:
        if len(self.values) != len(self.milestones) + 1:
            raise ValueError(
                f"Piecewise(milestones={self.milestones}): values must be one more than milestones, "
                f"got {len(self.values)} and {len(self.milestones)}; the first value is that before any milestone"
            )

    def _at(self, t: int) -> float:
        return self.values[bisect_right(self.milestones, t)]
