"""A step: every kernel of every rule, on every backend and in plain NumPy, from a few weights to many."""

from .cases import CASES, DTYPES, RUNNERS, SIZES, packed, step_of
from .timing import Repeated, steps_in_a_row


class Steps(Repeated):
    """A whole `opt.step()` on packed parameters, from Python and back."""

    params = (list(CASES), RUNNERS, DTYPES, SIZES)
    param_names = ("case", "runner", "dtype", "weights")

    def setup(self, case: str, runner: str, dtype: str, weights: int) -> None:
        """Fill the arrays."""
        self.prepare(step_of(case, runner, packed(weights, dtype)), steps_in_a_row(weights))

    def time_step(self, *parameters: object) -> None:
        """Seconds for one."""
        self.run()
