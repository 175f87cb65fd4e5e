"""Every rule with every combination of its flags and conventions: what table-driven tests run over."""

import itertools
from typing import Any

import numpy as np

import fastlr
from fastlr.rules import RULES, Rule
from fastlr.rules.settings import Flag, Setting

# Numbers that are neutral at 0 are on and off like flags; all others are at their default in one case and elsewhere in
# the next, see `elsewhere`.
SWITCHED = {
    "momentum": 0.9,
    "dampening": 0.3,
    "weight_decay": 0.1,
    "lr_decay": 0.05,
    "initial_accumulator_value": 0.5,
    "eps_root": 1e-3,
}


def elsewhere(kind: Setting) -> Any:
    """A value that is no rule's default."""
    values = (0.7, 0.95) if kind.below == 1 else (0.03, 0.02)
    return values[: len(kind.parts)] if kind.parts else values[0]


def combinations(rule: type[Rule], like: str) -> list[dict[str, Any]]:
    """All settings that the rule accepts, flags on and off, numbers at their default and at another value."""
    kinds = rule.kinds()
    choices = {
        key: (False, True) if isinstance(kind, Flag) else (0.0, SWITCHED[key])
        for key, kind in kinds.items()
        if isinstance(kind, Flag) or key in SWITCHED
    }
    moved = {key: elsewhere(kind) for key, kind in kinds.items() if key not in {*choices, "lr"}}
    made = []
    for values in itertools.product(*choices.values()):
        settings = {**dict(zip(choices, values, strict=True)), "like": like}
        if accepted(rule, settings):
            made += [settings | (moved if len(made) % 2 else {})]
    return made


def accepted(rule: type[Rule], settings: dict[str, Any]) -> bool:
    try:
        rule(**settings)
    except ValueError:
        return False
    return True


CASES = [
    (rule.__name__, settings) for rule in RULES for like in rule.conventions for settings in combinations(rule, like)
]
IDS = [f"{name}-{'-'.join(f'{k}={v}' for k, v in settings.items() if v)}" for name, settings in CASES]
KERNELS = {
    kernel.name: (rule, settings)
    for name, settings in reversed(CASES)
    for rule in [getattr(fastlr, name)]
    for kernel in [rule.rule(**settings).kernel]
}
"""A combination for each kernel."""


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays hold the same bits; NaNs may carry different payloads."""
    bits = f"u{a.itemsize}"
    return a.dtype == b.dtype and bool(np.all((a.view(bits) == b.view(bits)) | (np.isnan(a) & np.isnan(b))))
