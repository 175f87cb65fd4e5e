"""The engine: runs kernels over segments of memory with threads; it knows no optimizer.

Design: OpenMP's threads go to sleep soon after a step (unless the user has set how they wait).  By default they spin
for milliseconds, which on cores that also run the user's BLAS or other programs starves the very thread that is waited
for: on 2 cores, a step of a million weights took 170 us alone but 4,000 to 12,000 us after a matrix product.
Spinning for about as long as waking takes (25 us), it is 170 us and 220 us.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

# Asked before the OpenMP runtime is there, which may bind this thread to one processor.  Windows and macOS have none.
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _load_with_sleeping_threads() -> None:
    """Load the engine, and with it the OpenMP runtime, which reads its settings at that moment only."""
    wait = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}  # any runtime's word; GNU's, more exactly
    mine = {} if wait.keys() & os.environ.keys() else wait
    os.environ.update(mine)
    try:
        from fastlr.engine import native  # noqa: F401
    finally:
        for name in mine:
            del os.environ[name]


_load_with_sleeping_threads()


Rows: TypeAlias = Sequence[tuple[int, tuple[Any, ...]]]
"""Parameters in the order of their gradients: which group, and (w, *state)."""


@dataclass(frozen=True)
class RowWork:
    """What a rule computes once a row: `state, coefficient = function(mean square, state, *coefficients)`, float64."""

    function: Callable[..., tuple[Any, ...]]
    """On floats, or on arrays with an item a row."""
    address: int
    picks: Sequence[int]
    """Which of the values it takes, in its order."""
    replaced: int
    """Which of the kernel's coefficients it gives."""


@dataclass(frozen=True)
class Work:
    """One parameter group as the engine sees it."""

    kernel: Callable[..., tuple[Any, ...]]
    """w, *state = kernel(w, g, *state, *coefficients) on arrays."""
    kernel_address: int
    """The same as a C function over a stretch of memory; 0 if only Python runs it."""
    coefficients: Callable[..., tuple[float, ...]]
    """values = coefficients(t, *settings), t = 1, 2, ..."""
    coefficients_address: int
    settings: Sequence[float]
    picks: Sequence[int]
    """Which of the values the kernel takes, in its order."""
    states: int
    values: int
    row: RowWork | None = None
