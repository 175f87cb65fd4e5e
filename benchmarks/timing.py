"""How times are taken."""

import itertools
from collections.abc import Callable
from time import perf_counter


class Repeated:
    """Times calls that are too short for a clock.

    asv sets up anew before each call that it times.  A step of 0.2 us would be lost in the 0.05 us that reading the
    clock takes and in the caches that setting up has emptied.  So what asv calls is many steps, and the clock that
    it reads is slowed down by as many: the results are seconds for one.
    """

    number = 1
    repeat = (2, 20, 1.0)  # samples: at least, at most, and seconds after which there are enough
    warmup_time = 0.0
    timeout = 120.0

    def prepare(self, step: Callable[[], object], count: int) -> None:
        """Set up to time `count` calls of `step` in a row; the first call, which may start threads, is not timed."""
        step()
        self.step, self.count = step, count
        self.timer = lambda: perf_counter() / count

    def run(self) -> None:
        """What is timed."""
        step = self.step
        for _ in itertools.repeat(None, self.count):
            step()


def steps_in_a_row(weights: int) -> int:
    """How many steps last long enough for a clock, and do not take NumPy a second."""
    return min(1_000, max(1, 10_000_000 // weights))


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    began = perf_counter()
    call()
    return perf_counter() - began
