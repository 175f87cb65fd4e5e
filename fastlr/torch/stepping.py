"""How an optimizer of PyTorch's makes its steps by the engine.

Design: each class is a subclass of PyTorch's of that name, so arguments, errors, groups, state, checkpoints and hooks
are PyTorch's by inheritance.  `step` gives the engine all parameters that it can step where they are, and leaves the
others to PyTorch's own code, which works on the same state.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from fastlr.torch import leaving, options, sparse
from fastlr.torch.complete import Complete
from fastlr.torch.formulas import Formula
from fastlr.torch.layout import Layout, Subject, withdrawing
from fastlr.torch.schedules import Schedules


class Stepping(torch.optim.Optimizer):
    """What `fastlr.torch.Optimizer` has behind its public methods."""

    _formula: ClassVar[Formula]
    _torchs: ClassVar[type[torch.optim.Optimizer]]
    _layout: Layout | None = None
    _complete: Complete | None = None
    _exposed = True
    _warned = False

    def _prepare(self, given: Mapping[str, Any]) -> Schedules:
        """Before PyTorch's constructor: check the options, and get ready for groups."""
        options.check(given, self._call)
        rule = self._formula.rule(**given)
        self._options = {name: given[name] for name in options.OF_THE_RULE if name in given}
        if not rule.plain:
            self._complete = Complete(rule, self._call)
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
    def _call(self) -> str:
        return f"fastlr.torch.{type(self).__name__}"

    def _update(self) -> None:
        if self._complete is None:
            self._make_step()
            return
        with self._complete.undone(self._schedules, self.param_groups):
            self._make_step()

    def _make_step(self) -> None:
        if self._schedules.any:
            self._schedules.apply(self.param_groups)
        layout = self._layout
        self._layout = None  # whatever is raised, nothing is known afterwards
        if layout is None or not self._holds(layout):
            layout = self._laid_out(layout)
        if layout.memory.odd:
            layout = self._treated(layout)
        if self._complete is not None:
            self._complete.step(layout, self._schedules)
        elif layout.step():
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
        averages = self._complete is not None and self._complete.averages_weights
        subject = Subject(self._call, self._formula, self._options, initial, averages)
        layout = Layout(subject, self.param_groups, self._state, before)
        if not self._holds(layout):
            raise RuntimeError(f"{subject.call}.step(): the parameters changed while they were laid out")
        if self._complete is not None:
            with withdrawing(layout):
                self._complete.attach(layout, self.param_groups)
        return layout

    def _treated(self, layout: Layout) -> Layout:
        """See to the gradients that the engine cannot read: copy them, or have their parameters stepped otherwise."""
        left = leaving.reasons(layout, self.param_groups)
        if left is None:  # one that has its first gradient
            layout = self._laid_out(layout)
            left = leaving.reasons(layout, self.param_groups)
            assert left is not None  # all that can have a row have one now
        members = leaving.members_of(self.param_groups)
        if left:
            layout = self._step_otherwise(layout, left, members)
        for index, _ in list(layout.memory.odd):
            if index not in left:
                layout.take(index, members[index][0])
        return layout

    def _step_otherwise(self, layout: Layout, left: Mapping[int, str], members: Sequence[tuple[Tensor, int]]) -> Layout:
        """Step parameters by rows of the engine's tables, or leave them to PyTorch."""
        with withdrawing(layout):
            if self._complete is not None:
                raise self._complete.refusal(
                    f"such as fastlr steps itself, not with {', '.join(sorted(set(left.values())))}"
                )
            tables = [index for index in left if self._by_rows(*members[index])]
            if others := {index: reason for index, reason in left.items() if index not in tables}:
                if not self._warned:
                    self._warned = True
                    leaving.warn(self._call, others.values())
                leaving.step_only(self, others, self._torchs_step)
        if others and not self._holds(layout):
            layout = self._laid_out(layout)
        for step in list(sparse.prepared(layout, members, self.state, tables)):
            step.make()
        return layout

    def _by_rows(self, param: Tensor, g: int) -> bool:
        group = self.param_groups[g]
        return param.grad is not None and self._formula.steps_rows(group) and sparse.fits(param, param.grad, group)

    def _torchs_step(self) -> None:
        """The step of PyTorch's class, without the hooks, which are around ours already."""
        step: Any = self._torchs.step
        (step.__wrapped__ if getattr(step, "hooked", False) else step)(self)
