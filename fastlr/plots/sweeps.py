"""A sweep: the U curve of each optimizer, with its basin and its cliff."""

from typing import TYPE_CHECKING

from fastlr.extras import extra
from fastlr.lab.sweeps import Curve, Sweep
from fastlr.plots.style import finish, finish_log, looks

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 10.0
"""Losses that span more than this factor are drawn on a logarithmic axis."""


def sweep(result: Sweep) -> "Figure":
    """The loss at the end by learning rate: the median over the seeds, with a band that holds them all.

    The best rate is a dot, the basin a broad line along the curve, the cliff a dotted one.  Lost runs are drawn at the
    loss before training.

    Parameters
    ----------
    result : Sweep

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
    >>> from fastlr.lab import Quadratic, Workload, sweep
    >>> figure = plots.sweep(sweep(Workload("bowl", Quadratic([1, 10]), epochs=20), rates=[0.01, 0.1, 1], seeds=2))
    >>> figure.axes[0].get_xlabel()
    'learning rate'
    """
    with extra("lab"):
        from matplotlib.figure import Figure
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axes = figure.subplots()
    for curve, (colour, marker) in zip(result.curves, looks(len(result.curves)), strict=True):
        _draw(axes, curve, colour, marker)
    axes.axhline(result.curves[0].start, color="0.35", linewidth=1, linestyle=(0, (1, 3)), label="before training")
    finish(axes, result.measured)
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    rates = [rate for curve in result.curves for rate in curve.rates]
    axes.set_xlim(min(rates) / 1.15, max(rates) * 1.15)
    lowest = min(curve.clipped.min() for curve in result.curves)
    highest = max(curve.clipped.max() for curve in result.curves)
    if lowest > 0 and highest > WIDE * lowest:
        finish_log(axes)
    axes.set_title(result.workload, fontsize=11)
    handles = [*axes.get_legend_handles_labels()[0], *_explanations(result)]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _explanations(result: Sweep) -> "list[Artist]":
    """What bands and lines mean, in grey: they are alike for all optimizers."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    grey = "0.45"
    found: list[Artist] = [Line2D([], [], color=grey, linewidth=7, alpha=0.35, label="basin")]
    if any(curve.cliff is not None for curve in result.curves):
        found.append(Line2D([], [], color=grey, linewidth=1.4, linestyle=":", label="cliff"))
    if len(result.curves[0].seeds) > 1:
        found.append(Patch(color=grey, alpha=0.15, linewidth=0, label="all seeds (line: median)"))
    return found


def _draw(axes: "Axes", curve: Curve, colour: str, marker: str) -> None:
    rates, losses = curve.rates, curve.clipped
    if len(curve.seeds) > 1:
        axes.fill_between(rates, losses.min(axis=1), losses.max(axis=1), color=colour, alpha=0.15, linewidth=0)
    axes.plot(rates, curve.medians, color=colour, marker=marker or ".", markersize=4, linewidth=1.5)
    low, high = curve.basin
    inside = (rates >= low) & (rates <= high)
    axes.plot(rates[inside], curve.medians[inside], color=colour, linewidth=7, alpha=0.35, solid_capstyle="round")
    label = f"{curve.optimizer}: best {curve.best:.3g}"
    if curve.cliff is not None:
        label += f", cliff {curve.cliff:.3g}"
        axes.axvline(curve.cliff, color=colour, linewidth=1.4, linestyle=":")
    axes.plot(curve.best, curve.best_loss, "o", color=colour, markersize=9, markeredgecolor="white", label=label)
