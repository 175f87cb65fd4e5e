"""What is known of the gradients of a step, in the units of the loss."""

import math
from typing import Any

from fastlr.complete.report import root
from fastlr.engine import Total
from fastlr.engine.native import Plan

NOBODY: frozenset[int] = frozenset()


class Noted:
    """What is known of the step under way, or of the last one."""

    def __init__(self) -> None:
        self.done = ""
        self.start(1.0, 0)

    def start(self, grad_scale: float, gather: int) -> None:
        """Forget the step before."""
        self.grad_scale = grad_scale
        self.gather = gather
        self.unscale, self.share = 1.0, 0.0
        self.idle = NOBODY
        self.norm: float | None = None
        self.norms: Any = None
        self.clip: Any = None
        self.largest = 0.0
        self.largest_unscaled: float | None = None
        self.nonfinite: int | None = None
        self.along: tuple[float | None, float | None] = (None, None)

    @property
    def finite(self) -> bool:
        """Whether all elements are."""
        return self.largest < math.inf

    def take_gradient(self, plan: Plan, unscale: float) -> None:
        """Take what was gathered of all gradients."""
        self.norm = root(plan.total(Total.GRADIENT_SQUARES)) * unscale
        self.largest = plan.total(Total.GRADIENT_LARGEST)
        self.largest_unscaled = self.largest * unscale
        self.nonfinite = int(plan.total(Total.GRADIENT_FAULTS))


def unscaled(squares: float, exponent: int, unscale: float) -> float:
    """A norm as the loss has it."""
    value = root(squares) * unscale
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.inf


def clip(norm: float, max_norm: float) -> float:
    """What brings gradients of this norm to the largest that they may have; NaN for NaN, 0 for an infinite norm."""
    return 1.0 if norm <= max_norm else max_norm / norm
