"""Every rule with every combination of its flags and conventions: what table-driven tests run over."""

import itertools
from typing import Any

import numpy as np

import fastlr
from fastlr.rules import RULES, Rule
from fastlr.rules.base import Flag

# For each number, a value that is not neutral; a setting that is not here keeps its default.
OTHER = {
    "momentum": 0.9,
    "dampening": 0.3,
    "weight_decay": 0.1,
    "lr_decay": 0.05,
    "initial_accumulator_value": 0.5,
    "eps_root": 1e-3,
}


def combinations(rule: type[Rule], like: str) -> list[dict[str, Any]]:
    """All settings that the rule accepts, flags on and off, numbers at their default and at another value."""
    choices = {}
    for key, kind in rule.kinds().items():
        if isinstance(kind, Flag):
            choices[key] = [False, True]
        elif key in OTHER:
            choices[key] = [0.0, OTHER[key]]
    made = [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]
    return [{**settings, "like": like} for settings in made if accepted(rule, {**settings, "like": like})]


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
