"""A race as tables: rows of text for the terminal, and Markdown for pages."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from fastlr.bench.cases import Case
from fastlr.bench.results import LIMIT, OURS, Race, Result, Timing

NOTHING = "-"
UNITS = ((1e-3, "\N{MICRO SIGN}s", 1e6), (1.0, "ms", 1e3), (float("inf"), "s", 1.0))
"""Below so many seconds, the unit, and how many of them are a second."""


def duration(seconds: float) -> str:
    """A time as people write it.

    >>> [duration(seconds) for seconds in (2e-7, 3.456e-5, 0.0346, 1.5)]
    ['0.200 µs', '34.6 µs', '34.6 ms', '1.50 s']
    """
    unit, scale = next((unit, scale) for below, unit, scale in UNITS if seconds < below)
    return f"{_digits(seconds * scale)} {unit}"


def times(ratio: float | None) -> str:
    """A ratio as people write it.

    >>> times(1.026), times(144.4)
    ('1.03', '144')
    """
    return NOTHING if ratio is None else _digits(ratio)


def _digits(value: float) -> str:
    """Three significant digits, never as a power of ten."""
    decimals = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return f"{value:,.{max(decimals, 0)}f}"


def summary(race: Race, *, speed: bool = True) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the one table: a row a case, a column a library, and in it how many times fastlr's time.

    Of a library that has several ways of taking a step, the one that was fastest in that case.

    Parameters
    ----------
    race : Race
    speed : bool
        With a column of how many GB fastlr moves in a second.

    Returns
    -------
    header : list of str
    rows : list of list of str
    """
    keys = _keys(race)
    columns: dict[str, Callable[[Result], str]] = {OURS: _ours}
    if speed:
        columns["GB/s"] = _speed
    for name in race.versions:
        if name != OURS:
            columns[name] = partial(_library, name)
    columns["best peer"] = _best_peer
    rows = [[*_key(result.case, keys), *(text(result) for text in columns.values())] for result in race.results]
    return [*keys, *columns], rows


def _ours(result: Result) -> str:
    timing = result.timing(OURS)
    return duration(timing.median) if timing else NOTHING


def _speed(result: Result) -> str:
    timing = result.timing(OURS)
    return _digits(result.speed(timing) / 1e9) if timing else NOTHING


def _library(name: str, result: Result) -> str:
    return times(result.ratio(result.best_of(name)))


def _best_peer(result: Result) -> str:
    best = result.best_peer
    return f"{best.contestant} {times(result.ratio(best))}" if best else NOTHING


COLUMNS: dict[str, Callable[[Case], str]] = {
    "optimizer": lambda case: case.optimizer,
    "weights": lambda case: case.size,
    "dtype": lambda case: case.dtype,
    "threads": lambda case: str(case.threads),
}


def _keys(race: Race) -> list[str]:
    """The columns that tell the cases apart."""
    cases = [result.case for result in race.results]
    return [
        name
        for name, text in COLUMNS.items()
        if name in ("optimizer", "weights") or len({text(case) for case in cases}) > 1
    ]


def _key(case: Case, keys: Iterable[str]) -> list[str]:
    return [COLUMNS[key](case) for key in keys]


def spreads(race: Race) -> tuple[list[str], list[list[str]]]:
    """Header and rows of all times: the median of each contestant, and half of the distance between the quartiles."""
    keys = _keys(race)
    rows = []
    for result in race.results:
        timings = [result.timing(name) for name in race.contestants]
        rows.append([*_key(result.case, keys), *(_spread(timing) for timing in timings)])
    return [*keys, *race.contestants], rows


def _spread(timing: Timing | None) -> str:
    if timing is None:
        return NOTHING
    low, high = timing.quartiles
    return f"{duration(timing.median)} \N{PLUS-MINUS SIGN} {(high - low) / 2 / timing.median:.0%}"


def absences(race: Race) -> list[str]:
    """A sentence for everything that did not take part: libraries, contestants in a case, cases."""
    said = []
    for missing in race.missing:
        how = f": {missing.install}" if missing.install else ""
        said.append(f"{missing.library} did not take part: {missing.reason}{how}")
    grouped: dict[tuple[str, str], list[str]] = {}
    for result in race.results:
        for absence in result.absences:
            grouped.setdefault((absence.contestant, absence.reason), []).append(str(result.case))
    for (contestant, reason), cases in grouped.items():
        more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
        said.append(f"{contestant}: {reason} ({cases[0]}{more})")
    said += [f"{left_out.case} was left out: {left_out.reason}" for left_out in race.left_out]
    return said


def remarks(race: Race) -> list[str]:
    """How to read the table, in a sentence each."""
    return [
        f"{OURS}: the time of a step, the median of {race.rounds} rounds; the other columns: how many times as long "
        "they take, the median of the rounds' ratios",
        f"{LIMIT}: the same reads and writes without an optimizer, on arrays of its own; "
        f"GB/s: how fast {OURS} moves what a step must read and write",
    ]


def described(race: Race) -> str:
    """The machine and the versions, in a line."""
    machine = race.machine
    caches = ", ".join(f"{name} {_bytes(size)}" for name, size in machine["caches"].items())
    parts = [
        f"{machine['processor']}, {machine['processors']} processors",
        f"caches {caches}" if caches else "",
        f"memory {_bytes(machine['memory'])}" if machine["memory"] else "",
        machine["system"],
        f"Python {machine['python']}",
        f"instruction set {machine['instruction set']}",
        ", ".join(f"{name} {version}" for name, version in race.versions.items() if name != LIMIT),
        machine["date"],
    ]
    return "; ".join(filter(None, parts))


def _bytes(count: int) -> str:
    for unit, size in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"


def markdown(race: Race) -> str:
    """The race as a page: the table, all times with their spread, and who did not take part.

    Parameters
    ----------
    race : Race

    Returns
    -------
    str
        Markdown, from the machine to the absences; without a title.
    """
    parts = [
        described(race),
        _table(*summary(race)),
        _items(remarks(race)),
        f"All times, medians of {race.rounds} rounds \N{PLUS-MINUS SIGN} half the distance between their quartiles:",
        _table(*spreads(race)),
    ]
    absent = absences(race)
    if absent:
        parts += ["What did not take part:", _items(absent)]
    return "\n\n".join(parts) + "\n"


def _items(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Words to the left, numbers to the right."""
    rule = ["---" if name in ("optimizer", "dtype", "best peer") else "---:" for name in header]
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, rule, *rows])
