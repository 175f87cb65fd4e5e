"""How many instructions a small step takes: unlike times, valgrind counts the same on a busy machine.

Counted in processes that differ in the number of steps alone, so that importing and starting cancel out.
"""

import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

VALGRIND = shutil.which("valgrind")

STEPS = """
import gc, sys
import numpy as np, fastlr

gc.disable()  # a collection that one process has more than another counts millions

def packed(**settings):
    return fastlr.AdamW(fastlr.pack(np.ones(10, np.float32)), **settings).step

def listed():
    opt, grads = fastlr.AdamW([np.ones(4, np.float32) for _ in range(5)]), [np.ones(4, np.float32) for _ in range(5)]
    return lambda: opt.step(grads)

steps = {"packed": packed(), "scheduled": packed(lr=lambda step: 0.001), "listed": listed()}
for name, step in steps.items():
    for _ in range(2000 if name == sys.argv[1] else 100):
        step()
"""
# Instructions a step when this was last looked at (x86-64, gcc 12), by the version of Python that calls it.
COUNTED = {
    (3, 11): {"packed": 2224, "scheduled": 4284, "listed": 6195},
    (3, 12): {"packed": 2485, "scheduled": 5760, "listed": 7475},
    (3, 13): {"packed": 2413, "scheduled": 5018, "listed": 6879},
}
ALLOWED = 1.2


def run(*command: str | None) -> subprocess.CompletedProcess[str]:
    # One instruction set and one thread everywhere; valgrind knows no AVX-512.
    environment = {"PYTHONHASHSEED": "0", "FASTLR_CPU": "v1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    words = [word for word in command if word]
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=True)


def instructions(case: str) -> int:
    """Of a whole process in which this case makes 1,900 steps more than the others."""
    done = run(VALGRIND, "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-c", STEPS, case)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found, done.stderr
    return int(found[1])


@pytest.fixture(scope="module")
def counted() -> dict[str, float]:
    cases = ["none", *COUNTED[3, 11]]
    run(sys.executable, "-c", STEPS, "none")  # so that no module is compiled in one of them only
    with ThreadPoolExecutor(2) as pool:
        totals = dict(zip(cases, pool.map(instructions, cases), strict=True))
    return {case: (totals[case] - totals["none"]) / 1900 for case in cases[1:]}


@pytest.mark.skipif(VALGRIND is None, reason="counting instructions needs valgrind (apt install valgrind)")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the counts are for x86-64")
@pytest.mark.skipif(sys.version_info[:2] not in COUNTED, reason="nobody has counted with this version of Python")
@pytest.mark.parametrize("case", COUNTED[3, 11])
def test_a_small_step_takes_no_more_instructions_than_it_did(counted: dict[str, float], case: str) -> None:
    known = COUNTED[sys.version_info[:2]][case]
    assert counted[case] < ALLOWED * known, f"{counted[case]:.0f} instructions, {known} when last looked at"
