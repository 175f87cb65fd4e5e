"""Rules compiled by Numba to the same C functions as Cython's, with the same bits.

Never `fastmath`; and `error_model="numpy"` so that a division by zero is infinite as in C.
"""

import linecache
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import carray, types  # type: ignore[attr-defined]
from numba.extending import overload, register_jitable

from fastlr.kernels import codegen
from fastlr.rules import vocabulary
from fastlr.rules.text import Coefficients, Kernel

OPTIONS: Any = {"error_model": "numpy", "fastmath": False}

KERNEL = types.void(types.CPointer(types.voidptr), types.int64, types.voidptr)
COEFFICIENTS = types.void(types.float64, types.CPointer(types.float64), types.CPointer(types.float64))


# Numba wants the typing function and what it returns to have the same arguments, annotations included.


@overload(vocabulary.sqrt)
def _sqrt(x: Any) -> Any:
    def sqrt(x: Any) -> Any:
        return np.sqrt(x)

    return sqrt


@overload(vocabulary.maximum)
def _maximum(a: Any, b: Any) -> Any:
    def maximum(a: Any, b: Any) -> Any:
        return a if (a >= b) | (a != a) else b

    return maximum


@overload(vocabulary.bounded)
def _bounded(x: Any, low: Any, high: Any) -> Any:
    def bounded(x: Any, low: Any, high: Any) -> Any:
        above = low if x < low else x
        return high if above > high else above

    return bounded


@overload(vocabulary.positive)
def _positive(x: Any) -> Any:
    real = np.float32 if x is types.float32 else np.float64  # a literal 0 would promote to double

    def positive(x: Any) -> Any:
        return x if (x > 0) | (x != x) else real(0)

    return positive


# Plain Python that Numba compiles as it stands.
register_jitable(vocabulary.power)


@cache
def kernel(text: Kernel, dtype: str) -> Any:
    """The kernel as a C function; `.address` is where."""
    return _compiled(text, codegen.numba_kernel(text), KERNEL, dtype=np.dtype(dtype))


@cache
def coefficients(text: Coefficients) -> Any:
    """The coefficients as a C function; `.address` is where."""
    return _compiled(text, codegen.numba_coefficients(text), COEFFICIENTS)


def _compiled(text: Kernel | Coefficients, source: str, signature: Any, **globals_: Any) -> Any:
    names = {"rule": numba.njit(**OPTIONS)(text.function), "carray": carray, **globals_}
    filename = f"<fastlr kernel {text.name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), names)  # noqa: S102 - generated a line above from the rule itself
    return numba.cfunc(signature, **OPTIONS)(names[text.name])
