"""The engine: runs kernels over segments of memory with threads; it knows no optimizer.

Design: OpenMP's threads sleep between steps (`OMP_WAIT_POLICY=passive`, unless the user set a policy).  By default they
spin for milliseconds, which on cores that also run the user's BLAS or other programs starves the very thread that is
waited for: on 2 cores, a step of 100,000 weights after a matrix product took 12,000 us spinning and 70 us sleeping.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


def _load_with_sleeping_threads() -> None:
    """Load the engine, and with it the OpenMP runtime, which reads its settings at that moment only."""
    mine = {"OMP_WAIT_POLICY": "passive"} if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} else {}
    os.environ.update(mine)
    try:
        from fastlr.engine import native  # noqa: F401
    finally:
        for name in mine:
            del os.environ[name]


_load_with_sleeping_threads()


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
    rows: Sequence[tuple[NDArray[np.floating], ...]]
    """A parameter each: (w, *state)."""
    states: int
    values: int
