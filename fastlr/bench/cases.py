"""What is raced: an optimizer, a dtype, a layout of the weights and a number of threads."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fastlr import rules
from fastlr.lab.optimizers import OPTIMIZERS
from fastlr.rules.base import Rule

RACED: Mapping[str, tuple[type[Rule], Mapping[str, Any]]] = {
    **OPTIMIZERS,
    "rmsprop+momentum": (rules.RMSprop, {"momentum": 0.9}),
    "centered+momentum": (rules.RMSprop, {"centered": True, "momentum": 0.9}),
    "adamw+clip": (rules.AdamW, {"max_norm": 1.0}),
}
"""Every optimizer that can be raced, by the name that `fastlr train` gives it, with the defaults of PyTorch; and AdamW
whose gradients are clipped to a global norm."""

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 64_000_000)
"""From a step that is all overhead to one that no cache holds."""


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Attributes
    ----------
    optimizer : str
        Of `RACED`.
    weights : int
        Of each array.
    arrays : int
        How many arrays of so many weights a step updates.
    dtype : str
        "float32" or "float64".
    threads : int
        What every contestant may use.
    """

    optimizer: str
    weights: int
    arrays: int = 1
    dtype: str = "float32"
    threads: int = 1

    @cached_property
    def rule(self) -> Rule:
        """Fastlr's rule with the settings that every contestant gets."""
        kind, settings = RACED[self.optimizer]
        return kind(**settings)

    @property
    def total(self) -> int:
        """The weights that a step updates."""
        return self.arrays * self.weights

    @property
    def itemsize(self) -> int:
        """Bytes of a weight."""
        return np.dtype(self.dtype).itemsize

    @property
    def states(self) -> int:
        """How many state arrays the rule keeps beside the weights and their gradients."""
        return len(self.rule.kernel.state)

    @property
    def memory(self) -> int:
        """Bytes of the weights, the gradients and the state."""
        return (2 + self.states) * self.total * self.itemsize

    @property
    def traffic(self) -> int:
        """Bytes that a step must at least move: it reads all of that, and writes the weights and the state."""
        reads_for_the_norm = self.rule.max_norm is not None
        return (3 + 2 * self.states + reads_for_the_norm) * self.total * self.itemsize

    @property
    def size(self) -> str:
        """The layout in words: "64,000,000" or "100 x 1,000"."""
        return f"{self.weights:,}" if self.arrays == 1 else f"{self.arrays:,} x {self.weights:,}"

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.optimizer}, {self.size} weights, {self.dtype}, {threads}"


def standard(threads: Iterable[int], dtypes: Sequence[str] = ("float32",)) -> list[Case]:
    """The whole table: AdamW over all sizes, in many arrays and on one thread; the others at 1,000 and 64 million.

    Parameters
    ----------
    threads : iterable of int
        Numbers of threads to race with.
    dtypes : sequence of str

    Returns
    -------
    list of Case
    """
    others = ("adam", "sgd", "momentum", "adagrad", "rmsprop", "rmsprop+momentum", "centered", "centered+momentum")
    cases = []
    for count, dtype in itertools.product(threads, dtypes):
        cases += [Case("adamw", size, dtype=dtype, threads=count) for size in SIZES]
        cases += [Case("adamw", 1_000, 100, dtype, count)]
        cases += [Case("adamw", 1_000_000, 1, dtype, 1)]
        cases += [Case("adamw+clip", 1_000, 100, dtype, count), Case("adamw+clip", 10_000_000, 1, dtype, count)]
        cases += [Case(name, size, dtype=dtype, threads=count) for name in others for size in (1_000, SIZES[-1])]
    return _distinct(cases)


def quick(threads: Iterable[int], dtypes: Sequence[str] = ("float32",)) -> list[Case]:
    """A part of the table that takes less than a minute: no weights beyond a million."""
    cases = []
    for count, dtype in itertools.product(threads, dtypes):
        cases += [Case("adamw", size, dtype=dtype, threads=count) for size in (10, 1_000, 100_000, 1_000_000)]
        cases += [Case(name, 1_000_000, dtype=dtype, threads=count) for name in ("momentum", "adagrad", "rmsprop")]
    return _distinct(cases)


def chosen(
    optimizers: Sequence[str],
    layouts: Sequence[tuple[int, int]],
    dtypes: Sequence[str],
    threads: Iterable[int],
) -> list[Case]:
    """Every combination of these; a layout is (arrays, weights of each)."""
    combinations = itertools.product(threads, dtypes, optimizers, layouts)
    return _distinct(
        [Case(optimizer, weights, arrays, dtype, count) for count, dtype, optimizer, (arrays, weights) in combinations]
    )


def _distinct(cases: Sequence[Case]) -> list[Case]:
    """Each once; those of a number of threads together, because they share their processes."""
    counts = dict.fromkeys(case.threads for case in cases)
    return [case for count in counts for case in dict.fromkeys(cases) if case.threads == count]
