"""What another core brings."""

import fastlr

from .cases import SIZES, packed
from .timing import Repeated, steps_in_a_row


class Threads(Repeated):
    """A step of Adam in float32 on so many threads; more threads than processors are skipped."""

    params = (SIZES[2:], (1, 2, 4, 8, 16))
    param_names = ("weights", "threads")

    def setup(self, weights: int, threads: int) -> None:
        """Fill the arrays."""
        if threads > fastlr.get_num_threads():
            raise NotImplementedError(f"{threads} threads on {fastlr.get_num_threads()} processors")
        fastlr.set_num_threads(threads)
        self.prepare(fastlr.Adam(packed(weights, "float32")).step, steps_in_a_row(weights))

    def time_step(self, *parameters: object) -> None:
        """Seconds for one."""
        self.run()
