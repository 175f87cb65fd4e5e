"""What a schedule's fields may hold.  An annotation says it once, for checking, for JSON and for the command line.

`peak: Rate` means a float, finite and at least 0; `kinds(Cosine)["peak"]` is the `Number` that checks it.
"""

# ruff: noqa: D102  # the methods are those of Kind

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache, wraps
from itertools import pairwise
from numbers import Real
from types import NoneType
from typing import Annotated, Any, Literal, ParamSpec, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

LARGEST = 2**53
"""The most steps: whole numbers up to it are floats as well."""


class Kind:
    """What a field may hold."""

    def checked(self, value: Any, call: str, name: str) -> Any:
        """The value as it is stored, or an error that says what it must be."""
        raise NotImplementedError

    def parsed(self, text: str) -> Any:
        """The value that someone typed, not yet checked."""
        return text

    def to_json(self, value: Any) -> Any:
        """The value as `json` writes it."""
        return value

    @property
    def typed(self) -> bool:
        """Whether someone can type it."""
        return True


@dataclass(frozen=True)
class Number(Kind):
    """A finite number from `low` to `high`."""

    low: float = 0.0
    high: float = math.inf
    above: bool = False
    """Whether `low` itself is left out."""

    def checked(self, value: Any, call: str, name: str) -> float:
        if not isinstance(value, Real) or isinstance(value, bool):
            raise TypeError(f"{call}: {name} must be a number in {self}, got {value!r} of type {type(value).__name__}")
        try:
            number = float(value)
        except OverflowError:  # a whole number beyond the floats
            number = math.inf
        enough = number > self.low if self.above else number >= self.low
        if not (enough and number <= self.high and math.isfinite(number)):
            raise ValueError(f"{call}: {name} must be a number in {self}, got {value!r}")
        return number

    def parsed(self, text: str) -> float:
        return float(text)

    def __str__(self) -> str:
        end = "inf)" if math.isinf(self.high) else f"{self.high:g}]"
        return f"{'(' if self.above or math.isinf(self.low) else '['}{self.low:g}, {end}"


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number, at least `low`."""

    low: int = 0

    def checked(self, value: Any, call: str, name: str) -> int:
        number = _whole(value)
        if number is None:
            remedy = f"; write int({value!r})" if isinstance(value, float) and value.is_integer() else ""
            raise TypeError(f"{call}: {name} must be a whole number, got {value!r}{remedy}")
        if not self.low <= number <= LARGEST:
            raise ValueError(f"{call}: {name} must be a whole number in {self}, got {number}")
        return number

    def parsed(self, text: str) -> int:
        number = float(text)  # 1e4 is what people type
        if not number.is_integer():
            raise ValueError(text)
        return int(number)

    def __str__(self) -> str:
        return f"[{self.low}, 2**53]"


def _whole(value: Any) -> int | None:
    """The whole number that a value is; True is none, nor is an array of one."""
    try:
        return None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        return None


@dataclass(frozen=True)
class Several(Kind):
    """A tuple of one kind, perhaps one in which each is larger than the one before."""

    of: Kind
    increasing: bool = False
    least: int = 1

    def checked(self, value: Any, call: str, name: str) -> tuple[Any, ...]:
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise TypeError(f"{call}: {name} must be several, as in ({value!r},), got {type(value).__name__}")
        values = tuple(self.of.checked(part, call, f"{name}[{i}]") for i, part in enumerate(value))
        if len(values) < self.least:
            raise ValueError(f"{call}: {name} must have at least {self.least} entries, got {len(values)}")
        if self.increasing:
            for i, (before, after) in enumerate(pairwise(values)):
                if not before < after:
                    raise ValueError(
                        f"{call}: {name} must increase, got {before} and then {after} in {name}[{i + 1}]; "
                        "sort them and leave out what is there twice"
                    )
        return values

    def parsed(self, text: str) -> tuple[Any, ...]:
        return tuple(self.of.parsed(part) for part in text.split(","))

    def to_json(self, value: Any) -> list[Any]:
        return [self.of.to_json(part) for part in value]

    @property
    def typed(self) -> bool:
        return self.of.typed

    def __str__(self) -> str:
        return f"several in {self.of}{', increasing' if self.increasing else ''}"


@dataclass(frozen=True)
class Choice(Kind):
    """One of some words."""

    words: tuple[str, ...]

    def checked(self, value: Any, call: str, name: str) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise ValueError(f"{call}: {name} must be one of {', '.join(map(repr, self.words))}, got {value!r}")
        return value

    def __str__(self) -> str:
        return " or ".join(self.words)


@dataclass(frozen=True)
class Flag(Kind):
    """True or False."""

    def checked(self, value: Any, call: str, name: str) -> bool:
        if value is not True and value is not False:
            raise TypeError(f"{call}: {name} must be True or False, got {value!r}")
        return value

    def parsed(self, text: str) -> bool:
        return {"true": True, "yes": True, "false": False, "no": False}[text.lower()]

    def __str__(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class Optional(Kind):
    """Another kind, or None."""

    of: Kind

    def checked(self, value: Any, call: str, name: str) -> Any:
        return None if value is None else self.of.checked(value, call, name)

    def parsed(self, text: str) -> Any:
        return None if text.lower() == "none" else self.of.parsed(text)

    def to_json(self, value: Any) -> Any:
        return None if value is None else self.of.to_json(value)

    @property
    def typed(self) -> bool:
        return self.of.typed

    def __str__(self) -> str:
        return f"{self.of}, or none"


Finite: TypeAlias = Annotated[float, Number(low=-math.inf)]
Rate: TypeAlias = Annotated[float, Number()]
Share: TypeAlias = Annotated[float, Number(high=1.0)]
Positive: TypeAlias = Annotated[float, Number(above=True)]
Period: TypeAlias = Annotated[float, Number(low=1e-9)]
Divisor: TypeAlias = Annotated[float, Number(low=1.0)]
Factor: TypeAlias = Annotated[float, Number(low=1.0, high=1e6)]
Decay: TypeAlias = Annotated[float, Number(high=1.0, above=True)]
Count: TypeAlias = Annotated[int, Whole()]
Length: TypeAlias = Annotated[int, Whole(1)]
Rates: TypeAlias = Annotated[Sequence[float], Several(Number())]
Milestones: TypeAlias = Annotated[Sequence[int], Several(Whole(), increasing=True, least=0)]
Finites: TypeAlias = Annotated[Sequence[float], Several(Number(low=-math.inf), least=0)]
Knots: TypeAlias = Annotated[Sequence[float], Several(Number(low=-math.inf), increasing=True)]


@cache
def kinds(family: Any) -> dict[str, Kind]:
    """What the fields of a dataclass may hold, in the order of the signature."""
    hints = get_type_hints(family, include_extras=True)
    return {field.name: _kind(hints[field.name]) for field in fields(family) if field.init}


def _kind(hint: Any) -> Kind:
    arguments = get_args(hint)
    if get_origin(hint) is Annotated:
        return next(extra for extra in arguments if isinstance(extra, Kind))
    if get_origin(hint) is Literal:
        return Choice(arguments)
    if NoneType in arguments:
        return Optional(_kind(next(part for part in arguments if part is not NoneType)))
    if hint is bool:
        return Flag()
    raise TypeError(f"no kind for the annotation {hint!r}: use one of fastlr.schedules.settings, as in `peak: Rate`")


def check_fields(value: Any) -> None:
    """Check and store every field of a new dataclass, as it is written."""
    family: Any = type(value)
    for name, kind in kinds(family).items():
        given = getattr(value, name)
        call = f"{family.__name__}({name}={given!r})"
        object.__setattr__(value, name, kind.checked(given, call, name))


P = ParamSpec("P")
R = TypeVar("R")


def naming(make: Callable[P, R]) -> Callable[P, R]:
    """A function with another library's name and arguments: its errors begin with that name, which the user wrote."""

    @wraps(make)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return make(*args, **kwargs)
        except (TypeError, ValueError) as error:
            if str(error).startswith(make.__name__):
                raise
            raise type(error)(f"{make.__name__}: {error}") from error

    return called


def closest(word: object, known: Iterable[str]) -> str:
    """`, did you mean ...?` where one of the known words is close, or nothing."""
    from difflib import get_close_matches  # imported for an error only

    found = get_close_matches(str(word), list(known), n=1, cutoff=0.6)
    return f", did you mean {found[0]!r}?" if found else ","
