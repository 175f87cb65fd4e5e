"""The engine: runs kernels over segments of memory with threads; it knows no optimizer.

Design: OpenMP's threads go to sleep soon after a step (unless the user has set how they wait).  By default they spin
for milliseconds, which on cores that also run the user's BLAS or other programs starves the very thread that is waited
for: on 2 cores, a step of a million weights took 170 us alone but 4,000 to 12,000 us after a matrix product.
Spinning for about as long as waking takes (25 us), it is 170 us and 220 us.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

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
    rate_at: int
    """Which of the settings is the learning rate."""
    scale_at: int
    """Which of the kernel's coefficients multiplies the gradient, and nothing else; -1 where there is none."""
    row: RowWork | None = None


@dataclass(frozen=True)
class Passes:
    """What a plan's steps may do besides running the kernels."""

    apart: bool
    """Keep parameters apart that could be run as one, for what is measured of each."""
    zero: bool
    """Zero the gradients."""
    averages: Sequence[Any]
    """Arrays like the parameters, or none."""
    last: Sequence[Any]
    """Arrays like the parameters in which a step is kept, or none."""
    guarded: Sequence[Any]
    """Arrays besides the plan's own that gradients must not share memory with."""
    clipped: Callable[..., tuple[Any, ...]]
    blended: Callable[..., tuple[Any, ...]]
    """See `fastlr.rules.passes`."""
    addresses: Mapping[str, int]
    """Of these two as C functions, and of those of measure.h: "clipped", "blended", "dot", "largest", "faults",
    "moved"."""


class Gather:
    """What is gathered in a step, bits as in chunks.pxd; plain integers, for an IntFlag's `&` takes 0.5 us."""

    GRADIENT = 1
    UPDATE = 2
    KEEP = 4
    ALONG = 8
    CLIPPED = 16


class Total:
    """The columns of what was gathered, as in chunks.pxd."""

    GRADIENT_SQUARES = 0
    GRADIENT_LARGEST = 1
    ALONG_LAST = 2
    ALONG_OWN = 3
    UPDATE_SQUARES = 4
    WEIGHT_SQUARES = 5
    WEIGHT_LARGEST = 6
    CLIPPED_SQUARES = 7
    GRADIENT_FAULTS = 8


class Treatment(Protocol):
    """Decides about a step, and is told of it."""

    def numbers(self) -> object:
        """Everything that depends on the next step only, or what its functions raise."""
        ...

    def begin(self, gradients: Any) -> bool:
        """Before anything is changed: whether to make the step; `Plan.arrays_of` says what the gradients are."""
        ...

    def end(self) -> None:
        """After the step."""
        ...
