"""The engine: runs kernels over segments of memory with threads; it knows no optimizer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
