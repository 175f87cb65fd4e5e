"""Machine code for rules: compiled ahead of time by Cython, or now by Numba; the engine gets addresses."""

import importlib
import os

from fastlr.engine import native
from fastlr.kernels import codegen
from fastlr.kernels.levels import LEVELS
from fastlr.rules import ROW_RULES, RULES
from fastlr.rules.base import Rule
from fastlr.rules.text import Kernel

_BUILT_IN = {text for rule in (*RULES, *ROW_RULES) for text in (*rule.kernels, rule.coefficients)}


def _level() -> str:
    """The richest instruction set that was compiled and that this processor has, or what FASTLR_CPU says."""
    usable = [level for level in LEVELS if native.cpu_supports(level)]
    wanted = os.environ.get("FASTLR_CPU") or usable[-1]
    if wanted not in usable:
        raise ImportError(
            f"FASTLR_CPU={wanted}: must be one of {', '.join(usable)} on this processor; unset it to let fastlr choose"
        )
    return wanted


LEVEL = _level()
_native = importlib.import_module(f"fastlr.kernels._{LEVEL}")


def built_in(text: Kernel) -> bool:
    """Whether a kernel is fastlr's own."""
    return text in _BUILT_IN


def compiled(name: str, dtype: str) -> int:
    """Where a pass of `fastlr.rules.passes` or a function of measure.h is; these are compiled ahead of time always."""
    address: int = (_native.MEASURES if name in codegen.MEASURES else _native.KERNELS)[name, dtype]
    return address


def resolve(rule: Rule) -> str:
    """The backend that will run a rule: "auto" is "cython" for the built-in rules, "numba" for users' own."""
    built_in = rule.kernel in _BUILT_IN and rule.coefficients in _BUILT_IN
    if rule.backend == "auto":
        return "cython" if built_in else "numba"
    if rule.backend == "cython" and not built_in:
        raise ValueError(
            f"{type(rule).__name__}(backend='cython'): only fastlr's own rules were compiled ahead of time; "
            "use backend='numba' (or 'auto') for a rule of yours"
        )
    return rule.backend


def flushes(rule: Rule) -> bool:
    """Whether the rule wants subnormal numbers flushed to zero."""
    if rule.denormals == "flush" and not native.FLUSH:
        raise ValueError(
            f"{type(rule).__name__}(denormals='flush'): this processor or compiler offers no flushing; "
            "use denormals='keep'"
        )
    return rule.denormals == "flush"


def addresses(rule: Rule, dtype: str, backend: str) -> tuple[int, int]:
    """Where the rule's kernel and its coefficients are, as functions of the engine's C signatures."""
    if backend == "cython":
        return _native.KERNELS[rule.kernel.name, dtype], _native.COEFFICIENTS[rule.coefficients.name]
    try:
        from fastlr.kernels import jit
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{type(rule).__name__}(backend='numba'): numba is not installed ({error}); "
            "install it with: pip install 'fastlr-optim[jit]'"
        ) from error
    return jit.kernel(rule.kernel, dtype).address, jit.coefficients(rule.coefficients).address


def row_address(rule: Rule, backend: str) -> int:
    """Where the rule's function of a row is."""
    assert rule.row is not None
    if backend == "cython":
        address: int = _native.COEFFICIENTS[rule.row.name]
        return address
    from fastlr.kernels import jit  # is there, for the kernel has been compiled with it

    return int(jit.coefficients(rule.row).address)
