"""Schedules as someone types them: `cosine`, `wsd:decay=200`, `piecewise:values=0.1,0.01,milestones=800`.

What can be typed is read off the families' fields.  The rate, the length and the warm-up of a run fill the fields that
are theirs, so that a name alone is enough for most families.
"""

import re
import textwrap
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

from fastlr.schedules import FAMILIES
from fastlr.schedules.base import Schedule
from fastlr.schedules.cycle import Cyclic, Interpolated, OneCycle, SlantedTriangular
from fastlr.schedules.plain import made
from fastlr.schedules.settings import Choice, Kind, closest, kinds
from fastlr.schedules.warmup import Warmup

RATES = ("peak", "initial", "value")
"""The fields that the rate of the run fills; every family has one of them at most."""
RISING = (OneCycle, SlantedTriangular, Cyclic, Interpolated)
"""The families that have a rise of their own, to which the run's warm-up is not added."""


def _name(family: type[Schedule]) -> str:
    """`CosineRestarts` is cosine-restarts."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", family.__name__).lower()


KNOWN: Mapping[str, type[Schedule]] = {
    _name(family): family for family in FAMILIES if all(kind.typed for kind in kinds(family).values())
}
"""The families whose fields can be typed, by name."""


def typed(text: str, *, lr: float, steps: int, warmup: int = 0) -> Schedule:
    """The schedule that someone typed, for a run.

    Parameters
    ----------
    text : str
        NAME or NAME:FIELD=VALUE,FIELD=VALUE; every family takes a field warmup too, for a linear rise in front of it.
    lr : float
        The rate: the field peak, initial or value, if it is not given.
    steps : int
        The length of the run, its warm-up included: the field total, if it is not given.
    warmup : int
        Steps of a rise for a family that has none of its own, if it is not given.

    Returns
    -------
    Schedule

    Raises
    ------
    ValueError, TypeError
        For what is no schedule; the message says what there is.

    Examples
    --------
    >>> from fastlr.schedules.typed import typed
    >>> typed("wsd:decay=200,shape=1-sqrt", lr=0.1, steps=1000, warmup=50)
    WSD(peak=0.1, total=1000, warmup=50, decay=200, shape='1-sqrt', final=0.0)
    """
    word, _, rest = text.partition(":")
    name = word.lower().replace("_", "-")
    if name not in KNOWN:
        raise ValueError(f"schedule {word!r}: unknown{closest(name, KNOWN)} there are {', '.join(KNOWN)}")
    family = KNOWN[name]
    given = _split(text, rest)
    rise = "0" if issubclass(family, RISING) else str(warmup)
    length = _parsed(text, Warmup, "warmup", given.pop("warmup", rise))
    values: dict[str, Any] = {key: lr for key in RATES if key in kinds(family)}
    inside = "warmup" in kinds(family)
    if inside and length:
        values["warmup"] = length
    if "total" in kinds(family):
        values["total"] = steps if inside else max(steps - length, 1)
    values |= {key: _parsed(text, family, key, value) for key, value in given.items()}
    schedule = made(family, values, f"schedule {text!r}: {name}")
    return schedule if inside or not length else Warmup(schedule, length)


def _split(text: str, rest: str) -> dict[str, str]:
    """The fields and values of "values=0.1,0.01,milestones=800": what has no "=" goes on with the value before it."""
    found: dict[str, str] = {}
    for part in filter(None, rest.split(",")):
        key, equals, value = part.partition("=")
        key = key.replace("-", "_")
        if equals and key in found:
            raise ValueError(f"schedule {text!r}: {key} must be given once, got it twice")
        if equals:
            found[key] = value
        elif found:
            found[list(found)[-1]] += f",{part}"
        else:
            raise ValueError(f"schedule {text!r}: must be NAME:FIELD=VALUE,FIELD=VALUE, got {part!r} for FIELD=VALUE")
    return found


def _parsed(text: str, family: type[Schedule], key: str, value: str) -> Any:
    kind = kinds(family).get(key)
    if kind is None:
        return value  # `made` says that there is no such field
    try:
        return kind.parsed(value)
    except (KeyError, ValueError, OverflowError):
        raise ValueError(f"schedule {text!r}: {key} cannot be {value!r}, it takes {kind}") from None


def described() -> str:
    """The families, their fields and the first line on each: LR and STEPS are the run's, `...` is needed."""
    return "\n".join(_paragraph(name, family) for name, family in KNOWN.items())


def _paragraph(name: str, family: type[Schedule]) -> str:
    told = ", ".join(_field(field, kinds(family)[field.name]) for field in fields(family))
    lines = (f"  {name}: {told}", "      " + (family.__doc__ or "").partition("\n")[0])  # no docstrings with -OO
    return "\n".join(textwrap.fill(line, 118, subsequent_indent="      ") for line in lines if line.strip())


def _field(field: Field[Any], kind: Kind) -> str:
    if field.name in RATES or field.name == "total":
        return f"{field.name}={'LR' if field.name in RATES else 'STEPS'}"
    if isinstance(kind, Choice):
        return f"{field.name}={'|'.join(kind.words)}"  # the first is the default
    return f"{field.name}={'...' if field.default is MISSING else str(field.default).lower()}"
