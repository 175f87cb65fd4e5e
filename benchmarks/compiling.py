"""How long Numba takes to compile a rule for the first time, each in a new process."""

from .cases import CASES


class Compiling:
    """The kernel in float32 and the coefficients, when the first optimizer is made; Numba is imported already."""

    params = (list(CASES),)
    param_names = ("case",)
    rounds = 1
    repeat = 3
    timeout = 120.0

    def timeraw_first_optimizer(self, case: str) -> tuple[str, str]:
        """Make it."""
        rule, options = CASES[case]
        make = f"fastlr.{rule.__name__}(w, backend='numba', **{options})"
        return make, "import fastlr, numba, numpy as np; w = np.ones(10, np.float32)"
