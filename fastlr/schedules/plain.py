"""Schedules as plain JSON and back: `{"schedule": "Cosine", "peak": 0.1, ...}`, one inside another if need be."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fastlr.schedules.base import Schedule
from fastlr.schedules.settings import closest, kinds

if TYPE_CHECKING:
    from fastlr.schedules.driven import Driven

KEY = "schedule"
"""Beside the fields, the name of the family."""


def to_dict(schedule: "Schedule | Driven") -> dict[str, Any]:
    """What `Schedule.to_dict` and `Driven.to_dict` return."""
    family = type(schedule)
    if families()[family.__name__] is not family:
        name = family.__name__
        raise TypeError(f"{name}.to_dict(): from_dict would make another family of that name; rename this one")
    return {
        KEY: family.__name__,
        **{name: kind.to_json(getattr(schedule, name)) for name, kind in kinds(family).items()},
    }


def families() -> dict[str, Any]:
    """Every family by name, those that users defined as well; fastlr's own where a user's has the same."""
    from fastlr.schedules import FAMILIES, Driven, Greedy, Plateau  # not before all of them are there

    every = (*_below(Schedule), *_below(Driven), *FAMILIES, Plateau, Greedy)
    return {family.__name__: family for family in every}


def _below(family: Any) -> Iterator[Any]:
    for each in family.__subclasses__():
        yield each
        yield from _below(each)


def from_dict(document: Mapping[str, Any]) -> Any:
    """A schedule of what `to_dict` returned, which may have been through JSON.

    One that follows a metric begins anew: what it has observed is in its `state_dict()`.

    Parameters
    ----------
    document : mapping
        The family's name under "schedule", and its fields; those that are left out have their defaults.

    Returns
    -------
    Schedule or Driven

    Raises
    ------
    ValueError, TypeError
        For an unknown family or field, a field that is missing, or a value out of its range.

    Examples
    --------
    >>> import json
    >>> from fastlr.schedules import Cosine, Warmup, from_dict
    >>> schedule = Warmup(Cosine(0.1, 1000), 100)
    >>> from_dict(json.loads(json.dumps(schedule.to_dict()))) == schedule
    True
    """
    if not isinstance(document, Mapping):
        raise TypeError(f"from_dict: must be what to_dict() returned, got {type(document).__name__}")
    known = families()
    name = document.get(KEY)
    if not isinstance(name, str) or name not in known:
        guess = closest(name, known) if isinstance(name, str) else ","
        raise ValueError(
            f"from_dict: {KEY!r} must be the name of a family, got {name!r}{guess} there are {_list(known)}"
        )
    fields = {key: _read(value) for key, value in document.items() if key != KEY}
    return made(known[name], fields, f"from_dict: {name}")


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return from_dict(value)
    return [_read(part) for part in value] if isinstance(value, list | tuple) else value


def made(family: Any, fields: Mapping[str, Any], call: str) -> Any:
    """The schedule with these fields, or an error that says which there are."""
    for key in fields:
        if key not in kinds(family):
            raise ValueError(f"{call} has no {key!r}{closest(key, kinds(family))} it has {_list(kinds(family))}")
    if missing := [name for name in required(family) if name not in fields]:
        raise ValueError(f"{call} needs {_list(missing)}; it has {_list(kinds(family))}")
    return family(**fields)


def required(family: Any) -> list[str]:
    """The fields that have no default."""
    return [name for name in kinds(family) if not hasattr(family, name)]


def _list(names: Any) -> str:
    return ", ".join(names)
