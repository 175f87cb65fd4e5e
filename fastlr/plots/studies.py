"""A study: a panel for each setting, as in the articles, with what the seeds make of it."""

from typing import TYPE_CHECKING

import numpy as np

from fastlr.extras import extra
from fastlr.lab.studies import StudyResult
from fastlr.plots.style import COLOURS, METRICS, finish

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARTS = (("train", COLOURS[0], "-"), ("test", COLOURS[1], "--"))


def study(result: StudyResult) -> "Figure":
    """Accuracy or R2 by epoch, train solid and test dashed: the median over the seeds, with a band that holds them all.

    Parameters
    ----------
    result : StudyResult

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
    >>> from fastlr.lab import blobs, study
    >>> figure = plots.study(study("momentum", blobs().for_epochs(5), seeds=2))
    >>> [axes.get_title() for axes in figure.axes]
    ['momentum 0', 'momentum 0.5', 'momentum 0.9', 'momentum 0.99']
    """
    with extra("lab"):
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    rows, columns = -(-len(result.settings) // 4), 4
    figure = Figure(figsize=(11.0, 0.9 + 2.5 * rows), layout=ConstrainedLayoutEngine(wspace=0.04))
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, label in zip(grid.flat, result.settings, strict=True):
        _draw(axes, result, label)
        axes.set_title(f"{result.varied} {label}".strip(), fontsize=10)
    for axes in grid.flat:
        axes.label_outer()
    low, high = grid[0, 0].get_ylim()
    # an R2 far below 0 would leave no room for the rest
    grid[0, 0].set_ylim(max(low, -0.5), min(high, 1.01))
    seeds = f"{len(result.seeds)} seeds" if len(result.seeds) > 1 else f"seed {result.seeds[0]}"
    figure.suptitle(f"{result.title}: {result.workload.name}, {seeds}, defaults {result.preset}", fontsize=11)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    return figure


def _draw(axes: "Axes", result: StudyResult, label: str) -> None:
    epochs = result.histories.epochs
    for part, colour, style in PARTS:
        curves = result.curve(label, f"{part}_metric")
        if len(result.seeds) > 1:
            low, high = np.min(curves, axis=1), np.max(curves, axis=1)
            axes.fill_between(epochs, low, high, color=colour, alpha=0.18, linewidth=0, label=f"{part}: all seeds")
        middle = np.median(curves, axis=1)
        axes.plot(epochs, middle, style, color=colour, linewidth=1.2, label=f"{part}: median")
    finish(axes, METRICS[result.workload.metric])
    axes.set_xlim(0, epochs[-1])
