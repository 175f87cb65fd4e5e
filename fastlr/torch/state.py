"""PyTorch's state of a parameter as the engine steps it: tensors that lie as the parameter does, and its count."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fastlr.torch.tensors import alike

STEP = "step"
"""PyTorch's key for the count of steps."""
LAST_IN_FLOAT32 = 2**24
"""From here on a float32 does not count any more."""


@dataclass(frozen=True)
class Entry:
    """A parameter's entry of the state.

    Attributes
    ----------
    state : dict
        The entry itself.
    names : tuple of str
        Of the tensors that the kernel takes, in its order.
    steps : int
        How many steps the parameter has taken; where PyTorch does not count, 0 before the first and 1 after it.
    fresh : tuple of str
        Of the names, those that were not there.
    """

    state: dict[str, Any]
    names: tuple[str, ...]
    steps: int
    fresh: tuple[str, ...]

    def withdraw(self) -> None:
        """Be as before the first step, which was not taken after all."""
        for name in self.fresh:
            self.state.pop(name, None)


@torch.no_grad()
def entry_of(
    param: Tensor,
    state: Mapping[Tensor, dict[str, Any]],
    names: tuple[str, ...],
    initial: Mapping[str, float],
    *,
    counts: bool,
    call: str,
) -> Entry:
    """A parameter's entry, in which what is missing is added, and what lies otherwise than the parameter laid out anew.

    Raises
    ------
    ValueError
        For a state of another shape, or a count that is none.
    """
    if not names and not counts:
        return Entry({}, (), 0, ())
    entry = state[param]
    steps = _counted(entry, call) if counts else 0
    fresh = tuple(name for name in names if entry.get(name) is None)
    for name in names:
        if name in fresh:
            entry[name] = torch.full_like(
                param, initial.get(name, 0.0), requires_grad=False, memory_format=torch.preserve_format
            )
        elif not alike(entry[name], param):
            entry[name] = _laid_out(entry[name], param, f"{call}: state {name!r}")
    return Entry(entry, names, steps if counts else int(not fresh), fresh)


def _laid_out(tensor: Any, param: Tensor, label: str) -> Tensor:
    """The tensor's numbers in the dtype and memory format that the parameter has now."""
    if not isinstance(tensor, Tensor) or tensor.shape != param.shape:
        shape = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ValueError(
            f"{label} must have its parameter's shape {tuple(param.shape)}, got {shape}; "
            "resize it with the parameter, or let the state start anew: del optimizer.state[parameter]"
        )
    return torch.empty_like(param, requires_grad=False, memory_format=torch.preserve_format).copy_(tensor)


def _counted(entry: dict[str, Any], call: str) -> int:
    """How many steps the entry says, after it is made a tensor that can count on."""
    step = entry.get(STEP)
    value = 0.0 if step is None else float(step)
    if not (value >= 0 and value.is_integer()):
        raise ValueError(f"{call}: state 'step' must be a whole number of steps, got {value}")
    if not _can_count(step, value):
        double = value >= LAST_IN_FLOAT32 or torch.get_default_dtype() == torch.float64  # as PyTorch's counts are then
        entry[STEP] = torch.tensor(value, dtype=torch.float64 if double else torch.float32, device="cpu")
    return int(value)


def _can_count(step: Any, value: float) -> bool:
    if not isinstance(step, Tensor) or step.device.type != "cpu" or step.numel() != 1:
        return False
    return step.dtype == torch.float64 or (step.dtype == torch.float32 and value < LAST_IN_FLOAT32)
