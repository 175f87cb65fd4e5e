"""What is probably wrong with a schedule, said before a single step is trained.

Most of it is read off the rates of the whole run.  What a schedule was meant to do is read off its families: a warm-up
is to be shorter than the run, a cycle is to be finished, two parts are to meet.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fastlr.schedules.base import Schedule, part
from fastlr.schedules.compose import Function, Sequential
from fastlr.schedules.cosine import Cosine, CosineRestarts
from fastlr.schedules.driven import Driven
from fastlr.schedules.drops import MultiStep, Piecewise
from fastlr.schedules.landmarks import JUMP, AnySchedule, jumps, known, sampled

NOTHING = 0.01
"""A rate under this share of the peak trains next to nothing; so does a difference of it ..."""
WASTED = 0.5
"""... and more than this share of the run at such rates is too much."""
SHOWN = 3
"""How many milestones a remark names."""
UNFINISHED = 0.1
"""How far above its final rate, as a share of the way down, the last cycle of restarts may end."""


@dataclass(frozen=True)
class Remark:
    """Something that is probably wrong.

    Attributes
    ----------
    code : str
        Its kind: the name of the check in a word or two.
    words : str
        What is wrong, with the numbers, and what to do about it.
    """

    code: str
    words: str

    def __str__(self) -> str:
        return self.words


def check(schedule: AnySchedule, steps: int) -> tuple[Remark, ...]:
    """What is probably wrong with a schedule for a run of so many steps.

    Negative or non-finite rates; a decay to under 1 % of the peak with more than half of the run left; a warm-up that
    is longer than the run; a run that ends before the schedule, before a milestone, or in the middle of a cycle; a
    cosine that climbs again; parts that do not meet; a rate above the first one where nothing was meant to rise.  Where
    a remark is about a part, its steps are counted from where that part begins.

    Parameters
    ----------
    schedule : Schedule, or any function of the step, or a number
        Of a driven one (`Plateau`, `Greedy`), what it does if nothing more is observed.
    steps : int
        The length of the run, in [1, 10 million].

    Returns
    -------
    tuple of Remark
        Empty if nothing is wrong.

    Examples
    --------
    >>> from fastlr.schedules import Cosine, check
    >>> for remark in check(Cosine(0.1, total=300), steps=1000):
    ...     print(remark)
    under 1 % of the peak from step 281 on, 72 % of the run: make the schedule longer, or the run shorter
    >>> check(Cosine(0.1, total=1000), steps=1000)
    ()
    """
    rates = sampled("check", schedule, steps)
    wrong = tuple(_impossible(rates))
    if wrong:
        return wrong  # the rest would be about nonsense
    ours = known(schedule)
    inside = list(walk(part(ours.of) if isinstance(ours, Driven) else ours, steps))
    found = [*_early(rates), *(remark for node, own in inside for look in LOOKS for remark in look(node, own))]
    found += _jumping(rates, inside)
    found += _rising(rates, inside)
    return tuple(dict.fromkeys(found))


def walk(schedule: Schedule, steps: int) -> Iterator[tuple[Schedule, int]]:
    """A schedule and all inside it that the run reaches, each with the number of its own steps that it does."""
    yield schedule, steps
    for inside, own in schedule._parts(steps):
        if own > 0:
            yield from walk(inside, own)


def _impossible(rates: NDArray[np.float64]) -> Iterator[Remark]:
    for code, bad in (("not finite", ~np.isfinite(rates)), ("negative", rates < 0)):
        if bad.any():
            first = int(bad.argmax())
            yield Remark(code, f"{code} at step {first:,}: {rates[first]}; no optimizer takes this rate")


def _early(rates: NDArray[np.float64]) -> Iterator[Remark]:
    begin = int(np.flatnonzero(rates >= NOTHING * rates.max())[-1]) + 1
    share = 1.0 - begin / len(rates)
    if share > WASTED:
        yield Remark(
            "early end",
            f"under {NOTHING:.0%} of the peak from step {begin:,} on, {share:.0%} of the run: ".replace("%", " %")
            + "make the schedule longer, or the run shorter",
        )


def _warmup(node: Schedule, steps: int) -> Iterator[Remark]:
    warmup = getattr(node, "warmup", 0)
    if warmup > steps:
        yield Remark(
            "long warm-up",
            f"the warm-up of {warmup:,} steps is not over when its {steps:,} steps are: shorten it",
        )


def _cut(node: Schedule, steps: int) -> Iterator[Remark]:
    total = getattr(node, "total", None)
    if total is None or total <= steps:
        return
    end, meant = node(steps - 1), node(total)
    if abs(end - meant) > NOTHING * max(node(0), end, getattr(node, "peak", 0.0)):
        yield Remark(
            "cut off",
            f"{type(node).__name__} takes {total:,} steps and gets {steps:,}: it ends at "
            f"{end:.3g} rather than {meant:.3g}; set total={steps}",
        )


def _unreached(node: Schedule, steps: int) -> Iterator[Remark]:
    if not isinstance(node, MultiStep | Piecewise | Sequential) or not node.milestones or node.milestones[-1] <= steps:
        return
    missed = [f"{milestone:,}" for milestone in node.milestones if milestone > steps]
    more = f" and {len(missed) - SHOWN:,} more" if len(missed) > SHOWN else ""
    yield Remark(
        "unreached",
        f"{type(node).__name__} gets {steps:,} steps and never comes to milestone {', '.join(missed[:SHOWN])}{more}: "
        "make the run longer, or leave out what is after its end",
    )


def _climbing(node: Schedule, steps: int) -> Iterator[Remark]:
    if isinstance(node, Cosine) and node.after == "rise" and steps > node.total + 1:
        yield Remark(
            "climbs again",
            f"the cosine climbs again after step {node.total:,}, as torch's does: set total={steps}, "
            "or after='hold', or use CosineRestarts",
        )


def _unfinished(node: Schedule, steps: int) -> Iterator[Remark]:
    if not isinstance(node, CosineRestarts):
        return
    k, start, length = node.cycle(steps - 1)
    top, end = node(round(start)), node(steps - 1)
    # a cycle's last step just misses the minimum
    if steps < round(start + length) and end - node.final > UNFINISHED * (top - node.final) > 0.0:
        ends = f"{round(start):,} or {round(start + length):,}" if k else f"{round(length):,}"
        yield Remark(
            "unfinished cycle",
            f"the run ends in cycle {k + 1} of the restarts at {end:.3g}, before its minimum of {node.final:.3g}: "
            f"a cycle ends after {ends} steps of its own",
        )


def _gaps(node: Schedule, steps: int) -> Iterator[Remark]:
    if not isinstance(node, Sequential):
        return
    parts = [part(each) for each in node.parts]
    lengths = (after - before for before, after in pairwise((0, *node.milestones)))
    for milestone, length, before, after in zip(node.milestones, lengths, parts, parts[1:], strict=False):
        last, first = before(length), after(0)  # what the part before would have come to, and what comes instead
        if 0 < milestone < steps and abs(last - first) > JUMP * max(last, first):
            yield Remark(
                "gap",
                f"the parts do not meet at step {milestone:,}: {type(before).__name__} comes to {last:.3g}, "
                f"{type(after).__name__} begins at {first:.3g}",
            )


LOOKS: tuple[Callable[[Schedule, int], Iterator[Remark]], ...] = (
    _warmup,
    _cut,
    _unreached,
    _climbing,
    _unfinished,
    _gaps,
)
"""What is asked of every schedule inside, with the number of its own steps."""


def _jumping(rates: NDArray[np.float64], inside: list[tuple[Schedule, int]]) -> Iterator[Remark]:
    """Of a function only: the families that jump are meant to."""
    found = jumps(rates) if any(isinstance(node, Function) for node, _ in inside) else ()
    for step in found[:1]:
        more = f", and at {len(found) - 1} more" if len(found) > 1 else ""
        yield Remark("jump", f"jumps from {rates[step - 1]:.3g} to {rates[step]:.3g} at step {step:,}{more}")


def _rising(rates: NDArray[np.float64], inside: list[tuple[Schedule, int]]) -> Iterator[Remark]:
    above = rates > rates[0] * (1.0 + 1e-9)
    if above.any() and not any(node.rises for node, _ in inside):
        yield Remark(
            "above the first",
            f"rises above its first rate of {rates[0]:.3g} at step {int(above.argmax()):,}, to {rates.max():.3g}",
        )
