"""What a race found out: every time of every round, and what follows from them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastlr.bench.cases import Case

OURS, LIMIT = "fastlr", "limit"


@dataclass(frozen=True)
class Timing:
    """A contestant in a case.

    Attributes
    ----------
    contestant : str
    library : str
    seconds : tuple of float
        Of a step, in each round.
    """

    contestant: str
    library: str
    seconds: tuple[float, ...]

    @cached_property
    def median(self) -> float:
        """Seconds of a step: half of the rounds took less."""
        return statistics.median(self.seconds)

    @cached_property
    def quartiles(self) -> tuple[float, float]:
        """Seconds between which the middle half of the rounds lies."""
        if len(self.seconds) == 1:
            return self.seconds[0], self.seconds[0]
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return low, high

    def ratio(self, to: "Timing") -> float:
        """How many times the time of another: the median of the rounds' ratios, so that drift cancels."""
        return statistics.median(a / b for a, b in zip(self.seconds, to.seconds, strict=True))


@dataclass(frozen=True)
class Absence:
    """A contestant that did not take part in a case, or did not come to its end."""

    contestant: str
    reason: str


@dataclass(frozen=True)
class Result:
    """A case and all who raced in it."""

    case: Case
    timings: tuple[Timing, ...]
    absences: tuple[Absence, ...] = ()

    def timing(self, contestant: str) -> Timing | None:
        """That of a contestant, if it took part."""
        return next((timing for timing in self.timings if timing.contestant == contestant), None)

    @property
    def best_peer(self) -> Timing | None:
        """The fastest of all but fastlr and the limit."""
        return self._fastest([timing for timing in self.timings if timing.contestant not in (OURS, LIMIT)])

    def best_of(self, library: str) -> Timing | None:
        """The fastest of a library's contestants."""
        return self._fastest([timing for timing in self.timings if timing.library == library])

    def _fastest(self, timings: Sequence[Timing]) -> Timing | None:
        """By the ratios that the table shows, which drift moves less than the times."""
        return min(timings, key=lambda timing: self.ratio(timing) or timing.median, default=None)

    def ratio(self, timing: Timing | None, to: str = OURS) -> float | None:
        """How many times the time of another contestant; None if one of them is missing."""
        other = self.timing(to)
        return None if timing is None or other is None else timing.ratio(other)

    def speed(self, timing: Timing) -> float:
        """Bytes per second of what a step must at least move."""
        return self.case.traffic / timing.median


@dataclass(frozen=True)
class Missing:
    """A library that could not take part at all."""

    library: str
    reason: str
    install: str


@dataclass(frozen=True)
class LeftOut:
    """A case that was not raced."""

    case: Case
    reason: str


@dataclass(frozen=True)
class Race:
    """All that one run found out.

    Attributes
    ----------
    machine : dict
        See `fastlr.bench.machine.facts`.
    versions : dict of str to str
        Of each library that took part.
    entered : tuple of str
        All contestants of these libraries, in the order of the table.
    rounds : int
        Turns of each contestant in each case.
    seconds : float
        How long the race took.
    results : tuple of Result
    missing : tuple of Missing
    left_out : tuple of LeftOut
    interrupted : bool
        Whether it was stopped before the last case.
    """

    machine: dict[str, Any]
    versions: dict[str, str]
    entered: tuple[str, ...]
    rounds: int
    seconds: float
    results: tuple[Result, ...]
    missing: tuple[Missing, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    interrupted: bool = False

    @property
    def contestants(self) -> list[str]:
        """Those of the entered that appear in a result."""
        seen = {timing.contestant for result in self.results for timing in result.timings}
        return [name for name in self.entered if name in seen]
