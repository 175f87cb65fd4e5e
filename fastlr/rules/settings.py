"""Hyperparameters: their ranges, their defaults, which of them may change from step to step."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any, Literal, TypeAlias, cast

Like: TypeAlias = Literal["torch", "keras", "optax", "sklearn"]
LIBRARIES: tuple[Like, ...] = ("torch", "keras", "optax", "sklearn")

Schedulable: TypeAlias = float | Callable[[int], float]
"""A number, or a function of the 0-based step."""


@dataclass(frozen=True)
class Default:
    """A setting's value where the user gave none: it depends on `like`."""

    value: Any
    by_like: tuple[tuple[str, Any], ...]

    def __post_init__(self) -> None:
        if unknown := {library for library, _ in self.by_like}.difference(LIBRARIES):
            raise TypeError(f"a setting's default may differ by {', '.join(LIBRARIES)}, got {min(unknown)!r}")

    def of(self, like: str) -> Any:
        return dict(self.by_like).get(like, self.value)

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Setting:
    """The range of a hyperparameter, and the names of its parts where it is a tuple."""

    low: float = -math.inf
    below: float = math.inf
    parts: tuple[str, ...] = ()
    schedulable: bool = True

    def checked(self, value: Any, call: str, name: str) -> Any:
        """The value as plain floats and functions of the step, or an error that says what it must be."""
        if not self.parts:
            return self._one(value, call, name)
        if not isinstance(value, tuple | list) or len(value) != len(self.parts):
            raise TypeError(f"{call}: {name} must be {len(self.parts)} numbers, got {value!r}")
        return tuple(self._one(part, call, f"{name}[{i}]") for i, part in enumerate(value))

    def _one(self, value: Any, call: str, name: str) -> Schedulable:
        if callable(value) and self.schedulable:
            return cast("Callable[[int], float]", value)
        return self.number(value, call, name)

    def number(self, value: Any, call: str, name: str) -> float:
        """The value as a float in the range."""
        if not isinstance(value, Real) or isinstance(value, bool):
            kind = "a number or a function of the step" if self.schedulable else "a number"
            raise TypeError(f"{call}: {name} must be {kind}, got {value!r} of type {type(value).__name__}")
        try:
            number = float(value)
        except OverflowError:  # a whole number beyond the floats
            number = math.inf
        if not (self.low <= number < self.below and math.isfinite(number)):
            raise ValueError(f"{call}: {name} must be in {self}, got {number!r}")
        return number

    def split(self, name: str, value: Any) -> list[tuple[str, str, Any]]:
        """(argument of the coefficients, what errors call it, value) of each part."""
        if not self.parts:
            return [(name, name, value)]
        return [(part, f"{name}[{i}]", value[i]) for i, part in enumerate(self.parts)]

    def __str__(self) -> str:
        return f"{'[' if self.low > -math.inf else '('}{self.low:g}, {self.below:g})"


@dataclass(frozen=True)
class Varying:
    """A number that a function of the step gives."""

    index: int
    """Which of the coefficients' settings it is."""
    rule: str
    name: str
    kind: Setting
    function: Callable[[int], float]

    def at(self, step: int) -> float:
        """The number for 0-based step `step`, or an error that says what the function gave."""
        value: Any = self.function(step)
        if type(value) is float and self.kind.low <= value < self.kind.below and value > -math.inf:
            return value  # nothing to explain, and every step passes here
        # A schedule may return a NumPy scalar or 0-d array.
        plain = value.item() if getattr(value, "ndim", None) == 0 else value
        call, name = f"{self.rule}({self.name}={self.function!r})", f"{self.name}({step})"
        if callable(plain):
            raise TypeError(f"{call}: {name} must be a number, got {plain!r}")
        return replace(self.kind, schedulable=False).number(plain, call, name)


@dataclass(frozen=True)
class Flag:
    """An option that is on or off."""

    def checked(self, value: Any, call: str, name: str) -> bool:
        if value is not True and value is not False:
            raise TypeError(f"{call}: {name} must be True or False, got {value!r}")
        return value


def setting(
    default: Any,
    *,
    low: float = -math.inf,
    below: float = math.inf,
    parts: tuple[str, ...] = (),
    schedulable: bool = True,
    **by_like: Any,
) -> Any:
    """A field of a rule: a number in [low, below), or several (`parts` names them); defaults may differ by `like`.

    It may be a function of the step too, unless the optimizer needs it before the first.
    """
    kind = Setting(low, below, parts, schedulable)
    return field(default=Default(default, tuple(by_like.items())), metadata={"kind": kind})


def flag(default: bool, **by_like: bool) -> Any:
    """A field of a rule that is on or off."""
    return field(default=Default(default, tuple(by_like.items())), metadata={"kind": Flag()})


def above_zero(value: Any, call: str, name: str) -> float:
    """The value as a float above zero, or an error."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{call}: {name} must be a number, got {value!r} of type {type(value).__name__}")
    number = float(value)
    if not 0 < number < math.inf:
        raise ValueError(f"{call}: {name} must be in (0, inf), got {number!r}")
    return number


def whole(value: Any, call: str, name: str, low: int) -> int:
    """The value as a whole number of at least `low`, or an error."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ValueError(f"{call}: {name} must be a whole number, at least {low}, got {value!r}")
    return value
