"""Pictures of what `fastlr.lab` returns, and of schedules.  Nothing is computed here."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastlr.extras import extra
from fastlr.lab.results import Comparison, Run
from fastlr.schedules.landmarks import AnySchedule, known

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito 2008, told apart by colour-blind eyes; without the yellow, which is too pale for a line on paper
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# where the colours begin again
MARKERS = ("", "o", "s", "^", "D", "v")

LOSSES = {"cross_entropy": "loss: cross-entropy (nats)", "mse": "loss: squared error (standardised target)"}
METRICS = {"accuracy": "accuracy", "r2": "R\N{SUPERSCRIPT TWO}"}


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
    looks = _looks(len(runs))
    metric = "r2" if comparison.model.loss == "mse" else "accuracy"
    for run, look in zip(runs, looks, strict=True):
        _draw(left, run, "", *look)
        _draw(right, run, metric, *look)
    _finish_log(left)
    # an R2 far below 0, as before training, would leave no room for the rest
    right.set_ylim(bottom=max(right.get_ylim()[0], -0.5), top=1.01)
    _finish(left, LOSSES[comparison.model.loss])
    _finish(right, METRICS[metric])
    sizes = "-".join(map(str, comparison.model.sizes))
    figure.suptitle(f"{comparison.data.name}, network {sizes}", fontsize=11)
    _legend(figure, runs, looks)
    return figure


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

    Examples
    --------
    >>> from fastlr import plots
    >>> from fastlr.schedules import Cosine, Warmup
    >>> figure = plots.schedules({"cosine": Warmup(Cosine(0.1, 900), 100), "constant": 0.1}, steps=1000)
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['cosine', 'constant']
    """
    with extra("lab"):
        from matplotlib.figure import Figure
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes = figure.subplots()
    shown = np.unique(np.linspace(0, steps - 1, min(steps, POINTS)).astype(int))
    for (name, schedule), (colour, marker) in zip(named.items(), _looks(len(named)), strict=True):
        rates = known(schedule)(shown)
        axes.plot(shown, rates, color=colour, marker=marker, markevery=0.1, markersize=4, linewidth=1.6, label=name)
    _finish(axes, "learning rate")
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


def _looks(count: int) -> list[tuple[str, str]]:
    """Colours, and markers where the colours begin again."""
    return [(COLOURS[k % len(COLOURS)], MARKERS[k // len(COLOURS) % len(MARKERS)]) for k in range(count)]


def _draw(axes: "Axes", run: Run, metric: str, colour: str, marker: str) -> None:
    """A run's loss, or its metric of that name: train solid, test dashed, a cross where it diverged."""
    epochs = [entry.epoch for entry in run.history]
    for part, style in (("train", "-"), ("test", "--")):
        scores = [getattr(entry, part) for entry in run.history]
        values = [score.metrics[metric] if metric else score.loss for score in scores]
        axes.plot(epochs, values, style, color=colour, marker=marker, markevery=0.1, markersize=4, linewidth=1.6)
        if run.status == "diverged":
            axes.plot(epochs[-1:], values[-1:], "x", color=colour, markersize=8, markeredgewidth=2, clip_on=False)


def _finish(axes: "Axes", label: str) -> None:
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.set_xlim(left=0)
    axes.margins(x=0.01)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _finish_log(axes: "Axes") -> None:
    """A logarithmic axis labelled 0.5 rather than 5 x 10^-1, between the powers of ten only if there are few."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    low, high = axes.get_ylim()
    if high < 20 * low:
        axes.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 5)))
        axes.yaxis.set_minor_formatter("{x:g}")
    else:
        axes.yaxis.set_minor_formatter(NullFormatter())


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


def png(figure: "Figure") -> bytes:
    """The picture as a PNG file, for `fastlr.lab.records.write`."""
    out = io.BytesIO()
    # without the program's name and version, so that the same picture has the same bytes
    figure.savefig(out, format="png", dpi=150, metadata={"Software": None})
    return out.getvalue()
