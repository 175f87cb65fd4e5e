"""What a step costs with everything around the update, beside a plain one and beside the same made in passes."""

from collections.abc import Callable
from typing import Any

import numpy as np

import fastlr

from .cases import Step, packed
from .timing import Repeated, steps_in_a_row

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "unscaled": {"grad_scale": 1024.0},
    "clipped by norm": {"max_norm": 1.0},
    "clipped by value": {"clip_value": 0.1},
    "judged": {"on_nonfinite": "skip"},
    "averaged": {"average": fastlr.EMA(0.999)},
    "zeroed": {"zero_grads": True},
    "report": {"report": "basic"},
    "report in full": {"report": "full"},
    "report in full, every 10": {"report": "full", "report_every": 10},
    "alpha, every 10": {"alpha_every": 10},
}


def _averaged_after(parameters: fastlr.Packed) -> Step:
    """A plain step, then the average in NumPy without temporary arrays."""
    step, w = fastlr.AdamW(parameters).step, parameters.flat
    average, moved = w.copy(), np.empty_like(w)

    def both() -> None:
        step()
        np.subtract(w, average, out=moved)
        np.multiply(moved, np.float32(0.001), out=moved)
        np.add(average, moved, out=average)

    return both


def _zeroed_after(parameters: fastlr.Packed) -> Step:
    """A plain step, then zeros."""
    step, g = fastlr.AdamW(parameters).step, parameters.flat_grads

    def both() -> None:
        step()
        g.fill(0)

    return both


PASSES: dict[str, Callable[[fastlr.Packed], Step]] = {
    "plain, then averaged by NumPy": _averaged_after,
    "plain, then zeroed by NumPy": _zeroed_after,
}
NAMES = (*OPTIONS, *PASSES)


class Complete(Repeated):
    """A step of AdamW in float32 and what is done around it."""

    params = (NAMES, (10, 10_000_000))
    param_names = ("what", "weights")

    def setup(self, what: str, weights: int) -> None:
        """Fill the arrays."""
        made = packed(weights, "float32")
        step = PASSES[what](made) if what in PASSES else fastlr.AdamW(made, **OPTIONS[what]).step
        # A multiple of ten, of which one is reported.
        self.prepare(step, max(10, steps_in_a_row(weights)))

    def time_step(self, *parameters: object) -> None:
        """Seconds for one."""
        self.run()
