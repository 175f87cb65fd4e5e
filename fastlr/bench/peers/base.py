"""What a library must offer to take part, and what every contestant starts from."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TypeAlias

import numpy as np

from fastlr.arrays import Array
from fastlr.bench.cases import Case
from fastlr.bench.timing import Step

Make: TypeAlias = Callable[[Case], Step]
"""Lays out a case's weights, gradients and state, and returns what takes one full step over them."""


BOUND = {"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}
"""For those who use OpenMP: its threads bound to processors.  Left alone they often wake up on the processor of the
thread that waits for them: on 2 cores, DeepSpeed's step over 1,000 weights then took 270 us instead of 16."""
AWAKE = {**BOUND, "GOMP_SPINCOUNT": "300000"}
"""And awake for as long as GNU's OpenMP keeps them so unasked.  A worker imports fastlr, which asks for less, and what
else is in the process would get that too: PyTorch's fused step over 1,000 weights then took 97 us instead of 31."""


class UnsupportedError(Exception):
    """A contestant has no such optimizer; the message says what it lacks."""


@dataclass(frozen=True)
class Library:
    """A library that takes part, in a process of its own.

    Attributes
    ----------
    name : str
        As the user names it.
    contestants : mapping of str to callable
        Its ways of taking a step: a column of the table each.
    modules : tuple of str
        What must be imported before anything is timed.
    distribution : str
        Whose version the results name.
    install : str
        How to get it.
    slow : frozenset of str
        Contestants that take a minute to prepare, and so are there on request only.
    environment : mapping of str to str
        Variables of its process.
    clips : bool
        Whether its contestants clip the gradients' norm where the case wants it; others are left out then.
    """

    name: str
    contestants: Mapping[str, Make]
    modules: tuple[str, ...]
    distribution: str
    install: str
    slow: frozenset[str] = frozenset()
    environment: Mapping[str, str] = field(default_factory=dict)
    clips: bool = False

    def load(self) -> str:
        """Import it, and return its version.

        Raises
        ------
        ImportError
        """
        for module in self.modules:
            importlib.import_module(module)
        return metadata.version(self.distribution)


def load(source: str) -> Library:
    """The library that a module describes in its `LIBRARY`; to import it is cheap, whether or not it is installed."""
    library: Library = importlib.import_module(source).LIBRARY
    return library


def check(case: Case, library: Library) -> None:
    """Raise an UnsupportedError where the library has not all that the case wants."""
    if not case.rule.plain and not library.clips:
        raise UnsupportedError(f"{library.name} is not raced with clipped gradients")


def start(case: Case) -> tuple[list[Array], list[Array]]:
    """Weights of 1 and normal gradients, an array each."""
    numbers = np.random.default_rng(0).standard_normal(1009).astype(case.dtype)
    weights: list[Array] = [np.ones(case.weights, dtype=case.dtype) for _ in range(case.arrays)]
    return weights, [np.resize(numbers, case.weights) for _ in weights]


def refuse_double(case: Case, library: str) -> None:
    """Raise an UnsupportedError unless the case is in float32."""
    if case.dtype != "float32":
        raise UnsupportedError(f"{library}'s optimizers take float32 only")
