"""What this installation is made of."""

import platform
import sys
from typing import Any, Literal, overload

import numpy as np

from fastlr.engine import native
from fastlr.engine.threads import available, get_num_threads
from fastlr.kernels import LEVEL
from fastlr.kernels.levels import LEVELS

EXTRAS = ("numba", "scikit-learn", "matplotlib", "rich", "torch")


def _version(distribution: str) -> str | None:
    from importlib import metadata  # slow to import, seldom needed

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Any]: ...
def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Print versions, instruction set, threads and backends: what to paste into a bug report.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        "dicts" returns them instead, for programs.

    Examples
    --------
    >>> fastlr.show_config("dicts")["dtypes"]
    ['float32', 'float64']
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"show_config({mode!r}): mode must be 'stdout' or 'dicts'")
    facts: dict[str, Any] = {
        "fastlr": _version("fastlr-optim"),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": f"{sys.platform} {platform.machine()}",
        "instruction set": LEVEL,
        "instruction sets compiled": list(LEVELS),
        "instruction sets usable": [level for level in LEVELS if native.cpu_supports(level)],
        "openmp": native.OPENMP,
        "threads": get_num_threads(),
        "threads available": available(),
        "backends": ["cython", *(["numba"] if _version("numba") else []), "numpy"],
        "dtypes": ["float32", "float64"],
        "extras": {name: _version(name) for name in EXTRAS},
    }
    if mode == "dicts":
        return facts
    for key, value in facts.items():
        print(f"{key:>26}: {_shown(value)}")
    return None


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {version or '(not installed)'}" for key, version in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
