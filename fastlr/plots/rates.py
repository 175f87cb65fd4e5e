"""Schedules: the learning rate by step."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fastlr.extras import extra
from fastlr.plots.style import finish, looks
from fastlr.schedules.landmarks import AnySchedule, known
from fastlr.schedules.settings import Whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

POINTS = 10_000
"""Of a line at most: more than a picture has columns."""
LETTERS = 100
"""Of a legend's line, below a picture of seven inches."""


def schedules(named: Mapping[str, AnySchedule], steps: int) -> "Figure":
    """The learning rate by step, a colour for each schedule.

    Parameters
    ----------
    named : mapping of str to Schedule, or any function of the step, or a number
        By the names for the legend; the title, if it is one only.
    steps : int
        The length of the run; of one above 10,000, so many steps are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; `figure.savefig(...)` writes it.

    Raises
    ------
    ModuleNotFoundError
        Without matplotlib.
    ValueError, TypeError
        If `steps` is no whole number from 1 up.

    Examples
    --------
    >>> from fastlr import plots
    >>> from fastlr.schedules import Cosine, Warmup
    >>> figure = plots.schedules({"cosine": Warmup(Cosine(0.1, 900), 100), "constant": 0.1}, steps=1000)
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['cosine', 'constant']
    """
    steps = Whole(1).checked(steps, f"schedules(steps={steps!r})", "steps")
    with extra("lab"):
        from matplotlib.figure import Figure
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes = figure.subplots()
    shown = np.unique(np.linspace(0, steps - 1, min(steps, POINTS)).astype(int))
    for (name, schedule), (colour, marker) in zip(named.items(), looks(len(named)), strict=True):
        rates = known(schedule)(shown)
        axes.plot(shown, rates, color=colour, marker=marker, markevery=0.1, markersize=4, linewidth=1.6, label=name)
    finish(axes, "learning rate")
    axes.set_xlabel("step")
    axes.set_xlim(0, max(steps - 1, 1))
    axes.set_ylim(bottom=0)
    if len(named) > 1:
        # as many columns as fit: what stands for a line is as wide as six letters
        columns = LETTERS // (max(map(len, named)) + 6)
        figure.legend(loc="outside lower center", ncols=max(columns, 1), frameon=False, fontsize=9)
    else:
        axes.set_title(next(iter(named), ""), fontsize=11)
    return figure
