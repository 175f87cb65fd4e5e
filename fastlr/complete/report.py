"""What a step did."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


class NonFiniteError(FloatingPointError):
    """A gradient holds NaN or infinity."""


@dataclass(frozen=True)
class Report:
    """What the last call of `step` did; None stands for what was not measured.

    Norms are Euclidean and taken in float64, of the gradients as the loss has them: divided by `grad_scale`, and their
    mean where micro-batches are accumulated and averaged.  Frozen groups are in none of them.  Squares of float64
    numbers beyond 1e150 or below 1e-150 overflow or vanish, and with them the norms, but not `grad_norm` where
    something hangs on it (`max_norm`, `on_nonfinite`).
    """

    step: int
    """How many steps have been applied."""
    applied: bool
    """Whether this one was."""
    reason: str
    """Why it was not; empty if it was."""
    lr: tuple[float, ...]
    """The learning rate of each group in the last step that was applied."""
    skipped: int
    """How many steps have been skipped in a row, up to now."""
    grad_scale: float
    """What the gradients were divided by."""
    grad_norm: float | None = None
    """Of all gradients, before clipping."""
    clipped_norm: float | None = None
    """Of all gradients, after clipping."""
    clip_factor: float | None = None
    """What they were multiplied by to have `max_norm`; the smallest, where groups or parameters have their own."""
    largest_gradient: float | None = None
    """The largest magnitude in them, before clipping."""
    nonfinite: int | None = None
    """How many of their elements are NaN or infinite."""
    update_norm: Mapping[str, float] | None = None
    """How far the step moved each parameter that was not frozen."""
    weight_norm: Mapping[str, float] | None = None
    """The norm of each of them after the step."""
    largest_weight: float | None = None
    """The largest magnitude in all of them."""
    along_last: float | None = None
    """<this gradient, the step before>, every `alpha_every` steps."""
    along_before: float | None = None
    """<the gradient of the step before, that step>."""

    @property
    def ratio(self) -> Mapping[str, float] | None:
        """How far the step moved each parameter, by its norm; about 1e-3 is usual."""
        if self.update_norm is None or self.weight_norm is None:
            return None
        return {name: _over(moved, self.weight_norm[name]) for name, moved in self.update_norm.items()}

    @property
    def alpha(self) -> float | None:
        """Where the last step ended on its slope: -1 at its start, 0 at the minimum, 1 as high on the other side.

        Learning rates are too high above 1, and could be higher near -1; lr * curvature - 1 for plain
        gradient descent.
        None where it was not measured, or where that step went uphill.
        """
        if self.along_last is None or self.along_before is None or not self.along_before < 0:
            return None
        return -self.along_last / self.along_before


def _over(a: float, b: float) -> float:
    return a / b if b else math.inf if a else 0.0


def root(squares: float) -> float:
    """A norm."""
    return math.sqrt(squares) if squares >= 0 else math.nan
