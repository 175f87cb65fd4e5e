"""How many threads, who says so, and what a fork does to them."""

import os
import subprocess
import sys

import numpy as np
import pytest

import fastlr
from fastlr.engine import native, threads

STEP = """
import numpy as np, fastlr
w = np.ones(400_000, dtype="float32")
opt = fastlr.Adam(w)
opt.step(np.full_like(w, 0.5))
"""


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize(
    ("value", "expected"), [("1", 1), ("2,1", 2), ("4096", 10**6), ("nonsense", 10**6), ("0", 10**6), ("", 10**6)]
)
def test_omp_num_threads_is_an_upper_bound(value, expected):
    processors = len(os.sched_getaffinity(0))
    # libgomp itself complains of a value that is no number, on stderr.
    got = run("import fastlr; print(fastlr.get_num_threads())", OMP_NUM_THREADS=value)
    assert int(got[0]) == min(expected, processors)


def test_affinity_is_honoured():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); import fastlr; "
    code += "print(fastlr.get_num_threads())"
    assert run(code, OMP_NUM_THREADS="") == ["1"]


def test_without_openmp_there_is_one(monkeypatch):
    monkeypatch.setattr(native, "OPENMP", False)
    assert threads.available() == 1
    with pytest.raises(ValueError, match=r"set_num_threads\(2\): must be 1, fastlr was built without OpenMP"):
        fastlr.set_num_threads(2)


@pytest.mark.parametrize(
    ("count", "error", "message"),
    [
        (0, ValueError, "from 1 to 1024"),
        (-1, ValueError, "from 1"),
        (2000, ValueError, "to 1024"),
        (1.5, TypeError, "whole number, got float"),
        (True, TypeError, "whole number, got bool"),
        (None, TypeError, "NoneType"),
    ],
)
def test_bad_counts(count, error, message):
    before = fastlr.get_num_threads()
    with pytest.raises(error, match=rf"set_num_threads\({count}\): .*{message}"):
        fastlr.set_num_threads(count)
    assert fastlr.get_num_threads() == before


def test_a_forked_child_runs_serially_and_does_not_hang():
    code = (
        STEP
        + """
import os
fastlr.set_num_threads(2)
opt.step(np.full_like(w, 0.5))      # the parent's OpenMP threads exist now
child = os.fork()
if child == 0:
    assert fastlr.get_num_threads() == 1
    try:
        fastlr.set_num_threads(2)
    except ValueError as error:
        assert "forked" in str(error)
    else:
        os._exit(3)
    opt.step(np.full_like(w, 0.5))
    os._exit(0 if opt.steps == 3 else 4)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), fastlr.get_num_threads())
"""
    )
    assert run(code, PYTHONWARNINGS="ignore") == ["0", "2"]


def test_more_threads_than_chunks_are_not_used():
    """40,000 weights are 10 chunks; 64 threads would leave most with nothing."""
    before, least = fastlr.get_num_threads(), native.set_parallel_from(1, 1)
    results = []
    for count in (1, 64):
        fastlr.set_num_threads(count)
        w = np.linspace(-1, 1, 40_000)
        fastlr.RMSprop(w).step(np.cos(w))
        results.append(w)
    fastlr.set_num_threads(before)
    native.set_parallel_from(*least)
    assert results[0].tobytes() == results[1].tobytes()


@pytest.mark.parametrize("level", fastlr.show_config("dicts")["instruction sets usable"])
def test_subnormals_survive_import_and_steps(level):
    """Nothing switches the process, or its threads, to flush-to-zero."""
    code = (
        STEP
        + """
tiny = np.full(400_000, 1e-40, dtype="float32")
opt = fastlr.SGD([tiny], lr=0.5)
opt.step([tiny * np.float32(0.5)])          # by two threads
assert np.abs(tiny - np.float32(7.5e-41)).max() < 1e-44
assert (np.full(400_000, 1e-310) * 0.5 > 0).all()
assert (tiny * np.float32(0.5) > 0).all()
print("kept")
"""
    )
    assert run(code, FASTLR_CPU=level) == ["kept"]


def test_threads_sleep_between_steps():
    """A spinning thread starves the one that is waited for: after a matrix product a step took 12 ms, not 0.1."""
    code = """
import statistics, time
import numpy as np, fastlr
fastlr.set_num_threads(2)
a, packed = np.ones((256, 256)), fastlr.pack(np.ones(400_000))
opt, seconds = fastlr.Adam(packed), []
for _ in range(50):
    a @ a
    begin = time.perf_counter()
    opt.step()
    seconds.append(time.perf_counter() - begin)
print(statistics.median(seconds) * 1e3)
"""
    assert float(run(code)[0]) < 4


def test_threads_that_sleep_are_not_woken_for_a_short_step_but_for_a_series():
    """1 MiB of arrays takes one thread less time than waking another; if steps follow at once, it stays awake."""
    code = """
import glob, time
import numpy as np, fastlr
fastlr.set_num_threads(2)
opt = fastlr.AdamW(fastlr.pack(np.ones(65_536, dtype="float32")))
before = len(glob.glob("/proc/self/task/*"))
for _ in range(20):
    time.sleep(0.001)
    opt.step()
alone = len(glob.glob("/proc/self/task/*"))
for _ in range(1000):
    opt.step()
print(alone - before, len(glob.glob("/proc/self/task/*")) - before)
"""
    assert run(code) == ["0", "1"]


def test_the_callers_affinity_is_left_alone():
    """The threads of a step keep off the caller's processor; the caller may run where it could before."""
    code = "import os; before = os.sched_getaffinity(0)" + STEP + "print(os.sched_getaffinity(0) == before)"
    assert run(code) == ["True"]


def test_importing_leaves_the_environment_alone():
    code = "import os; before = dict(os.environ); import fastlr; print(dict(os.environ) == before)"
    assert run(code) == ["True"]
    assert run("import os, fastlr; print(os.environ['OMP_WAIT_POLICY'])", OMP_WAIT_POLICY="active") == ["active"]


def test_a_pinned_callers_processors_are_the_only_ones_used():
    """Whatever the main thread may use."""
    code = """
import glob, os, threading
import numpy as np, fastlr
allowed = sorted(os.sched_getaffinity(0))
fastlr.set_num_threads(2)
def step():
    os.sched_setaffinity(0, {allowed[-1]})
    before = set(glob.glob("/proc/self/task/*"))
    fastlr.Adam(fastlr.pack(np.ones(1_000_000))).step()
    new = set(glob.glob("/proc/self/task/*")) - before
    print(all(os.sched_getaffinity(int(path.split("/")[-1])) == {allowed[-1]} for path in new))
thread = threading.Thread(target=step)
thread.start(); thread.join()
"""
    assert run(code) == ["True"]


def test_bound_threads_are_counted_by_the_processors_there_are():
    code = "import os; n = len(os.sched_getaffinity(0)); import fastlr; print(fastlr.get_num_threads() == n)"
    assert run(code, OMP_PROC_BIND="true", OMP_NUM_THREADS="") == ["True"]
