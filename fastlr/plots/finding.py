"""A range test: the loss by the rate, with what was read off it."""

from typing import TYPE_CHECKING

import numpy as np

from fastlr.extras import extra
from fastlr.lab.finding import Finding
from fastlr.plots.style import COLOURS, finish, finish_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 10.0
"""Losses that span more than this factor are drawn on a logarithmic axis."""
RAMP, CHECKED, USE = COLOURS[0], COLOURS[1], COLOURS[2]


def finding(result: Finding) -> "Figure":
    """The loss after each step of the ramp: the median over the seeds, a band that holds them all, the robust fit.

    The bracket of rates is shaded, the suggestion a line; the short runs are points.

    Parameters
    ----------
    result : Finding

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; `plots.png` makes a file of it.

    Raises
    ------
    ModuleNotFoundError
        Without matplotlib.

    Examples
    --------
    >>> from fastlr import plots
    >>> from fastlr.lab import Quadratic, Workload, find_lr
    >>> figure = plots.finding(find_lr(Workload("bowl", Quadratic([1, 10]), epochs=100)))
    >>> figure.axes[0].get_xlabel()
    'learning rate'
    """
    with extra("lab"):
        from matplotlib.figure import Figure
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axes = figure.subplots()
    lowest, highest = _draw_ramp(axes, result)
    if result.suggestion is not None:
        _draw_bracket(axes, result)
    _draw_checked(axes, result)
    if result.check is not None:
        lowest = min(lowest, float(result.check.losses.min()))
    finish(axes, result.measured)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    tried = result.reading.rates[-1] if len(result.reading.rates) else result.rates[-1]
    axes.set_xlim(result.rates[0], min(3 * tried, result.rates[-1]))
    if lowest > 0 and highest > WIDE * lowest:
        axes.set_ylim(lowest / 1.15, highest * 1.15)
        finish_log(axes)
    else:
        room = 0.04 * (highest - lowest) or 1.0
        axes.set_ylim(lowest - room, highest + room)
    title = f"{result.name}, {result.optimizer}" if result.optimizer else result.name
    refusal = f"\nno suggestion: {result.reading.refusal}" if result.suggestion is None else ""
    axes.set_title(title + refusal, fontsize=11)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _draw_ramp(axes: "Axes", result: Finding) -> tuple[float, float]:
    """The seeds' losses, their median and its fit; the range of what is worth seeing."""
    reading = result.reading
    count = len(reading.rates)
    if count == 0:
        return 0.0, 1.0
    losses = result.losses[1 : count + 1]
    # a run that was stopped is not in the band from there on
    known = np.asarray(np.isfinite(losses).any(axis=1))
    some = np.where(known[:, None], losses, 0.0)
    if len(result.seeds) > 1:
        low, high = np.nanmin(some, axis=1), np.nanmax(some, axis=1)
        axes.fill_between(
            reading.rates, low, high, where=known, color=RAMP, alpha=0.18, linewidth=0, label="ramp: all seeds"
        )
    name = "ramp: median" if len(result.seeds) > 1 else "ramp"
    axes.plot(reading.rates, reading.losses, color=RAMP, linewidth=1.0, alpha=0.7, label=name)
    axes.plot(reading.rates, reading.values, color="0.15", linewidth=1.6, label="robust fit")
    return float(reading.losses.min()), float(max(reading.losses.max(), np.median(result.losses[0])))


def _draw_bracket(axes: "Axes", result: Finding) -> None:
    low, high = result.reading.useful, result.reading.stable
    axes.axvspan(low, high, color="0.5", alpha=0.13, linewidth=0, label=f"bracket: {low:.2g} to {high:.2g}")
    axes.axvline(result.suggestion or 0, color=USE, linewidth=2.2, label=f"use {result.suggestion:.2g}")


def _draw_checked(axes: "Axes", result: Finding) -> None:
    if result.check is None:
        return
    check = result.check
    label = f"runs of {check.steps:,} steps: median"
    middle = np.median(check.losses, axis=1)
    below, above = middle - check.losses.min(axis=1), check.losses.max(axis=1) - middle
    axes.errorbar(
        check.rates, middle, yerr=(below, above), fmt="o", color=CHECKED, markersize=5, linewidth=1.2, label=label
    )
