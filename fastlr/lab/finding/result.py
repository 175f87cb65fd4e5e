"""What a range test gave."""

import math
from dataclasses import dataclass
from html import escape

import numpy as np

from fastlr.lab.data import Floats
from fastlr.lab.finding.checking import Check
from fastlr.lab.finding.others import suggested
from fastlr.lab.finding.reading import Reading
from fastlr.lab.sweeps.tables import between

LIKE_THE_START = "no better than before training"


@dataclass(frozen=True, eq=False)
class Finding:
    """What a range test gave.  Notebooks show it as a table; `fastlr.plots.finding` draws it.

    Attributes
    ----------
    name, optimizer : str
        Of what was trained, and with what; "" where that is not known.
    measured : str
        What the losses are.
    rates : float64 array, shape (steps,)
        The ramp.
    losses : float64 array, shape (steps + 1, seeds)
        Before the first step and after each; NaN from where a run was stopped.
    seeds : tuple of int
    reading : Reading
        What the median over the seeds says: the robust fit of it with its slope, the bracket, or why there is none.
    ramped : float
        The rate that the ramp suggests; NaN if it was refused.
    by_seed : float64 array, shape (seeds,)
        The rate that each seed's ramp alone suggests; NaN where it says nothing.
    check : Check or None
        The short runs around `ramped`.

    Examples
    --------
    >>> from fastlr.lab import Quadratic, Workload, find_lr
    >>> finding = find_lr(Workload("bowl", Quadratic([1, 10]), epochs=300))
    >>> 0.05 < finding.suggestion < 0.2, finding.bracket[1] > 0.2
    (True, True)
    """

    name: str
    optimizer: str
    measured: str
    rates: Floats
    losses: Floats
    seeds: tuple[int, ...]
    reading: Reading
    ramped: float
    by_seed: Floats
    check: Check | None = None

    @property
    def suggestion(self) -> float | None:
        """The rate to use: that of the short runs, else that of the ramp; None if refused."""
        if self.reading.refusal:
            return None
        return self.ramped if self.check is None or math.isnan(self.check.best) else self.check.best

    @property
    def bracket(self) -> tuple[float, float] | None:
        """The lowest useful and the largest stable rate of the ramp; None if refused.

        Useful: a tenth of what the ramp gained is reached.  Stable: the loss has not turned up yet; a long run bears
        less than a ramp, so the upper end is a limit and no suggestion.
        """
        return None if self.reading.refusal else (self.reading.useful, self.reading.stable)

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds of what their ramps alone suggest, in decades; NaN for a single one."""
        known = np.log10(self.by_seed[np.isfinite(self.by_seed)])
        return float(known.std(ddof=1)) if len(known) > 1 else math.nan

    @property
    def steps(self) -> int:
        """Steps that all runs took together, at most."""
        taken = int(np.isfinite(self.losses[1:]).sum())
        return taken if self.check is None else taken + self.check.steps * self.check.losses.size

    def other(self, tool: str) -> float:
        """What another tool's rule says to the same curve, the median over the seeds: see `finding.OTHERS`."""
        return suggested(tool, self.reading.rates, self.reading.losses)

    @property
    def advice(self) -> str:
        """What to do, and why, in words."""
        name = self.optimizer or self.name
        if self.suggestion is None:
            return f"{name}: no suggestion: {self.reading.refusal}"
        low, high = self.reading.useful, self.reading.stable
        words = f"{name}: use {self.suggestion:.2g}; rates are useful from {low:.2g} on, and too high from {high:.2g}"
        return f"{words}; {self._grounds()}"

    def _grounds(self) -> str:
        if self.check is None:
            seeds = f", {self.spread:.2f} decades of deviation between seeds" if len(self.seeds) > 1 else ""
            return f"from the ramp alone{seeds}"
        length = f"{self.check.steps:,} steps"
        if math.isnan(self.check.best):
            return f"but at every rate that was checked runs of {length} were {LIKE_THE_START}: trust it little"
        tried = between((float(self.check.rates[0]), float(self.check.rates[-1])))
        longer = self.check.planned > self.check.steps
        for_longer = f", carried over to {self.check.planned:,}" if longer else ""
        return f"checked by runs of {length} at {len(self.check.rates)} rates, {tried}{for_longer}"

    def __repr__(self) -> str:
        return f"Finding({self.name!r}, {self.measured}, {self.steps:,} steps)\n{self.advice}"

    def _repr_html_(self) -> str:
        title = f"{self.name}: {self.measured}, {self.steps:,} steps"
        body = ""
        if self.suggestion is not None:
            cells = zip(HEADER, summary(self), strict=True)
            body = "".join(f"<tr><th>{escape(name)}</th><td>{escape(cell)}</td></tr>" for name, cell in cells)
            body = f"<table><tbody>{body}</tbody></table>"
        return f"<p><b>{escape(title)}</b></p>{body}<p>{escape(self.advice)}</p>"


HEADER = ("optimizer", "use", "useful from", "too high from", "ramp alone", "deviation (decades)", "steps")


def summary(finding: Finding) -> list[str]:
    """The cells below `HEADER`; dashes where it was refused."""
    numbers = (finding.suggestion, *(finding.bracket or (None, None)), finding.ramped)
    cells = ["-" if number is None or math.isnan(number) else f"{number:.3g}" for number in numbers]
    spread = "-" if math.isnan(finding.spread) else f"{finding.spread:.2f}"
    return [finding.optimizer, *cells, spread, f"{finding.steps:,}"]
