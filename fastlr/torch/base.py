"""What the optimizers here have in common: they are PyTorch's own, and the engine makes their steps.

Design: each class is a subclass of PyTorch's of that name, so arguments, errors, groups, state, checkpoints and hooks
are PyTorch's by inheritance.  `step` gives the engine all parameters that it can step where they are, and leaves the
others to PyTorch's own code, which works on the same state.
"""

import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch._C._autograd import _profiler_enabled
from torch._compile import _disable_dynamo
from torch.optim import optimizer as torchs

from fastlr.torch.formulas import Formula
from fastlr.torch.layout import Layout, Subject
from fastlr.torch.schedules import KEY, Schedules
from fastlr.torch.state import STEP
from fastlr.torch.tensors import use_exchange, why_not

use_exchange()
Closure = Callable[[], Any]


class Optimizer(torch.optim.Optimizer):
    """The base of the optimizers in `fastlr.torch`; make one of those.

    Parameters of float32 or float64 on the CPU whose elements fill a stretch of memory, in whatever order, are stepped
    by fastlr's engine where they are.  Others, sparse gradients, and groups with `capturable` or `differentiable`, are
    stepped by PyTorch's code, on which a warning says why, once.
    """

    _formula: ClassVar[Formula]
    _torchs: ClassVar[type[torch.optim.Optimizer]]
    _layout: Layout | None = None
    _exposed = True
    _warned = False

    def _prepare(self, options: Mapping[str, Any]) -> Schedules:
        """Before PyTorch's constructor: check the options, and get ready for groups."""
        self._formula.rule(**options)
        self._options = dict(options)
        self._schedules = Schedules(self._formula.rule)
        return self._schedules

    def _prepared(self) -> None:
        """After it."""
        # PyTorch sets it with fused=True: a loss scaler would leave it to the step to unscale and to skip.
        self._step_supports_amp_scaling = False

    @property
    def state(self) -> defaultdict[Tensor, Any]:
        """PyTorch's state by parameter, which steps update in place."""
        self._exposed = True  # whoever has it may change it at any time, see `fastlr.torch.memory`
        return self._state

    @state.setter
    def state(self, state: defaultdict[Tensor, Any]) -> None:
        self._state, self._exposed, self._layout = state, True, None

    @property
    def steps(self) -> int:
        """How many steps were taken: where schedules are; set it to go on from a checkpoint that does not say."""
        return self._schedules.steps

    @steps.setter
    def steps(self, steps: int) -> None:
        self._schedules.steps = steps

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

    def _update(self) -> None:
        if self._schedules.any:
            self._schedules.apply(self.param_groups)
        layout = self._layout
        self._layout = None  # whatever is raised, nothing is known afterwards
        if layout is None or not self._holds(layout):
            layout = self._laid_out(layout)
        if layout.memory.odd:
            layout = self._treated(layout)
        if layout.step():
            self._schedules.steps += 1
            self._layout = layout

    def _holds(self, layout: Layout) -> bool:
        exposed, self._exposed = self._exposed, False
        return layout.holds(self.param_groups, exposed=exposed)

    def _laid_out(self, before: Layout | None) -> Layout:
        if before is not None:
            before.withdraw()
        self._schedules.absorb(self.param_groups)
        initial = {"sum": self.defaults.get("initial_accumulator_value", 0.0)}
        subject = Subject(f"fastlr.torch.{type(self).__name__}", self._formula, self._options, initial)
        layout = Layout(subject, self.param_groups, self._state, before)
        if not self._holds(layout):
            raise RuntimeError(f"{subject.call}.step(): the parameters changed while they were laid out")
        return layout

    def _treated(self, layout: Layout) -> Layout:
        """See to the gradients that the engine cannot read: copy them, or leave their parameters to PyTorch."""
        left = self._left(layout)
        if left is None:  # one that has its first gradient
            layout = self._laid_out(layout)
            left = self._left(layout)
            assert left is not None  # all that can have a row have one now
        if left:
            try:
                self._leave(left)
            except BaseException:
                layout.withdraw()
                raise
            if not self._holds(layout):
                layout = self._laid_out(layout)
        members = [(param, group) for group in self.param_groups for param in group["params"]]
        for index, _ in list(layout.memory.odd):
            if index not in left:
                layout.take(index, members[index][0])
        return layout

    def _left(self, layout: Layout) -> dict[int, str] | None:
        """The parameters that the engine cannot step now and why; None if there is one that it could, laid out anew."""
        members = [(param, group) for group in self.param_groups for param in group["params"]]
        left = {}
        for index, gradient in layout.memory.odd:
            param, group = members[index]
            shared = "memory that is another's as well" if index in layout.shared else None
            if reason := why_not(param, gradient, group) or shared:
                left[index] = reason
            elif not layout.memory.has(index):
                return None
        return left

    def _leave(self, left: Mapping[int, str]) -> None:
        """Let PyTorch step these parameters; this is where rows of sparse gradients may once go to the engine."""
        if not self._warned:
            self._warned = True
            reasons = ", ".join(sorted(set(left.values())))
            warnings.warn(
                f"fastlr.torch.{type(self).__name__}: PyTorch's own code, which is slower, steps {len(left)} of the "
                f"parameters, because of {reasons}",
                stacklevel=6,
            )
        groups, index = self.param_groups, -1
        reduced = []
        for group in groups:
            members = []
            for param in group["params"]:
                index += 1
                if index in left:
                    members.append(param)
            reduced.append({**group, "params": members})
        self.param_groups = reduced
        try:
            self._torchs_step()
        finally:
            self.param_groups = groups

    def _torchs_step(self) -> None:
        """The step of PyTorch's class, without the hooks, which are around ours already."""
        step: Any = self._torchs.step
        (step.__wrapped__ if getattr(step, "hooked", False) else step)(self)

    def state_dict(self) -> dict[str, Any]:
        """The state in PyTorch's layout, for this class or PyTorch's of the same name."""
        before = [dict(group) for group in self.param_groups]
        for group, saved in zip(self.param_groups, self._schedules.saved(), strict=True):
            group.update(saved)
        try:
            return super().state_dict()
        finally:
            for group, entries in zip(self.param_groups, before, strict=True):
                if KEY not in entries:
                    group.pop(KEY, None)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state of this class, or of PyTorch's of the same name.

        Schedules stay those of this optimizer.  A state of PyTorch's does not say at which step they are: then it is
        the most that a parameter has taken, and where that is not counted either, as by SGD, `steps` stays.
        """
        super().load_state_dict(dict(state_dict))
        if any(KEY in group for group in self.param_groups):
            self._schedules.load(self.param_groups)
        else:
            counts = [int(entry[STEP]) for entry in self.state.values() if STEP in entry]
            self.steps = max(counts, default=self.steps)
        for group in self.param_groups:
            group.pop(KEY, None)

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_options": self._options, "_schedules": self._schedules}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "state" in state:
            self.state = state["state"]  # first, for PyTorch's code looks at it
        super().__setstate__({key: value for key, value in state.items() if key != "state"})
        self._layout = None


def _step(self: Optimizer, closure: Closure | None = None) -> Any:
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
