"""Averages of the weights: how far each step moves them.

    average = average + share * (w - average)        after the step; a share of 1 copies

- exponential: share = 1 - decay (Polyak & Juditsky 1992; Kingma & Ba 2015, section 7.2), with warm-up of the decay,
  min(decay, (1 + n) / (10 + n)) for the (n + 1)-th average, so that the first weights are soon forgotten.
- uniform: share = 1 / n (Izmailov et al. 2018, arXiv:1803.05407, from a step near the end).

In both the first average is a copy of the weights.
"""

from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol, runtime_checkable

from fastlr.rules.settings import Schedulable, Setting, whole

DECAY = Setting(0.0, 1.0)


@runtime_checkable
class Averaging(Protocol):
    """How an average moves: any object with this method will do."""

    def share(self, step: int, count: int) -> float:
        """By how much 0-based step `step` moves the average, of which `count` were taken before: 0 leaves it alone."""
        ...


def share_of(average: Averaging, step: int, count: int, call: str) -> float:
    """The share of a step, or an error if it is none."""
    share: Any = average.share(step, count)
    if type(share) is float and 0.0 <= share <= 1.0:
        return share
    name = f"share({step}, {count})"
    if not isinstance(share, Real) or isinstance(share, bool):
        raise TypeError(f"{call}(average={average!r}): {name} must be a number, got {share!r}")
    if not 0.0 <= float(share) <= 1.0:
        raise ValueError(f"{call}(average={average!r}): {name} must be in [0, 1], got {share!r}")
    return float(share)


@dataclass(frozen=True)
class EMA:
    """Exponential moving average of the weights.

    Parameters
    ----------
    decay : float or callable of the step
        What is kept of the average at each step, in [0, 1).
    warmup : bool
        Keep less at first: at most `(1 + n) / (10 + n)` for n averages taken.
    start : int
        The 0-based step that is averaged first.
    every : int
        Average every so many steps.

    Examples
    --------
    >>> w = np.zeros(1)
    >>> opt = fastlr.SGD(w, lr=1.0, average=fastlr.EMA(decay=0.5, warmup=False))
    >>> for _ in range(3):  # weights 1, 2, 3
    ...     _ = opt.step(np.array([-1.0]))
    >>> with opt.averaged():
    ...     print(w)
    [2.25]
    >>> w
    array([3.])
    """

    decay: Schedulable = 0.999
    warmup: bool = True
    start: int = 0
    every: int = 1

    def __post_init__(self) -> None:
        call = f"EMA(decay={self.decay!r}, start={self.start!r}, every={self.every!r})"
        object.__setattr__(self, "decay", DECAY.checked(self.decay, call, "decay"))
        whole(self.start, call, "start", 0)
        whole(self.every, call, "every", 1)

    def share(self, step: int, count: int) -> float:
        """See `Averaging`."""
        if step < self.start or (step - self.start) % self.every:
            return 0.0
        if count == 0:
            return 1.0
        decay = self.decay
        if callable(decay):
            decay = DECAY.number(decay(step), f"EMA(decay={self.decay!r})", f"decay({step})")
        return 1.0 - min(decay, (1 + count) / (10 + count)) if self.warmup else 1.0 - decay


@dataclass(frozen=True)
class UniformAverage:
    """Average of the weights after each of the steps from one on.

    Parameters
    ----------
    start : int
        The 0-based step that is averaged first.
    every : int
        Average every so many steps.

    Examples
    --------
    >>> w = np.zeros(1)
    >>> opt = fastlr.SGD(w, lr=1.0, average=fastlr.UniformAverage(start=1))
    >>> for _ in range(4):  # weights 1, 2, 3, 4
    ...     _ = opt.step(np.array([-1.0]))
    >>> with opt.averaged():
    ...     print(w)
    [3.]
    """

    start: int = 0
    every: int = 1

    def __post_init__(self) -> None:
        call = f"UniformAverage(start={self.start!r}, every={self.every!r})"
        whole(self.start, call, "start", 0)
        whole(self.every, call, "every", 1)

    def share(self, step: int, count: int) -> float:
        """See `Averaging`."""
        return 0.0 if step < self.start or (step - self.start) % self.every else 1.0 / (count + 1)
