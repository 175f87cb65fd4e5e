"""How fast a step moves memory, and how that compares with a copy.

No optimizer can beat the memory bus: with arrays beyond the caches, what counts is the bytes that a step must move, it
reads w, g and the state and writes w and the state.  What the bus gives is measured by copying, on as many threads and
in turns with the steps, for on a shared machine it is another number every minute.

Here more is better.  asv does not know: `asv continuous` calls a gain a loss, and `asv publish` is told not to judge.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat
from statistics import median
from typing import Any

import numpy as np

import fastlr

from .cases import CASES, DTYPES, Step, choice, packed, step_of
from .timing import seconds

MEGABYTES = (1, 256)
"""Of each array: one size for the caches, one beyond them."""

ROUNDS = 9


def traffic(case: str) -> int:
    """How many values a step must read and write for a weight."""
    state = len(choice(case).rule.kernel.state)
    read, written = 2 + state, 1 + state
    return read + written


def in_a_row(call: Step, count: int) -> None:
    """Call again and again."""
    for _ in repeat(None, count):
        call()


class Copy:
    """Copies an array on several threads, which NumPy's own copy does not use, though it leaves them the processor."""

    def __init__(self, size: int, threads: int) -> None:
        source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
        parts = zip(np.array_split(target, threads), np.array_split(source, threads), strict=True)
        self.copies = [partial(np.copyto, *pair) for pair in parts]
        self.pool = ThreadPoolExecutor(threads)
        self.traffic = 2 * size

    def repeated(self, count: int) -> None:
        """Copy so many times; the threads wait for each other only at the end."""
        list(self.pool.map(in_a_row, self.copies, repeat(count)))

    def gigabytes_per_second(self, count: int) -> float:
        """Read and written, by so many copies."""
        return self.traffic * count / seconds(lambda: self.repeated(count)) / 1e9


class Bandwidth:
    """What a step moves in a second."""

    params = (list(CASES), DTYPES, MEGABYTES)
    param_names = ("case", "dtype", "megabytes")
    unit = "GB/s"
    timeout = 120.0

    def setup(self, case: str, dtype: str, megabytes: int) -> None:
        """Fill the arrays."""
        size = megabytes * 1_000_000
        self.step = step_of(case, "auto", packed(size // np.dtype(dtype).itemsize, dtype))
        self.traffic = traffic(case) * size
        self.count = MEGABYTES[-1] // megabytes  # a round moves as much in the caches as beyond them
        in_a_row(self.step, self.count)

    def gigabytes_per_second(self) -> float:
        """Of one round."""
        return self.traffic * self.count / seconds(lambda: in_a_row(self.step, self.count)) / 1e9

    def track_bandwidth(self, *parameters: object) -> float:
        """The median of several rounds."""
        return round(median(self.gigabytes_per_second() for _ in range(ROUNDS)), 1)


class ShareOfCopy:
    """The bandwidth of a step as a share of a copy's.

    It may be more than 100 %: a processor fetches what it is about to write over, unless it has just read it.  So a
    copy moves up to a half more than is counted here, and a step does not.
    """

    params = Bandwidth.params
    param_names = Bandwidth.param_names
    unit = "%"
    timeout = Bandwidth.timeout

    def setup(self, case: str, dtype: str, megabytes: int) -> None:
        """Fill the arrays."""
        self.bandwidth = Bandwidth()
        self.bandwidth.setup(case, dtype, megabytes)
        self.copy = Copy(megabytes * 1_000_000, fastlr.get_num_threads())
        self.copy.repeated(self.bandwidth.count)

    def teardown(self, *parameters: Any) -> None:
        """End the copying threads."""
        self.copy.pool.shutdown()

    def share(self) -> float:
        """Of one round, in which a step and a copy are measured one after the other."""
        step = self.bandwidth.gigabytes_per_second()
        return 100 * step / self.copy.gigabytes_per_second(self.bandwidth.count)

    def track_share_of_copy(self, *parameters: object) -> float:
        """The median of several rounds' shares."""
        return round(median(self.share() for _ in range(ROUNDS)), 1)
