"""The build: what a missing, failing or old compiler says, and that an sdist is enough to build from."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import fastlr

ROOT = Path(__file__).parents[1]
SOURCES = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "fastlr")
STEP = """
import numpy as np, fastlr
w = np.ones(100_000, dtype="float32")
fastlr.Adam(w, lr=0.1).step(w.copy())
print(fastlr.show_config("dicts")["openmp"], float(w[0]), fastlr.__file__)
"""


@pytest.fixture
def checkout(tmp_path):
    """A copy of the sources, without what was built."""
    for name in SOURCES:
        source, target = ROOT / name, tmp_path / "checkout" / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
        else:
            shutil.copy(source, target)
    return tmp_path / "checkout"


def compiler(folder, condition):
    """gcc, but failing where its arguments match a shell pattern."""
    path = folder / "cc"
    path.write_text(f'#!/bin/sh\ncase "$*" in {condition}) echo refused >&2; exit 1;; esac\nexec gcc "$@"\n')
    path.chmod(0o755)
    return str(path)


def build(checkout, cc):
    environment = {**os.environ, "CC": cc}
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("cc", "message"),
    [
        (lambda folder: str(folder / "no-such-compiler"), "a C compiler is needed.*apt install gcc python3-dev"),
        (lambda folder: compiler(folder, "*"), "a C compiler is needed"),
        (lambda folder: compiler(folder, "*x86-64-v4*"), "does not take the flags.*x86-64-v4.*gcc 11 or newer"),
    ],
    ids=["missing", "failing", "too old"],
)
def test_a_compiler_that_cannot_do_it_stops_the_build(checkout, tmp_path, cc, message):
    done = build(checkout, cc(tmp_path))
    assert done.returncode != 0
    assert re.search(message, done.stderr), done.stderr
    assert not list(checkout.rglob("*.so"))


@pytest.mark.slow
def test_without_openmp_it_builds_and_runs_serially(checkout, tmp_path):
    done = build(checkout, compiler(tmp_path, "*-fopenmp*"))
    assert done.returncode == 0, done.stderr
    assert "this compiler has no OpenMP" in done.stderr
    ran = subprocess.run([sys.executable, "-c", STEP], cwd=checkout, capture_output=True, text=True, check=True)
    openmp, value, where = ran.stdout.split()
    assert (openmp, where.startswith(str(checkout))) == ("False", True)
    assert float(value) == pytest.approx(0.9)


@pytest.mark.slow
@pytest.mark.parametrize("flags", ["-Ofast", "-ffast-math -march=native", "-funsafe-math-optimizations"])
def test_flags_of_the_environment_neither_flush_subnormals_nor_change_bits(checkout, flags, monkeypatch):
    monkeypatch.setenv("CFLAGS", flags)
    done = build(checkout, "gcc")
    assert done.returncode == 0, done.stderr
    code = """
import numpy as np, fastlr
assert (np.full(4, 1e-310) * 0.5 > 0).all()
weights = []
for backend in ("cython", "numpy"):
    w = np.linspace(-1, 1, 1001, dtype="f4")
    opt = fastlr.AdamW(w, lr=0.1, amsgrad=True, backend=backend)
    for k in range(20):
        opt.step(np.sin(np.arange(1001, dtype="f4") + k))
    weights.append(w.tobytes())
print(weights[0] == weights[1])
"""
    ran = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "True"


@pytest.mark.slow
def test_a_wheel_from_the_sdist_works(checkout, tmp_path):
    """`python -m build`: an sdist, and a wheel from it in an environment of its own."""
    subprocess.run([sys.executable, "-m", "build", "--outdir", str(tmp_path / "dist")], cwd=checkout, check=True)
    (sdist,) = (tmp_path / "dist").glob("fastlr_optim-*.tar.gz")
    (wheel,) = (tmp_path / "dist").glob("fastlr_optim-*.whl")
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    assert f"fastlr_optim-{fastlr.__version__}/fastlr/engine/native.pyx" in names
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    installed = {path.name for path in (tmp_path / "site" / "fastlr").iterdir()}
    assert {"py.typed", "engine", "kernels", "rules", "reference", "cli"} <= installed
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    ran = subprocess.run(
        [sys.executable, "-c", STEP], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert str(tmp_path / "site") in ran.stdout
