"""A diagnosis: the loss with what speaks for the verdict, the rate with the one advised, the overshoot."""

import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastlr.extras import extra
from fastlr.lab.diagnosis import Diagnosis
from fastlr.lab.diagnosis.signals import averages, overshoots
from fastlr.plots.style import COLOURS, finish, finish_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDE = 10.0
"""Losses that span more than this factor are drawn on a logarithmic axis."""
WIDTH = 90
"""Letters in a line of the title."""
SHADE: dict[str, Any] = {"color": COLOURS[4], "alpha": 0.18, "linewidth": 0}


def diagnosis(result: Diagnosis) -> "Figure":
    """The loss by step, and beneath it the rate and the overshoot where they are known.

    What the evidence is about is shaded, or marked where it is a single step; the advised rate is a dashed line.

    Parameters
    ----------
    result : Diagnosis

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
    >>> from fastlr.lab import diagnose
    >>> found = diagnose([{"epoch": k, "loss": 2.3 - 0.001 * k, "lr": 1e-5} for k in range(100)])
    >>> [axes.get_ylabel() for axes in plots.diagnosis(found).axes]
    ['loss', 'learning rate']
    """
    with extra("lab"):
        from matplotlib.figure import Figure
    panels: list[Callable[[Axes, Diagnosis], None]] = [_loss]
    panels += [_rate] if result.trace.has("lr") else []
    panels += [_overshoot] if len(overshoots(result.trace)[0]) else []
    figure = Figure(figsize=(8.0, 1.9 + 1.7 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=[2.0, *[1.0] * (len(panels) - 1)])
    for axes, panel in zip(grid[:, 0], panels, strict=True):
        panel(axes, result)
        axes.set_xlabel("")
        _shaded(axes, result)
    grid[-1, 0].set_xlabel(result.trace.unit)
    steps = result.trace["step"]
    last = max(float(steps[-1]) if len(steps) else 0.0, result.trace.broke or 0.0)
    grid[0, 0].set_xlim(float(steps[0]) if len(steps) else 0.0, max(last, 1.0))
    grid[0, 0].set_title(_title(result), fontsize=10, loc="left")
    return figure


def _loss(axes: "Axes", result: Diagnosis) -> None:
    steps, losses = result.trace.given("loss")
    axes.plot(steps, losses, color=COLOURS[0], linewidth=0.6, alpha=0.45, label="loss")
    axes.plot(*averages(result.trace), color=COLOURS[0], linewidth=1.8, label="mean")
    if result.trace.has("val_loss"):
        axes.plot(*result.trace.given("val_loss"), color=COLOURS[2], linewidth=1.2, label="validation")
    finish(axes, "loss")
    if len(losses) and losses.min() > 0 and losses.max() > WIDE * losses.min():
        finish_log(axes)
    if result.trace.broke is not None:
        axes.axvline(result.trace.broke, color=COLOURS[1], linewidth=1.6, label="not finite")
    axes.plot([], [], color=SHADE["color"], alpha=0.5, linewidth=6, label="evidence")
    axes.legend(frameon=True, framealpha=0.8, edgecolor="none", fontsize=8, loc="upper right")


def _rate(axes: "Axes", result: Diagnosis) -> None:
    steps, rates = result.trace.given("lr")
    axes.plot(steps, rates, color=COLOURS[0], linewidth=1.6, label="used")
    finish(axes, "learning rate")
    if rates.min() > 0:
        axes.set_yscale("log")
    if result.schedule is not None:
        axes.plot(steps, result.schedule(steps.astype(int)), "--", color=COLOURS[1], linewidth=1.6, label="advised")
        axes.set_ylim(bottom=max(rates.min(), rates.max() / 1e5))
    elif result.lr is not None:
        axes.axhline(result.lr, linestyle="--", color=COLOURS[1], linewidth=1.6, label=f"advised: {result.lr:.3g}")
    axes.legend(frameon=True, framealpha=0.8, edgecolor="none", fontsize=8, loc="center right")


def _overshoot(axes: "Axes", result: Diagnosis) -> None:
    axes.plot(*overshoots(result.trace), color=COLOURS[0], marker=".", linewidth=1.2)
    for height, style in ((0.0, "-"), (1.0, "--")):
        axes.axhline(height, color="0.5", linewidth=0.8, linestyle=style)
    finish(axes, "overshoot alpha")
    axes.set_ylim(-1.1, 2.1)


def _shaded(axes: "Axes", result: Diagnosis) -> None:
    column = {"learning rate": "lr", "overshoot alpha": "along_last"}.get(axes.get_ylabel(), "loss")
    whole = float(result.trace["step"][0]) if len(result.trace) else 0.0
    for each in result.evidence:
        if each.column != column:
            continue
        if each.first == each.last:
            axes.axvline(each.first, color=COLOURS[4], linewidth=1.4, linestyle=":")
        elif each.first > whole:
            axes.axvspan(each.first, each.last, **SHADE)


def _title(result: Diagnosis) -> str:
    name = f"{result.trace.name}: " if result.trace.name else ""
    head = f"{name}{result.fault} (confidence {result.confidence:.2f}): {result.verdict}"
    return "\n".join([head, *textwrap.wrap(f"advice: {result.advice}", WIDTH)])
