"""The physical limit: the same reads and writes, by the simplest loop that the compiler makes fast.

Its arrays begin on different cache lines of their pages.  Where they all begin on the same one, as large arrays do,
processors take a read for one that must wait for the write before it, and what is in cache takes half as long again.
"""

import time

import numpy as np
from numpy.typing import NDArray

from fastlr.bench.cases import Case
from fastlr.bench.peers.base import AWAKE, Library
from fastlr.bench.stream import Stream
from fastlr.bench.timing import Step, calibrate, turn

PAGE, LINE = 4096, 64


def _make(case: Case) -> Step:
    """Threads only where they make it faster, as they do not at small sizes."""
    words = case.total * case.itemsize // 4
    stream = Stream([_zeros(words, at=17 * LINE * k) for k in range(2 + case.states)], case.threads)
    seconds = {}
    for threads in {1, case.threads}:
        stream.threads = threads
        number = calibrate(stream.step)
        seconds[threads] = min(turn(stream.step, number, time.perf_counter) for _ in range(3))
    stream.threads = min(seconds, key=lambda threads: seconds[threads])
    return stream.step


def _zeros(words: int, at: int) -> NDArray[np.uint32]:
    """Zeros that begin so many bytes after the beginning of a page."""
    raw = np.zeros(4 * words + 2 * PAGE, dtype=np.uint8)
    raw.fill(0)  # now, not when they are first read
    offset = -raw.ctypes.data % PAGE + at % PAGE
    return raw[offset : offset + 4 * words].view(np.uint32)


LIBRARY = Library(
    "limit",
    {"limit": _make},
    ("fastlr.bench.stream",),
    "fastlr-optim",
    "pip install fastlr-optim",
    environment=AWAKE,
)
