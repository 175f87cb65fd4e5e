"""A schedule: the learning rate as a pure function of the step.

Design: a schedule is a frozen dataclass whose fields are what the user wrote, with one formula, `_at(t)`, in plain
Python floats.  An array of steps is that same formula step by step, so a scalar and a vectorised call have equal bits
(`np.cos` and `math.cos` differ in the last one), and no formula is written twice.  A call with an int costs 0.2 to
0.6 us, 1 us where restarts grow; an array costs as much for each step, 0.6 s for a million, and runs are shorter.

A new family is a subclass with annotated fields and `_at`, and one line in `fastlr/schedules/__init__.py`:

    @dataclass(frozen=True)
    class Halved(Schedule):
        peak: Rate
        every: Length

        def _at(self, t: int) -> float:
            return self.peak * 0.5 ** (t // self.every)

Checking, JSON, the command line and `check` read the annotations.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from fastlr.schedules.settings import Kind, Rate, Several, check_fields

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fastlr.schedules.compose import Clamp, PerEpoch, Product, Sequential

Steps: TypeAlias = NDArray[np.integer[Any]] | Sequence[int]


@dataclass(frozen=True)
class Schedule(ABC):
    """The learning rate as a function of the step: 0 for the first step, in any order, without state.

    Call it with an int, which gives a float, or with an array of whole numbers, which gives a float64 array.
    """

    rises: ClassVar[bool] = False
    """Whether it may go above its first rate by design; for `check`."""

    def __post_init__(self) -> None:
        check_fields(self)
        self._check()

    @abstractmethod
    def _at(self, t: int) -> float:
        """The rate at step t, which is at least 0."""

    def _check(self) -> None:  # noqa: B027  # most have nothing to check
        """Raise where fields that are fine one by one do not go together."""

    def _parts(self, steps: int) -> Iterator[tuple["Schedule", int]]:
        """The schedules inside, each with the number of its own steps that a run of `steps` reaches; for `check`."""
        return iter(())

    @overload
    def __call__(self, step: int | np.integer[Any]) -> float: ...
    @overload
    def __call__(self, step: Steps) -> NDArray[np.float64]: ...
    def __call__(self, step: Any) -> Any:
        """The rate at a step, or at each of an array of steps.

        Parameters
        ----------
        step : int or array of int
            At least 0; 0 is the first.

        Returns
        -------
        float or ndarray of float64
            Of the shape of `step`.
        """
        if type(step) is int and step >= 0:
            return self._at(step)
        return called(self, step)

    def then(self, after: "Schedule | float", *, at: int) -> "Sequential":
        """This one up to step `at`, then another, for which that is step 0.

        Examples
        --------
        >>> from fastlr.schedules import Constant, Linear
        >>> Constant(0.5).then(Linear(0.5, 0.0, total=2), at=3)(np.arange(6))
        array([0.5 , 0.5 , 0.5 , 0.5 , 0.25, 0.  ])
        """
        from fastlr.schedules.compose import Sequential

        return Sequential((self, scheduled(after)), (at,))

    def clamp(self, low: float = 0.0, high: float | None = None) -> "Clamp":
        """This one, but at least `low` and at most `high`.

        Examples
        --------
        >>> from fastlr.schedules import StepDrop
        >>> StepDrop(1.0, every=1).clamp(0.05)(np.arange(4))
        array([1.  , 0.1 , 0.05, 0.05])
        """
        from fastlr.schedules.compose import Clamp

        return Clamp(self, low, high)

    def per_epoch(self, steps_per_epoch: int) -> "PerEpoch":
        """This one with epochs for steps: the rate changes at the beginning of an epoch only.

        Examples
        --------
        >>> from fastlr.schedules import StepDrop
        >>> StepDrop(1.0, every=1).per_epoch(steps_per_epoch=3)(np.arange(5))
        array([1. , 1. , 1. , 0.1, 0.1])
        """
        from fastlr.schedules.compose import PerEpoch

        return PerEpoch(self, steps_per_epoch)

    def __mul__(self, other: "Schedule | float") -> "Product":
        from fastlr.schedules.compose import Product

        return Product((self, scheduled(other)))

    __rmul__ = __mul__

    def plot(self, steps: int) -> "Figure":
        """A picture of the first `steps` steps: see `fastlr.plots.schedules`, which draws several in one.

        Examples
        --------
        >>> figure = fastlr.schedules.StepDrop(0.5, every=30).plot(100)
        >>> figure.axes[0].get_xlabel()
        'step'
        """
        from fastlr import plots  # the one place where the core knows of a leaf, and only when it is asked to draw

        return plots.schedules({type(self).__name__: self}, steps)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON: `{"schedule": "Cosine", "peak": 0.1, ...}`; `fastlr.schedules.from_dict` reads it.

        Examples
        --------
        >>> fastlr.schedules.StepDrop(0.5, every=30).to_dict()
        {'schedule': 'StepDrop', 'initial': 0.5, 'every': 30, 'gamma': 0.1}
        """
        from fastlr.schedules.plain import to_dict

        return to_dict(self)


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at every step.

    Parameters
    ----------
    value : float

    Examples
    --------
    >>> fastlr.schedules.Constant(0.1)(10**12)
    0.1
    """

    value: Rate

    def _at(self, t: int) -> float:
        return self.value


def called(schedule: Any, step: Any) -> Any:
    """What calling a schedule with anything but a plain int from 0 up does."""
    try:
        t = operator.index(step)
    except TypeError:
        return _vectorised(schedule, step)
    if t < 0:
        raise ValueError(f"{type(schedule).__name__}({t}): step must be at least 0, which is the first, got {t}")
    return schedule._at(t)


def _vectorised(schedule: Any, step: Any) -> NDArray[np.float64]:
    call = f"{type(schedule).__name__}(step)"
    try:
        steps = np.asarray(step)
    except ValueError as error:
        raise TypeError(f"{call}: step must be an int or an array of whole numbers; {error}") from None
    if steps.dtype.kind not in "iu" and steps.size:
        raise TypeError(
            f"{call}: step must be an int or an array of whole numbers, got {_described(step, steps)}; "
            "use int(step), or np.arange(steps)"
        )
    if steps.size and steps.min() < 0:
        raise ValueError(f"{call}: steps must be at least 0, which is the first, got {steps.min()}")
    return np.fromiter(map(schedule._at, steps.ravel().tolist()), float, steps.size).reshape(steps.shape)


def _described(step: Any, steps: NDArray[Any]) -> str:
    return f"an array of {steps.dtype}" if steps.ndim else f"{step!r} of type {type(step).__name__}"


class _Part(Kind):
    """A schedule inside another; a number is a constant one."""

    typed = False

    def checked(self, value: Any, call: str, name: str) -> Schedule:
        if isinstance(value, Schedule):
            return value
        if isinstance(value, bool) or not isinstance(value, Real):
            remedy = "fastlr.schedules.Function(...)" if callable(value) else "a number"
            if hasattr(value, "observe"):
                remedy = f"it the other way round: {type(value).__name__}({call.partition('(')[0]}(...), ...)"
            raise TypeError(
                f"{call.partition('(')[0]}: {name} must be a schedule, got {value!r} of type {type(value).__name__}; "
                f"make {remedy}"
            )
        return Constant(value)  # type: ignore[arg-type]  # any real number, which it checks

    def to_json(self, value: Any) -> Any:
        return value.to_dict()


Scheduled: TypeAlias = Annotated[Schedule | float, _Part()]
Schedules: TypeAlias = Annotated[Sequence[Schedule | float], Several(_Part())]


def part(field: Schedule | float) -> Schedule:
    """A field of such a type as it is stored: a schedule, also where a number was given."""
    return field  # type: ignore[return-value]  # check_fields has seen to it


def scheduled(value: Any) -> Schedule:
    """A schedule as it is, a number as a constant one."""
    return _Part().checked(value, "Schedule", "the other one")
