"""Parameter groups: parts of the parameters with settings of their own."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from numbers import Real
from typing import TYPE_CHECKING, Any, cast

from fastlr.arrays import Tree
from fastlr.buffers import Packed
from fastlr.engine import Work
from fastlr.engine.native import Plan
from fastlr.rules.base import Rule
from fastlr.rules.settings import Schedulable, Varying

if TYPE_CHECKING:
    from fastlr.rowsteps import RowSteps


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
    return parts


def check_packed(parts: Sequence[Part], call: str) -> None:
    """Raise unless all parts bring gradients of their own or none does."""
    packed = [i for i, part in enumerate(parts) if part.packed is not None]
    if packed and len(packed) < len(parts):
        raise TypeError(f"{call}: all groups or none must be packed, got groups {packed} packed")


def layerwise(patterns: Sequence[str], lr: Schedulable, decay: float) -> dict[str, dict[str, Any]]:
    """Rates that fall from the last layer to the first, for `overrides`.

    Parameters
    ----------
    patterns : sequence of str
        Of the names of each layer's parameters, the first layer first.
    lr : float or callable of the step
        Of the last layer.
    decay : float
        What each layer before it is multiplied by, in (0, 1].

    Returns
    -------
    dict of str to dict

    References
    ----------
    Howard & Ruder 2018, arXiv:1801.06146, section 3.2 (discriminative fine-tuning).

    Examples
    --------
    >>> fastlr.layerwise(["embed", "body.*", "head.*"], lr=0.5, decay=0.5)
    {'embed': {'lr': 0.125}, 'body.*': {'lr': 0.25}, 'head.*': {'lr': 0.5}}
    """
    if isinstance(patterns, str) or not all(isinstance(pattern, str) for pattern in patterns):
        raise TypeError(f"layerwise({patterns!r}): patterns must be a list of patterns, one a layer")
    if not isinstance(decay, Real) or isinstance(decay, bool) or not 0 < decay <= 1:
        raise ValueError(f"layerwise(decay={decay!r}): decay must be in (0, 1], got {decay!r}")
    last = len(patterns) - 1
    return {pattern: {"lr": _scaled(lr, float(decay) ** (last - k))} for k, pattern in enumerate(patterns)}


def _scaled(lr: Schedulable, factor: float) -> Schedulable:
    if not callable(lr) or hasattr(lr, "__mul__"):  # schedules make products of themselves
        return cast("Any", lr) * factor if factor != 1.0 else lr
    return lambda step: lr(step) * factor


def partition(rule: Rule, names: Sequence[str]) -> list[tuple[Rule, list[str]]]:
    """The groups that a part falls into: who matches none of the rule's patterns, then who matches the same ones."""
    patterns = list(rule.patterns)
    members: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        matching = tuple(k for k, pattern in enumerate(patterns) if fnmatchcase(name, pattern))
        members.setdefault(matching, []).append(name)
    groups = []
    for matching in sorted(members):
        settings = {key: value for k in matching for key, value in rule.patterns[patterns[k]].items()}
        groups.append((dataclasses.replace(rule, **settings), members[matching]))
    return groups


def check_patterns(rule: Rule, names: Sequence[str], call: str) -> None:
    """Raise for a pattern that no parameter's name matches, or that sets what the rule has not."""
    for pattern, settings in rule.patterns.items():
        _check_keys(rule, settings, f"{call}: overrides[{pattern!r}]")
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ValueError(f"{call}: the pattern {pattern!r} must match a parameter, there are {list(names)}")


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

    def __init__(self, rule: Rule, params: Tree, names: Sequence[str]) -> None:
        self._rule = rule
        self._params = params
        self._plan: Plan | None = None
        self._index = 0
        self._frozen = False
        self.names = tuple(names)
        self.rows: RowSteps | None = None
        self.stepping = False

    def attach(self, plan: Plan, index: int) -> None:
        """Become the group of that index in a plan, which takes over what it was in the one before."""
        if self._plan is not None:
            plan.set_count(index, self.steps)
        self._plan, self._index = plan, index
        self.update(self._rule)

    @property
    def steps(self) -> int:
        """How many steps the group has taken: the optimizer's, less those before it came or while it was frozen."""
        return self._attached.count(self._index)

    @property
    def frozen(self) -> bool:
        """Whether steps leave the group's parameters and state alone."""
        return self._frozen

    def freeze(self) -> None:
        """Leave the group alone from now on; its gradients may be None."""
        self._set_frozen(True)

    def unfreeze(self) -> None:
        """Let the group go on where it stood."""
        self._set_frozen(False)

    def _set_frozen(self, frozen: bool) -> None:
        self._attached.freeze(self._index, frozen or self.by_rows)  # which raises inside a step
        self._frozen = frozen
        self._lay_out()

    def restore(self, steps: int, frozen: bool, rows: "RowSteps | None") -> None:
        """Be as far as a saved group was."""
        self._attached.set_count(self._index, steps)
        self._frozen = frozen
        self.take_rows(rows)

    @property
    def by_rows(self) -> bool:
        """Whether the group is a table that takes its steps by `step_rows` alone."""
        return self.rows is not None or self._rule.row is not None

    def take_rows(self, rows: "RowSteps | None") -> None:
        """Take steps by `step_rows` from now on, or by `step`."""
        self.rows = rows
        self._lay_out()

    def count_step(self, settings: Sequence[float]) -> None:
        """Count a step by rows that was made with these settings, which the plan then shows as after its own steps."""
        self._attached.configure(self._index, settings)
        self._attached.set_count(self._index, self.steps + 1)

    def settings_at(self, step: int) -> list[float]:
        """What the coefficients of 0-based step `step` are computed from."""
        settings = list(self._attached.settings(self._index))
        for varying in self.varying:
            settings[varying.index] = varying.at(step)
        return settings

    @property
    def work(self) -> Work:
        """The group as the engine sees it."""
        return self._attached.works[self._index]

    def _lay_out(self) -> None:
        """Tell the plan whether its steps are the group's."""
        self._attached.freeze(self._index, self._frozen or self.by_rows)
        functions = [] if self.by_rows else [(varying.index, varying.at) for varying in self.varying]
        self._attached.vary(self._index, functions)

    @property
    def _attached(self) -> Plan:
        assert self._plan is not None
        return self._plan

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
        self._attached.configure(self._index, rule.arguments())
        self._lay_out()

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
