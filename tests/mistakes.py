"""The part of the table in `test_errors.py` that is about making an optimizer or packing: settings and arrays."""

import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr.rules import RULES
from fastlr.rules.settings import Setting
from tests.helpers import ONE, W, misaligned, normal

Call = Callable[[Any], Any]
V, T = ValueError, TypeError
Row = tuple[str, Call, type[Exception], str]
"""Id, what goes wrong (given the subject), the error, its message."""

ANY, POSITIVE, BELOW_ONE = map(re.escape, ("(-inf, inf)", "[0, inf)", "[0, 1)"))
RANGES = {
    **dict.fromkeys(("lr", "eps", "eps_root", "weight_decay", "momentum", "lr_decay"), POSITIVE),
    **{"initial_accumulator_value": POSITIVE, "dampening": ANY, "betas": BELOW_ONE, "alpha": BELOW_ONE},
}
INFINITE = [float("nan"), float("inf"), -float("inf"), np.float64("nan")]
NEGATIVE = [-0.5, -1, np.float32(-2), -5e-324]
BEYOND = {ANY: INFINITE, POSITIVE: INFINITE + NEGATIVE, BELOW_ONE: [*INFINITE, *NEGATIVE, 1.0, 1, 1.5]}
NO_NUMBERS = ["0.1", None, True, 1j, [0.1], np.ones(1)]


def new(optimizer: str, **settings: Any) -> Call:
    return lambda s: getattr(fastlr, optimizer)(s.arrays, **{"backend": s.backend, **settings})


def bad_settings() -> list[Row]:
    """Every setting of every rule: numbers out of its range, and what is no number."""
    rows: list[Row] = []
    for name, key, kind in [(rule.__name__, *item) for rule in RULES for item in rule.kinds().items()]:
        if not isinstance(kind, Setting):
            message = rf"^{name}\({key}=1\): {key} must be True or False, got 1$"
            rows.append((f"{name}.{key}=1", new(name, **{key: 1}), T, message))
            continue
        must = rf"^{name}\({key}=.*\): {key}{'.1.' * bool(kind.parts)} must be "
        within = RANGES.get(key, re.escape(str(kind)))  # a setting of a new rule: as it says
        messages = [(v, V, rf"{must}in {within}, got {float(v)}$") for v in BEYOND[within]]
        messages += [(v, T, rf"{must}a number( or a function of the step)?, got .* of type \w+$") for v in NO_NUMBERS]
        for value, error, message in messages:
            call = new(name, **{key: (0.5, value) if kind.parts else value})
            rows.append((f"{name}.{key}={value}", call, error, message))
    return rows


def without_numba(s: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "numba", None)
        patch.delitem(sys.modules, "fastlr.kernels.jit", raising=False)
        patch.delattr(fastlr.kernels, "jit", raising=False)
        return new("Adam", backend="numba")(s)


