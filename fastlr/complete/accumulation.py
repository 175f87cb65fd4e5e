"""Sums of the gradients of micro-batches."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastlr.arrays import Array
from fastlr.complete.averages import beside
from fastlr.engine import Passes
from fastlr.engine.native import Plan
from fastlr.groups import Group
from fastlr.rules.options import Options
from fastlr.rules.settings import whole


class Accumulator:
    """Adds gradients, in the same engine, until there are as many as a step needs."""

    def __init__(self, options: Options, call: str) -> None:
        self._every = options.accumulate
        self._call = call
        self.sums: dict[str, Array] = {}
        self.count = 0
        """How many micro-batches are in the sums."""
        self.wanted = 1
        """How many there will be."""

    def hold(self, params: Mapping[str, Array], groups: Sequence[Group]) -> None:
        """Have sums for all parameters of these groups, zero for those that are new."""
        for group in groups:
            if group.names[0] not in self.sums:
                new = beside(params, group.names)
                for array in new.values():
                    array.fill(0)
                self.sums |= new
        self._groups = groups
        self.arrays = [self.sums[name] for name in params]
        """In the order of the parameters."""

    def attach(self, plan: Plan, passes: Passes) -> None:
        """Add with this plan from now on, whose parameters are the sums."""
        self._plan = plan
        plan.equip(passes)

    def take(self, gradients: Sequence[Any] | None, wanted: int) -> None:
        """Add a micro-batch, one of so many."""
        for index, group in enumerate(self._groups):
            if self._plan.is_frozen(index) != group.frozen:
                self._plan.freeze(index, group.frozen)
        self._plan.step(gradients)
        self.count += 1
        self.wanted = wanted

    def done(self) -> None:
        """Begin anew; a step has zeroed the sums, but for groups that were frozen meanwhile."""
        self.count = 0
        for group in self._groups:
            if group.frozen:
                self._zero(group.names)

    def clear(self) -> None:
        """Forget what was summed."""
        self.count = 0
        self._zero(self.sums)

    def _zero(self, names: Iterable[str]) -> None:
        for name in names:
            self.sums[name].fill(0)

    def asked(self, step: int) -> int:
        """How many micro-batches this step wants: what its first one was told."""
        if self.count:
            return self.wanted
        if not callable(self._every):
            return self._every
        return whole(self._every(step), f"{self._call}(accumulate={self._every!r})", f"accumulate({step})", 1)
