"""PyTorch: what `torch.optim` does by default, and everything it offers to be faster.

With Nesterov's momentum its foreach writes into the gradients, so here they grow until they are infinite; that takes
no more time, and new ones at each step would.
"""

import inspect
from typing import Any

from fastlr.bench.cases import Case
from fastlr.bench.peers.base import AWAKE, Library, UnsupportedError, start
from fastlr.bench.timing import Step


def _make(case: Case, **how: bool) -> Step:
    import torch

    torch.set_num_threads(case.threads)
    kind = getattr(torch.optim, type(case.rule).__name__)
    takes = inspect.signature(kind).parameters
    for option in how:
        if option not in takes:
            raise UnsupportedError(f"PyTorch has no {option} {kind.__name__}")
    weights, grads = start(case)
    params = [torch.from_numpy(array).requires_grad_() for array in weights]
    for param, gradient in zip(params, grads, strict=True):
        param.grad = torch.from_numpy(gradient)
    # eps_root is the one setting of ours that PyTorch lacks; it is 0, which is to be without it
    settings: dict[str, Any] = {name: value for name, value in case.rule.settings().items() if name in takes}
    step: Step = kind(params, **settings, **how).step
    max_norm: Any = case.rule.max_norm
    if max_norm is None:
        return step

    def clipped() -> None:
        torch.nn.utils.clip_grad_norm_(params, max_norm)
        step()

    return clipped


def _foreach(case: Case) -> Step:
    return _make(case, foreach=True)


def _fused(case: Case) -> Step:
    return _make(case, fused=True)


def _compiled(case: Case) -> Step:
    import torch

    torch.compiler.reset()  # or a few cases later it gives up, and takes the step uncompiled
    step = _make(case)
    compiled: Step = torch.compile(lambda: step())
    return compiled


LIBRARY = Library(
    "torch",
    {"torch": _make, "torch foreach": _foreach, "torch fused": _fused, "torch compiled": _compiled},
    ("torch",),
    "torch",
    "pip install 'fastlr-optim[race]'",
    slow=frozenset({"torch compiled"}),
    environment=AWAKE,
    clips=True,
)