LIKES = "must be one of 'torch', 'keras', 'optax'"
TWO = "betas must be 2 numbers, got "
SETTINGS: list[Row] = [
    ("betas of one", new("Adam", betas=(0.9,)), T, rf"^Adam\(betas=\(0.9,\)\): {TWO}\(0.9,\)$"),
    ("betas of three", new("Adam", betas=(0.9, 0.9, 0.9)), T, TWO),
    ("betas a number", new("AdamW", betas=0.9), T, rf"^AdamW\(betas=0.9\): {TWO}0.9$"),
    ("betas a dict", new("Adam", betas={0: 0.9, 1: 0.9}), T, TWO),
    ("betas None", new("Adam", betas=None), T, rf"{TWO}None$"),
    ("betas, first", new("Adam", betas=(1.0, 0.9)), V, r"betas\[0\] must be in \[0, 1\), got 1.0$"),
    ("nesterov alone", new("SGD", nesterov=True), V, r"SGD\(nesterov=True\): momentum must be above 0 .*=0.0"),
    (
        "nesterov dampened",
        new("SGD", nesterov=True, momentum=0.9, dampening=0.1),
        V,
        r"^SGD\(nesterov=True\): .* dampening 0, got momentum=0.9 and dampening=0.1$",
    ),
    (
        "dampening like keras",
        new("SGD", momentum=0.9, dampening=0.1, like="keras"),
        V,
        r"^SGD\(dampening=0.1\): dampening must be 0 with like='keras'$",
    ),
    ("like", new("Adam", like="jax"), V, rf"^Adam\(like='jax'\): like {LIKES}, 'sklearn' for Adam$"),
    ("like None", new("SGD", like=None), V, rf"^SGD\(like=None\): like {LIKES}, 'sklearn' for SGD$"),
    ("like a list", new("SGD", like=["torch"]), V, rf"^SGD\(like=\['torch'\]\): like {LIKES}"),
    ("lr of 10**400", new("SGD", lr=10**400), V, rf"^SGD\(lr=10*\): lr must be in {POSITIVE}, got inf$"),
    ("Adagrad sklearn", new("Adagrad", like="sklearn"), V, rf"^Adagrad\(like='sklearn'\): like {LIKES} for"),
    ("RMSprop sklearn", new("RMSprop", like="sklearn"), V, rf"\(like='sklearn'\): like {LIKES} for RMSprop$"),
    ("AdamW sklearn", new("AdamW", like="sklearn"), V, rf"\(like='sklearn'\): like {LIKES} for AdamW$"),
    (
        "backend",
        new("Adam", backend="cuda"),
        V,
        r"^Adam\(backend='cuda'\): backend must be one of 'auto', 'cython', 'numba', 'numpy'$",
    ),
    ("unknown setting", new("Adam", learning_rate=1), T, r"^Adam\b.* unexpected keyword argument 'learning_r"),
    (
        "no numba",
        without_numba,
        ModuleNotFoundError,
        r"^Adam\(backend='numba'\): numba is not installed .*; install it with: pip install 'fastlr-optim\[jit\]'$",
    ),
]


def sgd(params: Any) -> Call:
    return lambda s: fastlr.SGD(params(s) if callable(params) else params, backend=s.backend)


