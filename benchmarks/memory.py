"""How much memory a step takes."""

from pathlib import Path

from .cases import RUNNERS, choice, packed, step_of

CASE = "Adam"  # what is allocated depends on who runs the rule
WEIGHTS = 10_000_000  # arrays of 40 MB: from 32 MB on, the C library gives back what is freed

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def megabytes(name: str) -> float:
    """A line of Linux's account of this process."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024 / 1e6


def forget_peak() -> None:
    """Let Linux count this process' peak from here on."""
    CLEAR.write_text("5")


class Memory:
    """Of an optimizer with ten million float32 weights, arrays of 40 MB, and its first three steps."""

    params = (RUNNERS,)
    param_names = ("runner",)
    unit = "MB"
    timeout = 120.0

    def setup(self, runner: str) -> None:
        """Fill the arrays."""
        self.packed = packed(WEIGHTS, "float32")

    def train(self, runner: str) -> None:
        """Make an optimizer, take steps, throw it away."""
        step = step_of(CASE, runner, self.packed)
        for _ in range(3):
            step()

    def peakmem_process(self, runner: str) -> None:
        """Everything: Python, NumPy, Numba where it compiles, and parameters, gradients and state of 40 MB each."""
        self.train(runner)

    def track_extra(self, runner: str) -> int:
        """What is needed at the peak beyond parameters, gradients and state; whole MB, for Linux counts roughly."""
        if not CLEAR.exists():
            raise NotImplementedError("only Linux tells a process its peak from a given moment on")
        self.train(runner)  # compilers and threads come to stay, and are not counted
        forget_peak()
        before = megabytes("VmRSS")
        self.train(runner)
        state = len(choice(CASE).rule.kernel.state) * self.packed.flat.nbytes / 1e6
        return round(megabytes("VmHWM") - before - state)
