"""Schedules as plain JSON and back: `{"schedule": "Cosine", "peak": 0.1, ...}`, one inside another if need be."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastlr.schedules.base import Schedule
from fastlr.schedules.settings import closest, kinds

KEY = "schedule"
"""Beside the fields, the name of the family."""


def to_dict(schedule: Schedule) -> dict[str, Any]:
    """What `Schedule.to_dict` returns."""
    family = type(schedule)
    if families()[family.__name__] is not family:
        name = family.__name__
        raise TypeError(f"{name}.to_dict(): from_dict would make another family of that name; rename this one")
    return {
        KEY: family.__name__,
        **{name: kind.to_json(getattr(schedule, name)) for name, kind in kinds(family).items()},
    }


def families() -> dict[str, type[Schedule]]:
    """Every family by name, those that users defined as well; fastlr's own where a user's has the same."""
    from fastlr.schedules import FAMILIES  # not before all of them are there

    return {family.__name__: family for family in (*_below(Schedule), *FAMILIES)}


def _below(family: Any) -> Iterator[type[Schedule]]:
    for each in family.__subclasses__():
        yield each
        yield from _below(each)


def from_dict(document: Mapping[str, Any]) -> Schedule:
    """A schedule of what `to_dict` returned, which may have been through JSON.

    Parameters
    ----------
    document : mapping
        The family's name under "schedule", and its fields; those that are left out have their defaults.

    Returns
    -------
    Schedule

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


def made(family: type[Schedule], fields: Mapping[str, Any], call: str) -> Schedule:
    """The schedule with these fields, or an error that says which there are."""
    for key in fields:
        if key not in kinds(family):
            raise ValueError(f"{call} has no {key!r}{closest(key, kinds(family))} it has {_list(kinds(family))}")
    if missing := [name for name in required(family) if name not in fields]:
        raise ValueError(f"{call} needs {_list(missing)}; it has {_list(kinds(family))}")
    return family(**fields)


def required(family: type[Schedule]) -> list[str]:
    """The fields that have no default."""
    return [name for name in kinds(family) if not hasattr(family, name)]


def _list(names: Any) -> str:
    return ", ".join(names)
