"""What all pictures share: colours that colour-blind eyes tell apart, axes with units, the file."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito 2008, told apart by colour-blind eyes; without the yellow, which is too pale for a line on paper
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# where the colours begin again
MARKERS = ("", "o", "s", "^", "D", "v")

LOSSES = {"cross_entropy": "loss: cross-entropy (nats)", "mse": "loss: squared error (standardised target)"}
METRICS = {"accuracy": "accuracy", "r2": "R\N{SUPERSCRIPT TWO}"}


def looks(count: int) -> list[tuple[str, str]]:
    """Colours, and markers where the colours begin again."""
    return [(COLOURS[k % len(COLOURS)], MARKERS[k // len(COLOURS) % len(MARKERS)]) for k in range(count)]


def finish(axes: "Axes", label: str) -> None:
    """Labels, a pale grid behind the curves, no frame."""
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.set_xlim(left=0)
    axes.margins(x=0.01)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def finish_log(axes: "Axes") -> None:
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


def png(figure: "Figure") -> bytes:
    """The picture as a PNG file, for `fastlr.lab.records.write`."""
    out = io.BytesIO()
    # without the program's name and version, so that the same picture has the same bytes
    figure.savefig(out, format="png", dpi=150, metadata={"Software": None})
    return out.getvalue()
