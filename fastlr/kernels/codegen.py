"""From a rule's text to source for the compilers: Cython's at build time, Numba's at run time.

Design: every kernel, whoever compiles it, is one C function

    void kernel(void **arrays, int64_t n, const void *coefficients)        arrays = w, g, state...

and every step's coefficients another, always in double:

    void coefficients(double t, const double *settings, double *out)

so the engine runs any of them knowing only an address.  The rule's body stands in the output verbatim, but for
the words of the vocabulary, which in C differ by type.  The output is under `build/generated` for reading.
"""

import re
from collections.abc import Iterable
from inspect import signature
from typing import TypeVar

from fastlr.rules import vocabulary
from fastlr.rules.base import Rule
from fastlr.rules.passes import PASSES
from fastlr.rules.text import Coefficients, Kernel
from fastlr.rules.vocabulary import WORDS

T = TypeVar("T", Kernel, Coefficients)

CTYPES = {"float32": "float", "float64": "double"}
MEASURES = ("dot", "largest", "faults", "moved")
"""The functions of measure.h."""

HEADER = """\
# cython: language_level=3, cdivision=True, cpow=True, infer_types=True, boundscheck=False, wraparound=False
# Generated from fastlr/rules by fastlr/kernels/codegen.py: read it, do not edit it.

from libc.stdint cimport int64_t, uintptr_t

cdef extern from "vocabulary.h" nogil:
    ctypedef float *floats "FASTLR_RESTRICT(float)"
    ctypedef double *doubles "FASTLR_RESTRICT(double)"
"""

MEASURING = """
cdef extern from "measure.h" nogil:
    double dot_{0}(const void *x, const void *y, int64_t n)
    double largest_{0}(const void *x, int64_t n)
    double faults_{0}(const void *x, int64_t n)
    void moved_{0}(const void *after, void *before, int64_t n)
"""


def cython_module(rules: Iterable[type[Rule]]) -> str:
    """A Cython module with every kernel of the rules, for float32 and float64, and every rule's coefficients."""
    rules = tuple(rules)
    kernels = _unique([*(kernel for rule in rules for kernel in rule.kernels), *PASSES])
    steps = _unique(step for rule in rules for step in (rule.coefficients, rule.row) if step is not None)
    parts = [HEADER, *(f"    {c} {word}_{c}({_words(word, c)})" for word in WORDS for c in CTYPES.values())]
    parts += [MEASURING.format(ctype) for ctype in CTYPES.values()]
    parts += [_cython_kernel(kernel, ctype) for kernel in kernels for ctype in CTYPES.values()]
    parts += [_cython_coefficients(step) for step in steps]
    parts += ["\n# name, dtype -> address", "KERNELS = {"]
    parts += [f'    ("{k.name}", "{d}"): <uintptr_t>&{k.name}_{c}s,' for k in kernels for d, c in CTYPES.items()]
    parts += ["}", "COEFFICIENTS = {"]
    parts += [f'    "{step.name}": <uintptr_t>&{step.name}_all,' for step in steps]
    parts += ["}", "MEASURES = {"]
    parts += [f'    ("{name}", "{d}"): <uintptr_t>&{name}_{c},' for name in MEASURES for d, c in CTYPES.items()]
    return "\n".join([*parts, "}", ""])


def _unique(texts: Iterable[T]) -> list[T]:
    """Each once, in order; two functions of one name would overwrite one another."""
    by_name: dict[str, T] = {}
    for text in texts:
        if by_name.setdefault(text.name, text).function is not text.function:
            raise TypeError(f"{text.name} is defined in two rule files: rename one")
    return list(by_name.values())


def _words(word: str, ctype: str) -> str:
    return ", ".join(ctype for _ in signature(getattr(vocabulary, word)).parameters)


def _typed(names: Iterable[str], ctype: str) -> str:
    return ", ".join(f"{ctype} {name}" for name in names)


def _body(text: Kernel | Coefficients, ctype: str) -> str:
    """The rule's own lines; only `sqrt(` becomes `sqrt_float(` and so on."""
    return re.sub(rf"\b({'|'.join(WORDS)})\(", rf"\1_{ctype}(", text.body)


def _results(text: Kernel | Coefficients, ctype: str) -> str:
    """The type of what it returns: a C tuple, or a single value."""
    return f"({', '.join([ctype] * len(text.returns))})" if len(text.returns) > 1 else ctype


def _cython_kernel(kernel: Kernel, ctype: str) -> str:
    items = ", ".join([f"{name}[i]" for name in kernel.arrays] + list(kernel.coefficients))
    pointers = ", ".join(f"<{ctype} *> arrays[{k}]" for k in range(len(kernel.arrays)))
    values = ", ".join(f"(<const {ctype} *> c)[{k}]" for k in range(len(kernel.coefficients)))
    return f"""

cdef inline {_results(kernel, ctype)} {kernel.name}_{ctype}({_typed(kernel.arguments, ctype)}) noexcept nogil:
{_body(kernel, ctype)}

cdef void {kernel.name}_{ctype}_loop(
    int64_t n, {_typed(kernel.arrays, ctype + "s")}, {_typed(kernel.coefficients, ctype)}
) noexcept nogil:
    cdef int64_t i
    for i in range(n):
        {", ".join(f"{name}[i]" for name in kernel.returns)} = {kernel.name}_{ctype}({items})

cdef void {kernel.name}_{ctype}s(void **arrays, int64_t n, const void *c) noexcept nogil:
    {kernel.name}_{ctype}_loop(n, {pointers}, {values})"""


def _settings(step: Coefficients) -> str:
    return ", ".join([step.arguments[0], *(f"settings[{k}]" for k in range(len(step.arguments) - 1))])


def _out(step: Coefficients) -> str:
    return ", ".join(f"out[{k}]" for k in range(len(step.returns)))


def _cython_coefficients(step: Coefficients) -> str:
    return f"""

cdef inline {_results(step, "double")} {step.name}({_typed(step.arguments, "double")}) noexcept nogil:
{_body(step, "double")}

cdef void {step.name}_all(double {step.arguments[0]}, const double *settings, double *out) noexcept nogil:
    {_out(step)} = {step.name}({_settings(step)})"""


def numba_kernel(kernel: Kernel) -> str:
    """A Python function of the same C signature, for `numba.cfunc`; `rule` and `dtype` are its globals."""
    views = "\n".join(f"    {name} = carray(arrays[{k}], n, dtype)" for k, name in enumerate(kernel.arrays))
    count = len(kernel.coefficients)
    items = ", ".join([f"{name}[i]" for name in kernel.arrays] + [f"c[{k}]" for k in range(count)])
    return f"""\
def {kernel.name}(arrays, n, coefficients):
{views}
    c = carray(coefficients, {count}, dtype)
    for i in range(n):
        {", ".join(f"{name}[i]" for name in kernel.returns)} = rule({items})
"""


def numba_coefficients(step: Coefficients) -> str:
    """The same for a step's coefficients."""
    return f"""\
def {step.name}({step.arguments[0]}, settings, out):
    {_out(step)} = rule({_settings(step)})
"""
