"""PyTorch's names for what fastlr's rules work with, and its groups' settings as the rules take them."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from torch import Tensor

from fastlr.rules import SGD, Adagrad, Adam, AdamW, RMSprop, Rule
from fastlr.rules.settings import Like

PARTS = {"beta1": ("betas", 0), "beta2": ("betas", 1)}
"""Arguments of the coefficients that are not settings by that name: the setting, and which part of it."""


@dataclass(frozen=True)
class Formula:
    """A rule, and what PyTorch calls the parts of its state.

    Attributes
    ----------
    rule : subclass of Rule
    state : mapping of str to str
        The key in PyTorch's state of each of the rule's state arrays.
    counts : bool
        Whether PyTorch's state counts the steps, in "step".
    like : str
        Which of the rule's formulas is PyTorch's.
    sparse : {"no", "too", "only"}
        Whether PyTorch takes sparse gradients: of these the rows that they have are stepped.
    """

    rule: type[Rule]
    state: Mapping[str, str]
    counts: bool = True
    like: Like = "torch"
    sparse: Literal["no", "too", "only"] = "no"

    def of(self, group: Mapping[str, Any], options: Mapping[str, Any]) -> Rule:
        """The rule with the kernel that a group needs; its numbers mean nothing."""
        rule: Any = AdamW if group.get("decoupled_weight_decay") else self.rule
        flags = {key: bool(group[key]) for key in ("amsgrad", "centered", "nesterov") if key in group}
        if "momentum" in group:
            flags["momentum"] = 0.5 * (group["momentum"] != 0)
        return _rule(rule, tuple(flags.items()), (("like", self.like), *options.items()))

    def names(self, rule: Rule) -> tuple[str, ...]:
        """PyTorch's keys of the state that a rule's kernel takes, in its order."""
        return tuple(self.state[symbol] for symbol in rule.kernel.state)

    def steps_rows(self, group: Mapping[str, Any]) -> bool:
        """Whether a step with a sparse gradient is one of the rows that it has, as a group's settings are.

        Momentum is a sparse tensor then in PyTorch, and weight decay an error.
        """
        return self.sparse != "no" and not group.get("momentum") and not group.get("weight_decay")


@lru_cache(maxsize=256)
def _rule(rule: type[Rule], flags: Any, options: Any) -> Rule:
    return rule(**dict(flags), **dict(options))


FORMULAS = {
    SGD: Formula(SGD, {"m": "momentum_buffer"}, counts=False, sparse="too"),
    Adagrad: Formula(Adagrad, {"v": "sum"}, sparse="too"),
    RMSprop: Formula(RMSprop, {"v": "square_avg", "a": "grad_avg", "m": "momentum_buffer"}),
    Adam: Formula(Adam, {"m": "exp_avg", "v": "exp_avg_sq", "u": "max_exp_avg_sq"}),
    AdamW: Formula(AdamW, {"m": "exp_avg", "v": "exp_avg_sq", "u": "max_exp_avg_sq"}),
}
SPARSE_ADAM = Formula(Adam, {"m": "exp_avg", "v": "exp_avg_sq"}, like="keras", sparse="only")
"""`torch.optim.SparseAdam` has eps where Keras has it."""


def arguments(rule: Rule, values: Mapping[str, Any]) -> tuple[float, ...]:
    """What a rule's coefficients take after t, from a group's settings as plain numbers.

    Unlike a rule's own settings they are not checked: PyTorch takes whatever was written into a group.
    """
    found = {**_defaults(rule), **values}
    for part, (name, k) in PARTS.items():
        if name in values:
            found[part] = values[name][k]
    return tuple(float(found[name]) for name in rule.coefficients.arguments[1:])


@lru_cache(maxsize=256)
def _defaults(rule: Rule) -> dict[str, Any]:
    return {**rule.conventions[rule.like], **rule.settings()}


def plain(value: Any) -> Any:
    """A setting with tensors of one element as numbers."""
    if isinstance(value, Tensor):
        return value.item()
    return tuple(map(plain, value)) if isinstance(value, tuple | list) else value


class Watched:
    """The settings of a group as they were, to see when somebody has changed one.

    Parameters
    ----------
    keys : sequence of str
        Of those that matter.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self._pick: Callable[[Any], tuple[Any, ...]] = operator.itemgetter(*self.keys)
        self._seen: tuple[Any, ...] = ()

    def changed(self, group: Mapping[str, Any]) -> bool:
        """Whether a setting is another than when this was asked before."""
        values = self._pick(group)
        if values == self._seen:  # a tensor in it is compared by its number, which may change in place
            return False
        self._seen = tuple(map(plain, values))
        return True

    @property
    def scheduled(self) -> bool:
        """Whether a function has been written into the group."""
        return any(map(is_schedule, self._seen))

    def values(self) -> dict[str, Any]:
        """The settings, tensors as numbers."""
        return dict(zip(self.keys, self._seen, strict=True))


def is_schedule(value: Any) -> bool:
    """Whether a setting is a function of the step, or a pair with one."""
    return callable(value) or (isinstance(value, tuple | list) and any(map(callable, value)))
