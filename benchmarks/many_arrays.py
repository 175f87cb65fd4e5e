"""Many small arrays: what a step pays for each array beyond the first."""

from itertools import repeat
from typing import Any

import numpy as np

import fastlr

from .cases import REFERENCE, Step
from .timing import Repeated, steps_in_a_row

SHAPE = (10, 10)


def arrays(count: int) -> dict[str, Any]:
    """Arrays with something else between them, as a program that allocates them one by one has them."""
    return {f"w{i}": np.ones((2, *SHAPE), np.float32)[0] for i in range(count)}


def step_of(layout: str, count: int) -> Step:
    """A step of Adam, for the rule makes no difference here."""
    params, grads = arrays(count), arrays(count)
    if layout == REFERENCE:
        each = [fastlr.reference.adam(params[name], repeat(grads[name])) for name in params]
        return lambda: [next(generator) for generator in each]
    if layout == "packed":
        made = fastlr.pack(params)
        made.flat_grads.fill(1)
        return fastlr.Adam(made).step
    if layout == "list":
        listed = list(grads.values())
        optimizer = fastlr.Adam(list(params.values()))
        return lambda: optimizer.step(listed)
    optimizer = fastlr.Adam(params)
    return lambda: optimizer.step(grads)


class ManyArrays(Repeated):
    """Arrays of 100 float32 weights: packed, as a list, as a dict, and by the NumPy reference one after the other."""

    params = (("packed", "list", "dict", REFERENCE), (10, 1_000))
    param_names = ("layout", "arrays")

    def setup(self, layout: str, count: int) -> None:
        """Fill the arrays."""
        self.prepare(step_of(layout, count), steps_in_a_row(count * SHAPE[0] * SHAPE[1]))

    def time_step(self, *parameters: object) -> None:
        """Seconds for one."""
        self.run()
