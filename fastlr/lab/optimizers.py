"""Optimizers by name, as a command line or a study writes them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastlr import reference, rules
from fastlr.arrays import Array, Tree
from fastlr.lab.tables import closest
from fastlr.optimizer import Optimizer
from fastlr.rules.base import Rule

VARIANTS: Mapping[str, tuple[type[Rule], Mapping[str, Any]]] = {
    "momentum": (rules.SGD, {"momentum": 0.9, "nesterov": False}),
    "nesterov": (rules.SGD, {"momentum": 0.9, "nesterov": True}),
    "centered": (rules.RMSprop, {"centered": True}),
    "amsgrad": (rules.Adam, {"amsgrad": True}),
}
OPTIMIZERS: Mapping[str, tuple[type[Rule], Mapping[str, Any]]] = {
    **{rule.__name__.lower(): (rule, {}) for rule in rules.RULES},
    **VARIANTS,
}


@dataclass(frozen=True)
class Choice:
    """An optimizer to train with.

    Attributes
    ----------
    name : str
        What it is called in tables and pictures: "momentum", "adam@0.01".
    rule : Rule
        The rule with its settings.
    """

    name: str
    rule: Rule

    def optimizer(self, params: Tree) -> Optimizer:
        """A new optimizer of these parameters."""
        return Optimizer(params, self.rule)

    def reference(self, theta: Array, gradients: Iterable[Array]) -> Iterator[Array]:
        """The same as a generator in plain NumPy: see `fastlr.reference`."""
        rule = self.rule
        generator: Callable[..., Iterator[Array]] = getattr(reference, type(rule).__name__.lower())
        return generator(theta, gradients, **rule.settings(), like=rule.like)


def choose(names: Sequence[str], **settings: Any) -> tuple[Choice, ...]:
    """Optimizers by name, with settings that all of them share.

    Parameters
    ----------
    names : sequence of str
        Of `OPTIMIZERS`: the rules' names in small letters, and "momentum" and "nesterov" (SGD's, 0.9), "amsgrad",
        "centered" (RMSprop).  "adam@0.01" also gives the learning rate.
    **settings
        As the optimizers take them, `like` and `backend` too; None stands for the default.

    Returns
    -------
    tuple of Choice

    Raises
    ------
    ValueError, TypeError
        For an unknown or repeated name, or for a setting that one of them does not take or that is out of range.

    Examples
    --------
    >>> from fastlr.lab import choose
    >>> for choice in choose(["momentum", "sgd@0.5"], weight_decay=0.25):
    ...     print(choice.name, choice.rule.lr, choice.rule.momentum, choice.rule.weight_decay)
    momentum 0.001 0.9 0.25
    sgd@0.5 0.5 0.0 0.25
    """
    repeated = [name for i, name in enumerate(names) if name in names[:i]]
    if repeated:
        raise ValueError(f"optimizer {repeated[0]!r}: must be named once, got it twice")
    given = {key: value for key, value in settings.items() if value is not None}
    return tuple(Choice(name, _rule(name, given)) for name in names)


def _rule(full_name: str, settings: Mapping[str, Any]) -> Rule:
    name, at, rate = full_name.partition("@")
    if name not in OPTIMIZERS:
        close = closest(name, OPTIMIZERS)
        guess = f"did you mean {close!r}? " if close else ""
        raise ValueError(f"optimizer {name!r}: unknown, {guess}there are {', '.join(OPTIMIZERS)}")
    rule, fixed = OPTIMIZERS[name]
    unknown = settings.keys() - rule.kinds().keys() - {"like", "backend"}
    if unknown:
        raise ValueError(f"optimizer {name!r}: takes no {min(unknown)}, it takes {', '.join(rule.kinds())}")
    return rule(**{**fixed, **settings, **({"lr": _number(rate, full_name)} if at else {})})


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"optimizer {name!r}: what follows '@' must be a learning rate, got {text!r}") from None