FROZEN = normal(42, 3)
FROZEN.flags.writeable = False
NEEDS = r"^SGD\(params\): array 'w' must be float32 or float64, got {}; convert it with \.astype\('float32'\)$"
DTYPES = {
    **{d: d for d in ("int64", "uint8", "float16", "bool", "object", "complex64", "complex128")},
    **{">f4": ">f4 in the other byte order", ">f8": ">f8 in the other byte order", "U1": "<U1", "f4,f4": r"\[\('f0.*"},
}
NOT_ARRAYS = [
    ([W, 1.5], "array '1'", "float"),
    (None, "the array", "NoneType"),
    ({"a": {"b": None}}, r"array 'a\.b'", "NoneType"),
    ([np.float64(1)], "array '0'", "float64"),
    ("weights", "the array", "str"),
    ({"w": b"ab"}, "array 'w'", "bytes"),
    ({1.0}, "the array", "set"),
    ({"w": W}.values(), "the array", "dict_values"),
    (iter([W]), "the array", "list_iterator"),
]
EMPTY = ([], (), {}, [[], ()], {"a": [], "b": {}}, [{"params": []}], [{"params": {}}, {"params": ()}])
PARAMETERS: list[Row] = [
    *((f"dtype {d}", sgd({"w": np.zeros(3, d)}), T, NEEDS.format(shown)) for d, shown in DTYPES.items()),
    *(
        (f"no array: {kind}", sgd(v), T, rf"^SGD\(params\): {what} must be a NumPy array, or .*, got {kind}$")
        for v, what, kind in NOT_ARRAYS
    ),
    *(
        (f"none: {empty}", sgd(empty), V, r"^SGD\(params\): there are no parameters: pass at least one float")
        for empty in EMPTY
    ),
    ("read-only", sgd({"w": FROZEN}), V, r"^SGD\(params\): array 'w' must be writeable, got a read-o.*; copy"),
    ("transposed", sgd(np.ones((2, 3)).T), V, r"the array must be C-contiguous, got strides \(8, 24\) .*, 2\)"),
    ("strided", sgd([W, np.ones(6)[::2]]), V, r"array '1' must be C-contiguous, .*; use np.ascontiguousarray"),
    ("reversed", sgd([np.ones(6)[::-1]]), V, r"array '0' must be C-contiguous, got strides \(-8,\) .* fastlr.p"),
    ("misaligned", sgd(misaligned(W)), V, "the array must be aligned to its items of 4 bytes, .*0x.*; copy it"),
    ("overlap", sgd(lambda s: [s.base[:4], s.base[3:6]]), V, "'0' and array '1' must not overlap, got 4 bytes"),
    ("inside", sgd(lambda s: [s.base[3:4], s.base]), V, "'1' and array '0' must not overlap, got 4 bytes in"),
    ("same in list", sgd([W, ONE, W]), V, "'0' and array '2' .* same memory twice; pass shared weights once"),
    ("same in dict", sgd({"a": W, "b": {"c": W}}), V, r"array 'a' and array 'b\.c' must not overlap, .*twice"),
    ("same, reshaped", sgd([W, W.reshape(2, 2)]), V, "'0' and array '1' must not overlap, .*the same memory t"),
    ("same in groups", sgd([{"params": [W]}, {"params": W}]), V, r"array '0\.0' and array '1' must not overlap"),
    ("mixed dtypes", sgd([W, np.ones(2)]), T, "'1' must be float32 like array '0', got float64; convert one, or"),
    ("mixed in groups", sgd([{"params": W}, {"params": np.ones(2)}]), T, "'1' must be float32 like array '0', "),
    ("named twice", sgd({"a.b": W, "a": {"b": ONE}}), V, r"two arrays are named 'a\.b': rename a key"),
    (
        "group without params",
        sgd([{"params": W}, {"lr": 0.1}]),
        V,
        r"""^SGD\(params\): group 1 must have a "params" entry, got keys \['lr'\]; .* {"layers": \[...\]}$""",
    ),
    ("group empty", sgd([{}]), V, r"""group 0 must have a "params" entry, got keys \[\]"""),
    (
        "group, unknown key",
        sgd([{"params": W}, {"params": ONE, "rate": 0.1}]),
        V,
        r"^SGD\(params\): group 1: 'rate' must be one of lr, momentum, dampening, weight_decay, nesterov, maximize$",
    ),
    ("group, like", sgd([{"params": W, "like": "keras"}]), V, "group 0: 'like' must be one of lr, momentum"),
    ("group, bad", sgd([{"params": W, "lr": -1}]), V, r"^SGD\(lr=-1\): lr must be in \[0, inf\), got -1.0$"),
    ("group, array", sgd([{"params": W}, ONE]), T, "group 1 must be a mapping like the others, got ndarray"),
    ("array, group", sgd([ONE, {"params": W}]), T, "group 0 must be a mapping like the others, got ndarray"),
    (
        "partly packed",
        sgd([{"params": ONE}, {"params": fastlr.pack(W)}]),
        T,
        r"^SGD\(params\): all groups or none must be packed, got groups \[1\] packed$",
    ),
    ("packed twice", sgd([{"params": p} for p in [fastlr.pack(W)] * 2]), V, "'0' and array '1' must not overlap"),
]


def pack(*args: Any) -> Call:
    return lambda s: fastlr.pack(*args)


THROUGHOUT = r"^pack\(params\): dtype must be float32 or float64 throughout, got {}; pass dtype='float32'$"
PACK: list[Row] = [
    ("pack nothing", pack([]), V, r"^pack\(params\): there are no parameters: pass at least one array$"),
    ("pack number", pack([1.0]), T, r"^pack\(params\): array '0' must be a NumPy array, .*, got float$"),
    ("pack packed", pack(fastlr.pack(W)), T, r"^pack\(params\): the array must be a NumPy array.* got Packed$"),
    ("pack mixed", pack([W, np.ones(2)]), T, THROUGHOUT.format("float32 and float64")),
    ("pack integers", pack([np.ones(2, int)]), T, THROUGHOUT.format("int64")),
    ("pack to half", pack(W, "float16"), T, THROUGHOUT.format("float16")),
    ("pack to big-endian", pack(W, ">f8"), T, THROUGHOUT.format(">f8")),
    ("pack to nonsense", pack(W, "bogus"), T, r"^pack\(params\): dtype must be .*, got 'bogus'$"),
    *(
        (f"pack {d}", pack({"w": np.zeros(2, d)}, "f8"), T, f"array 'w' must hold real numbers, got {shown}")
        for d, shown in {"complex64": "complex64", "object": "object", "U1": "<U1", "m8[s]": "timedelta64"}.items()
    ),
]

MISTAKES = [*bad_settings(), *SETTINGS, *PARAMETERS, *PACK]
