"""A library for tests: contestants that do what their names say."""

import os
import sys
import time

from fastlr.bench.peers.base import Library, UnsupportedError


def _sleeps(case):
    return lambda: time.sleep(0.001)


def _lacks(case):
    raise UnsupportedError(f"there is no {case.optimizer}")


def _raises(case):
    raise ValueError("what a peer may say")


def _breaks(case):
    """In the second turn: the two of preparing, the calibration and the first turn are over by then."""
    calls = iter(range(20))

    def step():
        time.sleep(0.006)
        if next(calls) == 4:
            raise RuntimeError("broken")

    return step


def _prints(case):
    print("libraries print")
    return lambda: time.sleep(0.001)


def _dies(case):
    print("no more memory", file=sys.stderr, flush=True)
    os._exit(3)


LIBRARY = Library(
    "fake",
    {"sleeps": _sleeps, "prints": _prints, "lacks": _lacks, "raises": _raises, "breaks": _breaks, "waits": _sleeps},
    ("json",),
    "numpy",
    "pip install fake",
    slow=frozenset({"waits"}),
    environment={"FAKE": "1"},
)
DYING = Library("dying", {"dies": _dies}, (), "numpy", "pip install dying")
