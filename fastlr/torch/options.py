"""What fastlr's optimizers take beyond PyTorch's arguments."""

from collections.abc import Mapping
from typing import Any, TypedDict

from fastlr.rules.averaging import Averaging
from fastlr.rules.base import Backend, Denormals
from fastlr.rules.options import NormOf, OnNonfinite, Reporting
from fastlr.rules.settings import Schedulable

INSTEAD = {
    "accumulate": "call loss.backward() several times before a step, of losses divided by how many they are",
    "reduction": "divide the losses",
    "zero_grads": "call zero_grad(), which lets go of gradients and costs nothing",
    "overrides": "pass groups of parameters",
    "no_decay": "pass groups of parameters",
    "like": "the formula is PyTorch's",
}
"""What of fastlr's other optimizers PyTorch has a way of its own for."""


class Options(TypedDict, total=False):
    """What fastlr offers beyond PyTorch's arguments; every optimizer here takes them by keyword.

    All but the first two are what a step does around the update, in the same call: see `fastlr.rules.Options`, which
    has their ranges, and gives the same bits.  They are about all parameters together, so with any of them all that
    have a gradient must be such as the engine steps, and of one dtype; a step raises an error otherwise, before
    anything is changed.  Parameters without a gradient have no part in norms and stay as they are.

    Parts of distributed tensors are refused.  Where each process has an optimizer of some of the parameters, as in
    PyTorch's ZeroRedundancyOptimizer, norms and skipped steps are its own.

    Attributes
    ----------
    backend : {"auto", "cython", "numba", "numpy"}
        Who runs the arithmetic; the bits are the same.
    denormals : {"keep", "flush"}
        What becomes of numbers below the normal range: see `fastlr.rules.Rule`.
    max_norm : float or callable of the step, optional
        Clip gradients to this norm.
    norm : {"global", "group", "parameter"}
        The norm of all gradients together, of each of PyTorch's groups, or of each parameter.  Squares are added in
        the order of memory.
    clip_value : float or callable of the step, optional
        Clip each element.
    grad_scale : float or callable of the step
        What the loss was multiplied by; a `fastlr.LossScaler` finds it.
    on_nonfinite : {"propagate", "skip", "raise"}
        What becomes of a step whose gradients hold NaN or infinity.  A skipped step leaves parameters, state, counts
        and schedules as they are; `opt.report.applied` tells, for `step()` returns what the closure does.
    max_skips : int, optional
        Raise an error when more steps than this are skipped in a row.
    average : fastlr.EMA or fastlr.UniformAverage, optional
        Average the weights; the average of a parameter is in its state, `opt.state[param]["average"]`, and
        `opt.averaged()` puts it in the parameter's place.  A parameter that gets another shape begins anew.
    report : {"off", "basic", "full"}
        What `opt.report` holds.
    report_every, alpha_every : int
        How often it is measured.
    """

    backend: Backend
    denormals: Denormals
    max_norm: Schedulable | None
    norm: NormOf
    clip_value: Schedulable | None
    grad_scale: Schedulable
    on_nonfinite: OnNonfinite
    max_skips: int | None
    average: Averaging | None
    report: Reporting
    report_every: int
    alpha_every: int | None


OF_THE_RULE = ("backend", "denormals")
"""Those that decide who runs the arithmetic, and not what is around it."""


def check(options: Mapping[str, Any], call: str) -> None:
    """Raise for a name that is none of these."""
    for name in options:
        if name in Options.__annotations__:
            continue
        if name in INSTEAD:
            raise TypeError(f"{call}({name}=...): is not for PyTorch's parameters; {INSTEAD[name]}")
        known = ", ".join(Options.__annotations__)
        raise TypeError(f"{call}({name}=...): must be one of PyTorch's arguments, or of {known}")
