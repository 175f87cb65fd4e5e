"""What is measured: each kernel of each rule, who runs it, in which dtype, on how many weights.

Nothing is listed by hand that fastlr can tell: a new optimizer, kernel or backend is measured without an edit.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import combinations, repeat
from typing import Any, TypeAlias

import numpy as np

import fastlr
from fastlr.lab import Choice
from fastlr.rules import RULES, Kernel, Rule
from fastlr.rules.base import BACKENDS

Step: TypeAlias = Callable[[], object]


def fewest_options(rule: type[Rule]) -> Iterator[dict[str, Any]]:
    """For each kernel of a rule the settings that lead to it, with as few options on as that takes."""
    off = {key: value for key, value in rule().settings().items() if value in (False, 0)}
    on: list[tuple[str, Any]] = [(key, True if value is False else 0.5) for key, value in off.items()]
    found: set[Kernel] = set()
    for count in range(len(on) + 1):
        for settings in map(dict, combinations(on, count)):
            with suppress(ValueError):  # options that do not go together
                kernel = rule(**settings).kernel
                if kernel not in found:
                    found.add(kernel)
                    yield settings


CASES: dict[str, tuple[type[Rule], dict[str, Any]]] = {
    " ".join([rule.__name__, *settings]): (rule, settings) for rule in RULES for settings in fewest_options(rule)
}
"""By name: "SGD", "SGD momentum", "SGD momentum nesterov", ..."""

REFERENCE = "reference"
RUNNERS = (*(backend for backend in BACKENDS if backend != "auto"), REFERENCE)
"""fastlr's backends, and `fastlr.reference`: the formula as one would write it in NumPy."""

DTYPES = ("float32", "float64")
SIZES = (10, 1_000, 100_000, 1_000_000, 16_000_000)


def choice(case: str, **settings: Any) -> Choice:
    """The rule of a case."""
    rule, options = CASES[case]
    return Choice(case, rule(**options, **settings))


def packed(weights: int, dtype: str) -> fastlr.Packed:
    """Parameters of 1 and normally distributed gradients, made without a temporary array of their size."""
    made = fastlr.pack(np.broadcast_to(np.ones(1, dtype), weights))
    normals = np.random.default_rng(0).standard_normal(min(weights, 1 << 16))
    for start in range(0, weights, len(normals)):
        made.flat_grads[start : start + len(normals)] = normals[: weights - start]
    return made


def step_of(case: str, runner: str, parameters: fastlr.Packed) -> Step:
    """What takes a step on these parameters when it is called."""
    if runner == REFERENCE:
        return choice(case).reference(parameters.flat, repeat(parameters.flat_grads)).__next__
    return choice(case, backend=runner).optimizer(parameters).step
