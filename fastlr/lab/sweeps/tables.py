"""A sweep as a table: for the terminal, for notebooks, for reports."""

from collections.abc import Sequence
from html import escape

from fastlr.lab.sweeps.curve import Curve

HEADER = (
    "optimizer",
    "best rate",
    "90 % interval",
    "basin",
    "decades",
    "cliff",
    "loss",
    "before",
    "sensitivity",
    "runs",
)


def summary(curves: Sequence[Curve]) -> list[list[str]]:
    """The cells below `HEADER`, a line for each optimizer."""
    return [
        [
            curve.optimizer,
            f"{curve.best:.3g}" + (f" (the {curve.edge}est tried)" if curve.edge else ""),
            between(curve.interval),
            between(curve.basin),
            f"{curve.decades:.1f}",
            f"{curve.cliff:.3g}" if curve.cliff else "none",
            f"{curve.best_loss:.4g}",
            f"{curve.start:.4g}",
            f"{curve.sensitivity:.3g}",
            f"{curve.losses.size:,}",
        ]
        for curve in curves
    ]


def between(rates: tuple[float, float]) -> str:
    """A range of rates.

    >>> between((0.01, 0.1)), between((0.1, 0.1))
    ('0.01 to 0.1', '0.1')
    """
    low, high = (f"{rate:.3g}" for rate in rates)
    return low if low == high else f"{low} to {high}"


def html(title: str, curves: Sequence[Curve]) -> str:
    """The summary, and what to do, for a notebook: colours are the notebook's own, light or dark."""
    head = "".join(f"<th>{escape(name)}</th>" for name in HEADER)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>" for cells in summary(curves)
    )
    advice = "".join(f"<li>{escape(curve.advice)}</li>" for curve in curves)
    return (
        f"<p><b>{escape(title)}</b></p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<ul>{advice}</ul>"
    )
