"""What the engine cannot step where it is, and how PyTorch's own code steps it instead."""

import warnings
from collections.abc import Callable, Collection

import torch
from torch import Tensor

from fastlr.torch.layout import Groups, Layout
from fastlr.torch.tensors import why_not


def members_of(groups: Groups) -> list[tuple[Tensor, int]]:
    """The parameters and their groups, in the order of all groups."""
    return [(param, g) for g, group in enumerate(groups) for param in group["params"]]


def reasons(layout: Layout, groups: Groups) -> dict[int, str] | None:
    """The parameters that the engine cannot step now and why; None if there is one that it could, laid out anew."""
    members, left = members_of(groups), {}
    for index, gradient in layout.memory.odd:
        param, g = members[index]
        other = "memory that is another's as well" if index in layout.shared else None
        if layout.subject.formula.sparse == "only":
            other = "dense gradients"
        if reason := why_not(param, gradient, groups[g]) or other:
            left[index] = reason
        elif not layout.memory.has(index):
            return None
    return left


def warn(call: str, reasons: Collection[str]) -> None:
    """Say why PyTorch's code steps parameters."""
    warnings.warn(
        f"{call}: PyTorch's own code, which is slower, steps {len(reasons)} of the parameters, because of "
        f"{', '.join(sorted(set(reasons)))}",
        stacklevel=8,
    )


def step_only(opt: torch.optim.Optimizer, chosen: Collection[int], step: Callable[[], object]) -> None:
    """Let an optimizer make a step of these parameters alone."""
    groups, index = opt.param_groups, -1
    reduced = []
    for group in groups:
        members = []
        for param in group["params"]:
            index += 1
            if index in chosen:
                members.append(param)
        reduced.append({**group, "params": members})
    opt.param_groups = reduced
    try:
        step()
    finally:
        opt.param_groups = groups
