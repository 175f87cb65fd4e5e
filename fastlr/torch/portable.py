"""PyTorch's objects for `fastlr.checkpoint`, which saves NumPy arrays and plain values."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from fastlr.torch.base import Optimizer


class HasState(Protocol):
    """A module, an optimizer, a scheduler, a loss scaler."""

    def state_dict(self) -> Any:
        """The state."""
        ...

    def load_state_dict(self, state_dict: Any, /) -> Any:
        """Go on from a state."""
        ...


def portable(part: HasState) -> "Portable":
    """A module, optimizer, scheduler or scaler of PyTorch's as `fastlr.checkpoint` takes it.

    Parameters
    ----------
    part : object with `state_dict()` and `load_state_dict()`

    Returns
    -------
    Portable
        The same state with arrays for tensors; loading it loads into `part`.

    Examples
    --------
    >>> import torch, fastlr.torch
    >>> import tempfile
    >>> from fastlr import checkpoint
    >>> from fastlr.torch import portable
    >>> model = torch.nn.Linear(2, 1)
    >>> opt = fastlr.torch.AdamW(model.parameters())
    >>> model(torch.ones(1, 2)).sum().backward()
    >>> opt.step()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saving = checkpoint.save(f"{folder}/{{steps}}.safetensors", portable(opt), model=portable(model))
    ...     other = torch.nn.Linear(2, 1)
    ...     mine = fastlr.torch.AdamW(other.parameters())
    ...     loaded = checkpoint.load(saving.path, portable(mine), model=portable(other))
    >>> loaded.steps, torch.equal(other.weight, model.weight)
    (1, True)
    """
    return Portable(part)


class Portable:
    """What `portable` returns.

    Attributes
    ----------
    steps : int
        How many steps an optimizer has taken.
    """

    def __init__(self, part: HasState) -> None:
        self._part = part

    @property
    def steps(self) -> int:
        """What fastlr's optimizers say; of PyTorch's it is the most that a parameter has taken."""
        if isinstance(self._part, Optimizer):
            return self._part.steps
        state = getattr(self._part, "state", {})
        return max((int(entry.get("step", 0)) for entry in state.values()), default=0)

    def state_dict(self) -> dict[str, Any]:
        """The state; the arrays are the tensors' memory where that is on the CPU."""
        return {"steps": self.steps, "state": _as_arrays(self._part.state_dict(), type(self._part).__name__)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Load it into the part."""
        state = _as_tensors(state_dict["state"])
        if isinstance(self._part, torch.optim.Optimizer):
            state["state"] = {int(key): entry for key, entry in state["state"].items()}
            for group, own in zip(state["param_groups"], self._part.param_groups, strict=False):
                group.update({key: tuple(value) for key, value in group.items() if isinstance(own.get(key), tuple)})
        self._part.load_state_dict(state)
        if isinstance(self._part, Optimizer):
            self._part.steps = state_dict["steps"]


def _as_arrays(tree: Any, label: str) -> Any:
    if isinstance(tree, Tensor):
        try:
            return tree.detach().cpu().numpy()
        except TypeError:
            raise TypeError(
                f"portable({label}): NumPy has no {str(tree.dtype).removeprefix('torch.')}; "
                "convert it to float32, or use torch.save"
            ) from None
    if isinstance(tree, Mapping):
        return {str(key): _as_arrays(child, label) for key, child in tree.items()}
    return [_as_arrays(child, label) for child in tree] if isinstance(tree, list | tuple) else tree


def _as_tensors(tree: Any) -> Any:
    if isinstance(tree, np.ndarray):
        return torch.from_numpy(tree.copy())
    if isinstance(tree, Mapping):
        return {key: _as_tensors(child) for key, child in tree.items()}
    return [_as_tensors(child) for child in tree] if isinstance(tree, list) else tree
