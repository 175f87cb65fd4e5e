"""What a monitor is told, by whoever trains: reports, numbers and arrays of any kind, as plain numbers and arrays."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol, SupportsFloat, TypeAlias

import numpy as np
from numpy.typing import NDArray

NAN = math.nan
Arrays: TypeAlias = Any
"""An array, or a sequence or mapping of arrays, or of PyTorch's tensors."""


class Report(Protocol):
    """What an optimizer tells of its last step; an object may lack any of these, and each may be None.

    Attributes
    ----------
    step : int
    applied : bool
    lr : sequence of float
        One for each group.
    grad_norm : float
        Before clipping.
    nonfinite : int
        Entries of the gradient.
    update_norm, weight_norm, ratio : mapping of str to float
        By parameter, the length of the step, of the weights, and of the one over the other.
    along_last, along_before : float
        <g, D> and <g_previous, D>, D the last step.
    """


class Seen(NamedTuple):
    """A report as plain numbers: NaN for what it lacks."""

    step: float
    lr: float
    grad_norm: float
    along_last: float
    along_before: float
    ratio: float
    broke: bool
    """Whether a step was applied whose gradient was not finite."""


def read(report: Any) -> Seen:
    """What a report tells; the rate is that of the first group, the ratio that of steps that were looked along.

    Parameters
    ----------
    report : Report
    """
    # without helpers: it is run at every step
    step, norm = getattr(report, "step", None), getattr(report, "grad_norm", None)
    rates = getattr(report, "lr", None)
    after, before = getattr(report, "along_last", None), getattr(report, "along_before", None)
    if rates is not None and type(rates) is not float:
        rates = rates[0] if hasattr(rates, "__getitem__") else float(rates)
    looked = after is not None and before is not None
    if not looked:
        after = before = NAN
    return Seen(
        NAN if step is None else float(step),
        NAN if rates is None else float(rates),
        NAN if norm is None else float(norm),
        float(after),  # type: ignore[arg-type]
        float(before),  # type: ignore[arg-type]
        _ratio(report) if looked else NAN,
        bool(getattr(report, "nonfinite", None)) and bool(getattr(report, "applied", True)),
    )


def _ratio(report: Any) -> float:
    """The length of the step over that of the weights, all parameters together where their norms are told."""
    moved, weights = getattr(report, "update_norm", None), getattr(report, "weight_norm", None)
    if moved and weights:
        length = math.hypot(*weights.values())
        return math.hypot(*moved.values()) / length if length else NAN
    ratios = [value for value in (getattr(report, "ratio", None) or {}).values() if math.isfinite(value)]
    return sum(ratios) / len(ratios) if ratios else NAN


def number(name: str, value: SupportsFloat | None) -> float:
    """What was told as a number, NaN if it was not, or an error."""
    if value is None:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(
            f"Monitor.observe({name}={value!r}): {name} must be a number, got type {type(value).__name__}"
        ) from None


def leaves(arrays: Arrays) -> list[Any]:
    """The arrays of a structure, in its order."""
    if arrays is None or hasattr(arrays, "shape"):
        return [arrays]
    if isinstance(arrays, Mapping):
        return [leaf for value in arrays.values() for leaf in leaves(value)]
    if isinstance(arrays, Iterable):
        return [leaf for value in arrays for leaf in leaves(value)]
    raise TypeError(f"Monitor.observe(params={arrays!r}): must be arrays, got type {type(arrays).__name__}")


def flat(leaf: Any) -> NDArray[Any]:
    """A flat view; of a tensor without its history."""
    if hasattr(leaf, "detach"):
        leaf = leaf.detach().cpu().numpy()
    return np.asarray(leaf).reshape(-1)
