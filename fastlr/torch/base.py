"""What the optimizers here have in common, as their users see it."""

import itertools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch._C._autograd import _profiler_enabled
from torch._compile import _disable_dynamo
from torch.optim import optimizer as torchs

from fastlr.complete.report import Report
from fastlr.torch import complete, schedules
from fastlr.torch.state import STEP
from fastlr.torch.stepping import Stepping
from fastlr.torch.tensors import use_exchange

use_exchange()
Closure = Callable[[], Any]
KEYS = (schedules.KEY, complete.KEY)
"""Of what is in saved groups only."""


class Optimizer(Stepping):
    """The base of the optimizers in `fastlr.torch`; make one of those.

    Parameters of float32 or float64 on the CPU whose elements fill a stretch of memory, in whatever order, are stepped
    by fastlr's engine where they are; of a sparse gradient the rows that it has, where PyTorch takes such.  Others, and
    groups with `capturable` or `differentiable`, are stepped by PyTorch's code, on which a warning says why, once.
    """

    @property
    def steps(self) -> int:
        """How many steps were taken: where schedules are; set it to go on from a checkpoint that does not say."""
        return self._schedules.steps

    @steps.setter
    def steps(self, steps: int) -> None:
        self._schedules.steps = steps

    @property
    def report(self) -> Report | None:
        """What the last call of `step` did: whether it was applied, or why it was skipped, and what was measured.

        None before the first.  How much is measured the options `report`, `report_every` and `alpha_every` say.

        Examples
        --------
        >>> import torch, fastlr.torch
        >>> w = torch.nn.Parameter(torch.zeros(2))
        >>> opt = fastlr.torch.SGD([w], lr=0.5, max_norm=1.0)
        >>> w.grad = torch.tensor([3.0, 4.0])
        >>> opt.step()
        >>> w.data, opt.report.grad_norm, opt.report.clip_factor
        (tensor([-0.3000, -0.4000]), 5.0, 0.2)
        """
        if self._complete is not None:
            return self._complete.report
        return Report(self.steps, True, "", self._layout.rates(), 0, 1.0) if self._layout is not None else None

    def averaged(self) -> AbstractContextManager[None]:
        """Have the average of the weights in the place of the parameters inside a `with` block.

        The parameters are put back at its end, bit for bit, also when the block raises; autograd notices both.  Before
        the first average is taken the block sees the parameters.  Inside it steps cannot be made, nor states saved or
        loaded.

        Raises
        ------
        ValueError
            If the optimizer was made without `average`.
        RuntimeError
            Inside another such block.

        Examples
        --------
        >>> import torch, fastlr.torch
        >>> w = torch.nn.Parameter(torch.zeros(1))
        >>> opt = fastlr.torch.SGD([w], lr=1.0, average=fastlr.UniformAverage())
        >>> for _ in range(3):  # weights 1, 2, 3
        ...     w.grad = -torch.ones(1)
        ...     opt.step()
        >>> with opt.averaged():
        ...     print(w.data)
        tensor([2.])
        >>> w.data
        tensor([3.])
        """
        if self._complete is None:
            raise ValueError(f"{self._call}.averaged(): the optimizer must be made with average=, such as fastlr.EMA()")
        return self._complete.averaged(self.state)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take more parameters, with settings of their own; as PyTorch's."""
        own = list(param_group) if isinstance(param_group, dict) else []
        super().add_param_group(param_group)
        self._schedules.join(self.param_groups[-1], own)

    def step(self, closure: Closure | None = None) -> Any:
        """Update all parameters that have a gradient, in place.

        Parameters
        ----------
        closure : callable, optional
            Computes the gradients anew and returns the loss.

        Returns
        -------
        loss
            What the closure returned, or None.
        """
        if torch.compiler.is_compiling():
            return _untraced(self, closure)
        if _watched(self):
            return _announced(self) if closure is None else _announced(self, closure)
        return _step(self, closure)

    # PyTorch would otherwise wrap it anew for each class, in 8 us of labels for a profiler that is not there.
    step.hooked = True  # type: ignore[attr-defined]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Let go of all gradients, or set them to zero."""
        if not set_to_none or torch.compiler.is_compiling() or _profiler_enabled():
            super().zero_grad(set_to_none)
            return
        for group in self.param_groups:
            for param in group["params"]:
                param.grad = None

    def state_dict(self) -> dict[str, Any]:
        """The state in PyTorch's layout, for this class or PyTorch's of the same name."""
        for group, saved in zip(self.param_groups, self._schedules.saved(), strict=True):
            group.update(saved)
        try:
            if self._complete is not None:
                self._complete.averages.check_weights_in_place("state_dict")
                self.param_groups[0].update(self._complete.saved(self.steps))
            return super().state_dict()
        finally:
            self._forget_saved()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state of this class, or of PyTorch's of the same name.

        Schedules stay those of this optimizer.  A state of PyTorch's does not say at which step they are: then it is
        the most that a parameter has taken, and where that is not counted either, as by SGD, `steps` stays.
        """
        if self._complete is not None:
            self._complete.check(state_dict["param_groups"])
        super().load_state_dict(dict(state_dict))
        around = self.param_groups[0].get(complete.KEY, {})
        if any(schedules.KEY in group for group in self.param_groups):
            self._schedules.load(self.param_groups)
        else:
            counts = [int(entry[STEP]) for entry in self.state.values() if STEP in entry]
            self.steps = around.get("steps", max(counts, default=self.steps))
        if self._complete is not None:
            self._complete.load(around)
        self._forget_saved()

    def _forget_saved(self) -> None:
        for group, key in itertools.product(self.param_groups, KEYS):
            group.pop(key, None)

    def __getstate__(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("_options", "_schedules", "_complete")}
        return {**super().__getstate__(), **own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "state" in state:
            self.state = state["state"]  # first, for PyTorch's code looks at it
        super().__setstate__({key: value for key, value in state.items() if key != "state"})
        self._layout = None


def _step(self: Optimizer, closure: Closure | None = None) -> Any:
    if self._complete is not None:
        self._complete.averages.check_weights_in_place("step")
    loss = None
    if closure is not None:
        with torch.enable_grad():
            loss = closure()
    self._update()
    return loss


def _watched(self: Optimizer) -> bool:
    """Whether anybody wants to know of a step."""
    return bool(
        self._optimizer_step_pre_hooks
        or self._optimizer_step_post_hooks
        or torchs._global_optimizer_pre_hooks
        or torchs._global_optimizer_post_hooks
        or _profiler_enabled()
    )


_announced: Callable[..., Any] = torch.optim.Optimizer.profile_hook_step(_step)
_untraced: Callable[..., Any] = _disable_dynamo(Optimizer.step)
