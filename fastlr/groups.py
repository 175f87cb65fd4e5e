"""Parameter groups: parts of the parameters with settings of their own."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from fastlr.arrays import Tree
from fastlr.buffers import Packed
from fastlr.engine.native import Plan
from fastlr.rules.base import Rule
from fastlr.rules.settings import Varying


@dataclass(frozen=True)
class Part:
    """What the user passed for one group."""

    params: Tree
    rule: Rule
    packed: Packed | None
    listed: bool
    """Whether it stands in a list of groups, so that gradients come in a list as well."""


def split(params: Tree, rule: Rule, call: str) -> list[Part]:
    """The groups of `params`: a list of mappings with "params" is groups, anything else is a single one."""
    if not isinstance(params, Sequence) or not any(isinstance(item, Mapping) for item in params):
        return [_part(params, rule, listed=False)]
    parts = []
    for i, group in enumerate(params):
        if not isinstance(group, Mapping):
            raise TypeError(f"{call}: group {i} must be a mapping like the others, got {type(group).__name__}")
        if "params" not in group:
            raise ValueError(
                f'{call}: group {i} must have a "params" entry, got keys {list(map(str, group))}; '
                'to pass a nested structure, wrap the list in a mapping: {"layers": [...]}'
            )
        overrides = {key: value for key, value in group.items() if key != "params"}
        _check_keys(rule, overrides, f"{call}: group {i}")
        parts.append(_part(group["params"], dataclasses.replace(rule, **overrides), listed=True))
    packed = [part.packed is not None for part in parts]
    if any(packed) and not all(packed):
        raise TypeError(f"{call}: all groups or none must be packed, got groups {_where(packed)} packed")
    return parts


def _where(flags: list[bool]) -> list[int]:
    return [i for i, flag in enumerate(flags) if flag]


def _part(params: Tree, rule: Rule, *, listed: bool) -> Part:
    if isinstance(params, Packed):
        return Part(params.params, rule, params, listed)
    return Part(params, rule, None, listed)


def _check_keys(rule: Rule, settings: Mapping[str, Any], call: str) -> None:
    unknown = [key for key in settings if key not in rule.kinds()]
    if unknown:
        raise ValueError(f"{call}: {unknown[0]!r} must be one of {', '.join(rule.kinds())}")


class Group(Mapping[str, Any]):
    """A group's parameters and settings, by key; setting an item takes effect from the next step on.

    Examples
    --------
    >>> opt = fastlr.SGD([{"params": np.zeros(2)}, {"params": np.zeros(3), "lr": 0.5}], lr=0.1)
    >>> [group["lr"] for group in opt.groups]
    [0.1, 0.5]
    >>> opt.groups[1]["lr"] = 0.25
    >>> opt.groups[1]["lr"]
    0.25
    """

    def __init__(self, rule: Rule, params: Tree, names: Sequence[str], plan: Plan, index: int) -> None:
        self._rule = rule
        self._params = params
        self._plan = plan
        self._index = index
        self.names = tuple(names)
        self.update(rule)

    @property
    def rule(self) -> Rule:
        """The settings as a value."""
        return self._rule

    @property
    def varying(self) -> tuple[Varying, ...]:
        """The settings that are functions of the step."""
        return self._rule.varying

    def next_rate(self, step: int) -> float:
        """The learning rate of 0-based step `step`, or an error if the schedule gives none."""
        rates = [varying.at(step) for varying in self.varying if varying.name == "lr"]
        return rates[0] if rates else cast("float", self._rule.lr)

    def update(self, rule: Rule) -> None:
        """Take new settings, if they work on the state there is."""
        if rule.kernel is not self._rule.kernel:
            raise ValueError(
                f"{rule!r}: these settings need the kernel {rule.kernel.name!r}, but the optimizer was made for "
                f"{self._rule.kernel.name!r} and its state; make a new optimizer"
            )
        self._rule = rule
        self._plan.configure(self._index, rule.arguments())
        self._plan.vary(self._index, [(varying.index, varying.at) for varying in rule.varying])

    def __getitem__(self, key: str) -> Any:
        if key == "params":
            return self._params
        if key not in self._rule.kinds():
            raise KeyError(key)
        return getattr(self._rule, key)

    def __setitem__(self, key: str, value: Any) -> None:
        _check_keys(self._rule, {key: value}, f"{type(self._rule).__name__}.groups")
        rule = dataclasses.replace(self._rule, **{key: value})
        if any(rule.initial(symbol) != self._rule.initial(symbol) for symbol in rule.kernel.state):
            raise ValueError(f"{rule!r}: {key} is what the state started with; make a new optimizer to change it")
        self.update(rule)

    def __iter__(self) -> Iterator[str]:
        return iter(("params", *self._rule.kinds()))

    def __len__(self) -> int:
        return 1 + len(self._rule.kinds())

    # By identity: as mappings, two groups would compare their arrays.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"Group({', '.join(self.names)}: {self._rule!r})"
