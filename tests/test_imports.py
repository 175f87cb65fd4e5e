"""What `import fastlr` brings, does to the process, and costs; and which way imports go."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fastlr
from fastlr.engine import native
from fastlr.kernels.levels import LEVELS

ROOT = Path(fastlr.__file__).parent
HEAVY = ["numba", "torch", "sklearn", "matplotlib", "rich", "scipy", "mpi4py", "jax", "keras", "Cython", "setuptools"]
USABLE = [level for level in LEVELS if native.cpu_supports(level)]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run in a process of its own, in which a warning is an error."""
    command = [sys.executable, "-W", "error", "-c", code]
    kept = {key: value for key, value in os.environ.items() if key not in ("FASTLR_CPU", "OMP_NUM_THREADS")}
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, timeout=60, check=False)


def test_brings_nothing_heavy() -> None:
    done = python(f"import sys, fastlr; print([m for m in {HEAVY} if m in sys.modules], len(sys.modules))")
    assert done.stderr == ""
    assert done.stdout.startswith("[] ")


SUBNORMALS = """
import numpy as np

def check(when):
    for dtype in ("float32", "float64"):
        smallest = np.full(70_000, np.finfo(dtype).tiny)  # of the normal numbers
        small = smallest / 4
        assert small.dtype == dtype and (small > 0).all(), (dtype, when, "results are flushed to zero")
        assert (small + small == smallest / 2).all(), (dtype, when, "operands are read as zero")
    assert 5e-324 > 0 and 1e-310 / 2 > 0, (when, "in Python")

check("before")
import fastlr
check("after the import")
for dtype in ("float32", "float64"):
    for backend in ("cython", "numpy"):
        w = np.full(200_000, np.finfo(dtype).tiny) / 4
        expected, g = w + w, -w
        assert fastlr.SGD(w, lr=1.0, backend=backend).step(g)  # on all threads
        assert (w == expected).all() and w[0] > 0, (dtype, backend)
check("after steps")
print(fastlr.show_config("dicts")["instruction set"])
"""


@pytest.mark.parametrize("level", [*USABLE, ""])
def test_leaves_subnormals_alone(level: str) -> None:
    """As -ffast-math would not: it sets a flag of the whole process."""
    done = python(SUBNORMALS, FASTLR_CPU=level)
    assert done.stderr == ""
    assert done.stdout.strip() == (level or USABLE[-1])


@pytest.mark.parametrize("level", ["v9", "avx2", " "])
def test_an_unknown_instruction_set_is_refused(level: str) -> None:
    done = python("import fastlr", FASTLR_CPU=level)
    known = ", ".join(USABLE)
    assert f"ImportError: FASTLR_CPU={level}: must be one of {known} on this processor; unset it" in done.stderr


def test_costs_less_than_twice_what_numpy_costs() -> None:
    """In the processor's time, whoever else runs: 75 ms where NumPy takes 60."""
    code = """
from time import process_time
begin = process_time()
import numpy
middle = process_time()
import fastlr
print((process_time() - middle) / (middle - begin))
"""
    assert 0 < min(float(python(code).stdout) for _ in range(5)) < 2


LAYERS = {
    "reference": {"reference"},
    "schedules": {"schedules"},
    "rules": {"rules"},
    "engine": {"engine"},
    "kernels": {"rules", "engine", "kernels"},
}
LEAVES = {"bench", "checkpoint", "cli", "plots", "lab", "sklearn", "torch", "__main__"}
"""What nothing but they themselves may import."""
DRAWN = ("schedules/base.py", "schedules", "plots")
"""But `schedule.plot()`, when it is called."""
PATCHED = ("__init__.py", "__init__", "sklearn")
"""And `fastlr.patch_sklearn()`."""
GIVEN = ("lab/finding/find.py", "lab", "torch")
"""And `lab.find_lr(model)`, when it is given a PyTorch model."""


def imported(path: Path) -> Iterator[str]:
    """The modules of fastlr that a file imports anywhere, in functions and for types as well, from its text."""
    inside = path.relative_to(ROOT.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(inside[: -node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            names = [f"{module}.{alias.name}" for alias in node.names]
        yield from (name for name in names if name.partition(".")[0] == "fastlr")


def part(name: str) -> str:
    """`fastlr.rules.adam.Adam` is in rules; `fastlr` itself and `fastlr.Adam` are in the root."""
    names = name.split(".")
    inner = names[1] if len(names) > 1 else ""
    return inner if (ROOT / inner).is_dir() or (ROOT / f"{inner}.py").is_file() else "fastlr"


FILES = sorted(ROOT.rglob("*.py"))
EDGES = [
    (path.relative_to(ROOT).as_posix(), path.relative_to(ROOT).with_suffix("").parts[0], part(name))
    for path in FILES
    for name in imported(path)
]


def test_the_reader_of_imports_sees_them() -> None:
    """Or the tests below would say nothing."""
    assert ("optimizer.py", "optimizer", "kernels") in EDGES  # from fastlr import kernels
    assert ("kernels/__init__.py", "kernels", "engine") in EDGES  # from fastlr.engine import native
    assert ("statedict.py", "statedict", "optimizer") in EDGES  # for types only
    assert ("kernels/jit.py", "kernels", "rules") in EDGES
    assert {source for _, source, _ in EDGES} >= {"reference", "rules", "engine", "kernels", "lab", "cli"}


def test_imports_go_one_way() -> None:
    wrong = [edge for edge in EDGES if edge[1] in LAYERS and edge[2] not in LAYERS[edge[1]] and edge != DRAWN]
    assert wrong == []


def test_nothing_imports_a_leaf() -> None:
    wrong = [edge for edge in EDGES if edge[2] in LEAVES and edge[1] not in LEAVES]
    assert set(wrong) == {DRAWN, PATCHED}


def test_the_lab_draws_and_prints_nothing() -> None:
    assert {edge for edge in EDGES if edge[1] == "lab" and edge[2] in LEAVES - {"lab"}} == {GIVEN}
    assert [edge for edge in EDGES if edge[1] == "plots" and edge[2] in ("cli", "__main__")] == []


def test_the_engine_compiles_without_the_rest() -> None:
    sources = list(ROOT.rglob("*.pyx"))
    assert sources
    for source in sources:
        found = re.findall(r"^\s*(?:from|import|cimport|include)\s+.*fastlr.*$", source.read_text(), re.MULTILINE)
        assert [line for line in found if "fastlr.engine" not in line] == []
