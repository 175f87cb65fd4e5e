"""Lays parameters and PyTorch's state out for the engine, and steps them.

Design: PyTorch's state is the only truth, the count of steps included; a layout is a cache of addresses that is looked
at before each use (`Memory.read`) and made anew when it does not hold.  PyTorch counts steps for each parameter, the
engine for each of its groups: parameters of a group that have taken different numbers of steps are engine groups of
their own, and once parted they stay so, so that parameters whose gradients come and go cost a new layout only once.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from fastlr.binding import plan_of
from fastlr.engine.native import MisfitError, Plan
from fastlr.rules import Rule
from fastlr.torch.formulas import Formula, Watched, arguments
from fastlr.torch.members import Row, apart
from fastlr.torch.memory import FINE, Memory
from fastlr.torch.state import AVERAGE, STEP, entry_of
from fastlr.torch.tensors import why_not

Groups = list[dict[str, Any]]
SWITCHES = ("decoupled_weight_decay", "capturable", "differentiable")
"""Settings of PyTorch's that are none of a rule's, but decide who steps a group, and how."""


@dataclass(frozen=True)
class Subject:
    """An optimizer as a layout sees it.

    Attributes
    ----------
    call : str
        What errors begin with.
    formula : Formula
    options : mapping of str to value
        Settings of the rule that PyTorch does not have.
    initial : mapping of str to float
        What a state tensor starts with where that is not 0, by PyTorch's key.
    averages : bool
        Whether averages of the weights are taken.
    """

    call: str
    formula: Formula
    options: Mapping[str, Any]
    initial: Mapping[str, float]
    averages: bool


@dataclass(frozen=True)
class Part:
    """The parameters of one dtype: a call of the engine."""

    plan: Plan
    rows: list[Row]
    addresses: NDArray[Any]


class Layout:
    """What the engine steps of an optimizer.

    Parameters
    ----------
    subject : Subject
    groups : list of dict
        The optimizer's.
    state : dict of tensor to dict
        The optimizer's; what is missing is added.
    before : Layout, optional
        The one that does not hold any more: those whom it has parted stay so.

    Attributes
    ----------
    memory : Memory
        Where everything is.
    shared : set of int
        Parameters that the engine cannot step because their memory is that of others as well.
    rows : list of Row
        What it steps.
    """

    def __init__(
        self, subject: Subject, groups: Groups, state: dict[Tensor, dict[str, Any]], before: "Layout | None" = None
    ) -> None:
        self.subject = subject
        self._kinds = [_kind(subject, group) for group in groups]
        self._watched = [Watched([key for key in group if _matters(key, subject)]) for group in groups]
        found = sorted(self._found(groups, state, before), key=lambda row: row.dtype)
        rows, self.shared = apart(found)
        for row in found:
            if row.index in self.shared:
                row.entry.withdraw(state)
        shares = list(dict.fromkeys(row.share for row in rows))
        self._shares = {row.param: shares.index(row.share) for row in rows}
        self.rows = rows
        self._untried = [row.entry for row in rows if row.entry.fresh]
        self._shares_of = [sorted({self._shares[r.param] for r in rows if r.group == g}) for g in range(len(groups))]
        count = STEP if subject.formula.counts else None
        self.memory = Memory(
            [group["params"] for group in groups],
            state,
            [(row.index, row.entry.state, row.entry.watched, count, self._shares[row.param]) for row in rows],
        )
        self._where: dict[int, tuple[Plan, int]] = {}
        self._parts = [self._part(dtype) for dtype in dict.fromkeys(row.dtype for row in rows)]  # as they are sorted
        for g, (watched, group) in enumerate(zip(self._watched, groups, strict=True)):
            watched.changed(group)
            self._configure(g)

    def _found(self, groups: Groups, state: dict[Tensor, dict[str, Any]], before: "Layout | None") -> Iterator[Row]:
        """The parameters that the engine can step: those that have a gradient or all of their state."""
        subject, shares = self.subject, before._shares if before else {}
        index = -1
        for g, group in enumerate(groups):
            names = subject.formula.names(self.rule(g))
            needed = names + (AVERAGE,) * subject.averages
            for param in group["params"]:
                index += 1
                if subject.formula.sparse == "only" or why_not(param, param.grad, group):
                    continue
                if param.grad is None and not all(name in state.get(param, ()) for name in needed):
                    continue
                entry = entry_of(
                    param,
                    state,
                    names,
                    subject.initial,
                    counts=subject.formula.counts,
                    call=f"{subject.call}.step(): parameter {index}",
                    averages=subject.averages,
                )
                yield Row(index, param, g, str(param.dtype), entry, (g, shares.get(param), entry.steps))

    def _part(self, dtype: str) -> Part:
        """The plan for the parameters of one dtype."""
        rows = [row for row in self.rows if row.dtype == dtype]
        shares = list(dict.fromkeys(self._shares[row.param] for row in rows))
        first = {self._shares[row.param]: row for row in reversed(rows)}
        plan = plan_of(
            [self._kinds[first[share].group][0] for share in shares],
            [(shares.index(self._shares[row.param]), row.arrays) for row in rows],
            (),
            self._kinds[0][0],
        )
        for k, share in enumerate(shares):
            self._where[share] = plan, k
            plan.set_count(k, first[share].entry.steps)
        begin = [row.dtype for row in self.rows].index(dtype)
        return Part(plan, rows, self.memory.addresses[begin : begin + len(rows)])

    def _configure(self, g: int) -> None:
        """Let the engine compute with a group's settings as they are now."""
        found = arguments(self.rule(g), self.settings(g))
        for share in self._shares_of[g]:
            plan, k = self._where[share]
            plan.configure(k, found)

    def holds(self, groups: Groups, *, exposed: bool) -> bool:
        """Whether everything is where it was, and find the gradients; settings may have changed.

        Parameters
        ----------
        groups : list of dict
        exposed : bool
            Whether anybody has asked for the state since this was asked.
        """
        if len(groups) != len(self._watched):
            return False
        for g, (watched, group) in enumerate(zip(self._watched, groups, strict=True)):
            if watched.changed(group):
                if watched.scheduled or _kind(self.subject, group) != self._kinds[g]:
                    return False
                self._configure(g)
        return self.memory.read(groups, exposed) == FINE

    @property
    def plans(self) -> list[Plan]:
        """One for each dtype."""
        return [part.plan for part in self._parts]

    def rule(self, g: int) -> Rule:
        """The rule of one of PyTorch's groups; its numbers mean nothing."""
        return self._kinds[g][0]

    def settings(self, g: int) -> dict[str, Any]:
        """A group's settings, tensors as numbers."""
        return self._watched[g].values()

    def rates(self) -> tuple[float, ...]:
        """The learning rate of each group."""
        return tuple(float(self.settings(g)["lr"]) for g in range(len(self._watched)))

    def step(self) -> bool:
        """Step all parameters whose gradients were found.

        Returns
        -------
        bool
            Whether the step was applied; where not, nothing was changed.
        """
        for share, count in self.memory.steps():
            plan, k = self._where[share]
            if plan.count(k) != count:
                plan.set_count(k, count)
        for part in self._parts:
            if not self._stepped(part):  # with what may skip a step there is one part only
                self.withdraw()
                return False
        self.finish()
        return True

    def finish(self) -> None:
        """Count a step that was made, in the state and for autograd."""
        self._untried = []
        torch.autograd.graph.increment_version(self.memory.done())

    def withdraw(self) -> None:
        """Take state that was added for a step out again if that step was not taken: it would look like an old one."""
        self.memory.release()
        for entry in self._untried:
            entry.withdraw(self.memory.state)
        self._untried = []

    def _stepped(self, part: Part) -> bool:
        while True:
            try:
                return part.plan.step(None, part.addresses)
            except MisfitError as misfit:  # a gradient in the memory of a parameter or its state
                row = part.rows[misfit.args[0]]
                self.take(row.index, row.param)

    @torch.no_grad()
    def take(self, index: int, param: Tensor) -> bool:
        """Step a parameter with a copy of its gradient that lies as the parameter does; False if it has no row."""
        if not self.memory.has(index):
            return False
        copy = torch.empty_like(param, requires_grad=False, memory_format=torch.preserve_format)
        assert param.grad is not None
        return self.memory.take(index, copy.copy_(param.grad))


@contextmanager
def withdrawing(layout: Layout) -> Iterator[None]:
    """Withdraw a layout's state if something is raised before its step."""
    try:
        yield
    except BaseException:
        layout.withdraw()
        raise


def _kind(subject: Subject, group: Mapping[str, Any]) -> tuple[Rule, tuple[bool, ...]]:
    """What of a group's settings a layout depends on."""
    return subject.formula.of(group, subject.options), tuple(bool(group.get(switch)) for switch in SWITCHES)


def _matters(key: str, subject: Subject) -> bool:
    return key in SWITCHES or (key in subject.formula.rule.kinds() and key != "initial_accumulator_value")
