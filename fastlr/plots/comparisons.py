"""A comparison of optimizers: loss and metric by epoch."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastlr.extras import extra
from fastlr.lab.results import Comparison, Run
from fastlr.plots.style import LOSSES, METRICS, finish, finish_log, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def curves(comparison: Comparison) -> "Figure":
    """Loss and metric by epoch, a colour for each optimizer, train solid and test dashed.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    matplotlib.figure.Figure
        Belongs to no window; `figure.savefig(...)` writes it.

    Raises
    ------
    ModuleNotFoundError
        Without matplotlib.

    Examples
    --------
    >>> from fastlr import plots
    >>> from fastlr.lab import Configuration, choose, compare, load
    >>> figure = plots.curves(compare(load("iris"), choose(["sgd", "adam"]), Configuration(epochs=3)))
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss: cross-entropy (nats)', 'accuracy']
    """
    with extra("lab"):
        from matplotlib.figure import Figure
    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    runs = comparison.runs
    chosen = looks(len(runs))
    metric = "r2" if comparison.model.loss == "mse" else "accuracy"
    for run, look in zip(runs, chosen, strict=True):
        _draw(left, run, "", *look)
        _draw(right, run, metric, *look)
    finish_log(left)
    # an R2 far below 0, as before training, would leave no room for the rest
    right.set_ylim(bottom=max(right.get_ylim()[0], -0.5), top=1.01)
    finish(left, LOSSES[comparison.model.loss])
    finish(right, METRICS[metric])
    sizes = "-".join(map(str, comparison.model.sizes))
    figure.suptitle(f"{comparison.data.name}, network {sizes}", fontsize=11)
    _legend(figure, runs, chosen)
    return figure


def _draw(axes: "Axes", run: Run, metric: str, colour: str, marker: str) -> None:
    """A run's loss, or its metric of that name: train solid, test dashed, a cross where it diverged."""
    epochs = [entry.epoch for entry in run.history]
    for part, style in (("train", "-"), ("test", "--")):
        scores = [getattr(entry, part) for entry in run.history]
        values = [score.metrics[metric] if metric else score.loss for score in scores]
        axes.plot(epochs, values, style, color=colour, marker=marker, markevery=0.1, markersize=4, linewidth=1.6)
        if run.status == "diverged":
            axes.plot(epochs[-1:], values[-1:], "x", color=colour, markersize=8, markeredgewidth=2, clip_on=False)


def _legend(figure: "Figure", runs: Sequence[Run], colours: Sequence[tuple[str, str]]) -> None:
    """Below the axes, where it hides no curve."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker=marker, markersize=4, linewidth=2, label=_label(run))
        for run, (colour, marker) in zip(runs, colours, strict=True)
    ]
    handles.append(Line2D([], [], color="0.4", linestyle="-", label="train"))
    handles.append(Line2D([], [], color="0.4", linestyle="--", label="test"))
    columns = len(handles) if len(handles) < 8 else 5
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)


def _label(run: Run) -> str:
    return run.name if run.status == "finished" else f"{run.name} ({run.status} at step {run.steps:,})"
