"""PyTorch's state of a parameter as the engine steps it: tensors that lie as the parameter does, and its count."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fastlr.torch.tensors import alike

STEP = "step"
"""PyTorch's key for the count of steps."""
AVERAGE = "average"
"""The key for the average of the weights, of which PyTorch's optimizers take no notice."""
LAST_IN_FLOAT32 = 2**24
"""From here on a float32 does not count any more."""


@dataclass(frozen=True)
class Entry:
    """A parameter's entry of the state.

    Attributes
    ----------
    param : Tensor
    state : dict
        The entry itself.
    names : tuple of str
        Of the tensors that the kernel takes, in its order.
    watched : tuple of str
        Of these and of the average, if one is taken.
    steps : int
        How many steps the parameter has taken; where PyTorch does not count, 0 before the first and 1 after it.
    fresh : tuple of str
        What was not there.
    absent : bool
        Whether nothing was there.
    """

    param: Tensor
    state: dict[str, Any]
    names: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    steps: int = 0
    fresh: tuple[str, ...] = ()
    absent: bool = False

    def withdraw(self, owner: MutableMapping[Tensor, dict[str, Any]]) -> None:
        """Be as before the first step, which was not taken after all, in the optimizer's state."""
        for name in self.fresh:
            self.state.pop(name, None)
        if self.absent and owner.get(self.param) is self.state:
            del owner[self.param]


def entry_of(
    param: Tensor,
    owner: MutableMapping[Tensor, dict[str, Any]],
    names: tuple[str, ...],
    initial: Mapping[str, float],
    *,
    counts: bool,
    call: str,
    averages: bool = False,
    plain_count: bool = False,
) -> Entry:
    """A parameter's entry, in which what is missing is added, and what lies otherwise than the parameter laid out anew.

    With `plain_count` the count is a plain number, as in PyTorch's SparseAdam.

    Raises
    ------
    ValueError
        For a state of another shape, or a count that is none.
    """
    if not names and not counts and not averages:
        return Entry(param, {})
    absent = param not in owner
    entry = owner[param] = {} if absent else owner[param]
    new = [name for name in names if entry.get(name) is None]
    fresh = (*new, *(name for name in (STEP,) if counts and name not in entry))
    steps = _counted(entry, call, plain=plain_count) if counts else int(not new)
    for name in names:
        if name in new:
            entry[name] = torch.full_like(
                param, initial.get(name, 0.0), requires_grad=False, memory_format=torch.preserve_format
            )
        elif not alike(entry[name], param):
            entry[name] = _laid_out(entry[name], param, f"{call}: state {name!r}")
    if averages:
        fresh += (AVERAGE,) * (AVERAGE not in entry)
        if not alike(entry.get(AVERAGE), param):
            entry[AVERAGE] = _begun(entry.get(AVERAGE), param)
    return Entry(param, entry, names, names + (AVERAGE,) * averages, steps, fresh, absent)


@torch.no_grad()
def _begun(average: Any, param: Tensor) -> Tensor:
    """An average that lies as the parameter does: the same, or of another shape or none, the weights."""
    same = isinstance(average, Tensor) and average.shape == param.shape
    return torch.empty_like(param, requires_grad=False, memory_format=torch.preserve_format).copy_(
        average if same else param
    )


@torch.no_grad()
def _laid_out(tensor: Any, param: Tensor, label: str) -> Tensor:
    """The tensor's numbers in the dtype and memory format that the parameter has now."""
    if not isinstance(tensor, Tensor) or tensor.shape != param.shape:
        shape = tuple(tensor.shape) if isinstance(tensor, Tensor) else type(tensor).__name__
        raise ValueError(
            f"{label} must have its parameter's shape {tuple(param.shape)}, got {shape}; "
            "resize it with the parameter, or let the state start anew: del optimizer.state[parameter]"
        )
    return torch.empty_like(param, requires_grad=False, memory_format=torch.preserve_format).copy_(tensor)


def _counted(entry: dict[str, Any], call: str, *, plain: bool) -> int:
    """How many steps the entry says, after it is made a tensor that can count on."""
    step = entry.get(STEP)
    value = 0.0 if step is None else float(step)
    if not (value >= 0 and value.is_integer()):
        raise ValueError(f"{call}: state 'step' must be a whole number of steps, got {value}")
    if plain:
        entry[STEP] = int(value) if step is None else step
    elif not _can_count(step, value):
        double = value >= LAST_IN_FLOAT32 or torch.get_default_dtype() == torch.float64  # as PyTorch's counts are then
        entry[STEP] = torch.tensor(value, dtype=torch.float64 if double else torch.float32, device="cpu")
    return int(value)


def _can_count(step: Any, value: float) -> bool:
    if not isinstance(step, Tensor) or step.device.type != "cpu" or step.numel() != 1:
        return False
    return step.dtype == torch.float64 or (step.dtype == torch.float32 and value < LAST_IN_FLOAT32)
