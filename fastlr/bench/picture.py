"""The picture of a race: the time per weight over the size, with the limit drawn.  Nothing is computed here."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from fastlr.bench.results import LIMIT, OURS, Race, Result
from fastlr.extras import extra
from fastlr.plots import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Curve: TypeAlias = list[Result]
DASHES = ("-", "--", ":", "-.")
BLACK = "#000000"
"""Ours."""


def curves(race: Race) -> "Figure":
    """Time per weight over the number of weights, logarithmic, a line a contestant; a panel an optimizer.

    Parameters
    ----------
    race : Race
        With at least one result.  Optimizers that were raced at one size only are drawn if there is no other.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; `fastlr.plots.png` makes a file of it.

    Raises
    ------
    ModuleNotFoundError
        Without matplotlib.
    """
    with extra("lab"):
        from matplotlib.figure import Figure
    panels = _panels(race)
    columns = min(len(panels), 3)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(2.5 + 5.5 * columns, 5.2 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    looks = _looks(race)
    for axes, curve in zip(grid.flat, panels, strict=False):
        _draw(axes, curve, looks)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("time of a step per weight (ns)")
    _shade_below_limit(figure.axes)
    figure.legend(handles=_legend(figure.axes), loc="outside right center", frameon=False, fontsize=9)
    return figure


def _panels(race: Race) -> list[Curve]:
    """Results that differ in size only; of many arrays none, for they are no point of a curve over the size."""
    found: dict[tuple[str, str, int], Curve] = {}
    for result in race.results:
        case = result.case
        if case.arrays == 1:
            found.setdefault((case.optimizer, case.dtype, case.threads), []).append(result)
    every = [sorted(curve, key=lambda result: result.case.total) for curve in found.values()]
    # two sizes are no curve, unless there is nothing better
    best = [[curve for curve in every if len(curve) >= sizes] for sizes in (3, 2, 1)]
    return next(filter(None, best), [list(race.results)])


def _looks(race: Race) -> dict[str, tuple[str, str]]:
    """Colour and dashes of each contestant: a colour a library, dashes for its ways of taking a step."""
    members: dict[str, set[str]] = {}
    for timing in (timing for result in race.results for timing in result.timings):
        members.setdefault(timing.library, set()).add(timing.contestant)
    colours = itertools.cycle(colour for colour in COLOURS if colour != BLACK)
    looks: dict[str, tuple[str, str]] = {}
    for library in race.versions:
        colour = {OURS: BLACK, LIMIT: "0.6"}.get(library) or next(colours)
        names = [name for name in race.contestants if name in members.get(library, ())]
        looks |= {name: (colour, dashes) for name, dashes in zip(names, itertools.cycle(DASHES), strict=False)}
    return looks


def _draw(axes: "Axes", curve: Curve, looks: dict[str, tuple[str, str]]) -> None:
    for name, (colour, dashes) in looks.items():
        points = [(result.case.total, result.timing(name)) for result in curve]
        drawn = [(total, timing.median / total * 1e9) for total, timing in points if timing is not None]
        if not drawn:
            continue
        x, y = zip(*drawn, strict=True)
        width = 2.6 if name == OURS else 1.5
        axes.plot(x, y, dashes, color=colour, linewidth=width, marker="o", markersize=3.5, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    case = curve[0].case
    axes.set_xlabel("weights")
    axes.yaxis.set_major_formatter("{x:,g}")
    threads = "1 thread" if case.threads == 1 else f"{case.threads} threads"
    axes.set_title(f"{case.optimizer}, {case.dtype}, {threads}", fontsize=11)
    axes.grid(color="0.85", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _shade_below_limit(panels: Sequence["Axes"]) -> None:
    """Where no step can be; they share the axis of times, which ends below the fastest of all."""
    bottom = panels[0].get_ylim()[0]
    for axes in panels:
        for line in axes.lines:
            if line.get_label() == LIMIT:
                axes.fill_between(line.get_xdata(), line.get_ydata(), bottom, color="0.92", zorder=0)
    panels[0].set_ylim(bottom=bottom)


def _legend(panels: Sequence["Axes"]) -> list["Line2D"]:
    """A line of each contestant, the slowest first, as they are at the right end of the first panel that has them."""
    seen: dict[object, Line2D] = {}
    for axes in panels:
        for line in axes.lines:
            seen.setdefault(line.get_label(), line)
    return sorted(seen.values(), key=lambda line: -float(np.asarray(line.get_ydata())[-1]))
