"""thinc, spaCy's: Adam in Cython on one thread, without the averages and the clipping that it has by default."""

from typing import Any

import numpy as np

from fastlr.bench.cases import Case
from fastlr.bench.peers.base import Library, UnsupportedError, refuse_double, start
from fastlr.bench.timing import Step


def _make(case: Case) -> Step:
    refuse_double(case, "thinc")
    optimizer = _optimizer(type(case.rule).__name__, case.rule.settings())
    weights, _ = start(case)
    # It sets the gradient to zero after each step, so zero is what it gets from the beginning: a new one each time
    # would be ours to write, and averages that fade away would end in subnormal numbers, which are slow.
    grads = [np.zeros_like(array) for array in weights]
    keys = [(k, "w") for k in range(len(weights))]
    if len(weights) == 1:
        return lambda: optimizer(keys[0], weights[0], grads[0])

    def step() -> None:
        for key, array, gradient in zip(keys, weights, grads, strict=True):
            optimizer(key, array, gradient)

    return step


def _optimizer(name: str, settings: dict[str, Any]) -> Any:
    from thinc.api import Optimizer

    common = {"grad_clip": 0.0, "use_averages": False, "L2": settings["weight_decay"]}
    if name in ("Adam", "AdamW") and not settings["amsgrad"]:
        beta1, beta2 = settings["betas"]
        return Optimizer(
            settings["lr"],
            beta1=beta1,
            beta2=beta2,
            eps=settings["eps"],
            L2_is_weight_decay=name == "AdamW",
            **common,
        )
    if name == "SGD" and not settings["momentum"]:
        return Optimizer(settings["lr"], beta1=0.0, beta2=0.0, **common)
    raise UnsupportedError("thinc has Adam, AdamW and SGD without momentum")


LIBRARY = Library("thinc", {"thinc": _make}, ("thinc.api",), "thinc", "pip install 'fastlr-optim[race]'")
