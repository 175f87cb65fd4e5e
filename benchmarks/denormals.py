"""Numbers below the normal range, which some processors handle a hundred times more slowly.

Where a weight has no gradient any more (a dead unit), its moments decay into that range and stay: rounded to the
nearest, 0.9 times a few of the smallest steps is as many again.
"""

from inspect import signature
from typing import Any

import numpy as np

import fastlr

from .cases import DTYPES, packed
from .timing import Repeated, steps_in_a_row

WEIGHTS = (100_000, 16_000_000)
"""In the caches, and beyond them."""


def option(denormals: str) -> dict[str, Any]:
    """The setting, if this version of fastlr has it; before there was one, denormals were kept."""
    if "denormals" in signature(fastlr.Adam).parameters:
        return {"denormals": denormals}
    if denormals == "keep":
        return {}
    raise NotImplementedError("this version of fastlr keeps denormals")


class Denormals(Repeated):
    """A step of Adam on weights whose gradients are 0 and whose moments are normal numbers or denormal."""

    params = (DTYPES, WEIGHTS, ("normal", "denormal"), ("keep", "flush"))
    param_names = ("dtype", "weights", "moments", "denormals")

    def setup(self, dtype: str, weights: int, moments: str, denormals: str) -> None:
        """Fill the arrays."""
        parameters = packed(weights, dtype)
        parameters.flat_grads.fill(0)
        optimizer = fastlr.Adam(parameters, **option(denormals))
        smallest = np.finfo(dtype).smallest_subnormal
        for arrays in optimizer.state.values():
            for array in arrays.values():
                array.fill(1 if moments == "normal" else 1_000 * smallest)
        self.prepare(optimizer.step, steps_in_a_row(weights))

    def time_step(self, *parameters: object) -> None:
        """Seconds for one."""
        self.run()
