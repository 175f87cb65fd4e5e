"""Every mistake: the error says what to do, and nothing has changed when it is raised."""

from typing import Any

import numpy as np
import pytest

from tests.helpers import ONE, Subject, W, misaligned, normal
from tests.mistakes import MISTAKES, Call, Row, T, V

NAN = float("nan")


def step(optimizer: str, *grads: Any) -> Call:
    """A step with gradients, or with what a function of the subject makes of it."""
    return lambda s: getattr(s, optimizer).step(*(g(s) if callable(g) else g for g in grads))


def nested(**other: Any) -> Call:
    return step("nested", lambda s: {**s.grads, **other})


def flat(first: Any) -> Call:
    return step("flat", lambda s: [first(s) if callable(first) else first, W])


LIKE = "like the parameters, got"
GRADIENTS: list[Row] = [
    (
        "none given",
        step("nested"),
        T,
        r"^Adam\.step\(\): grads must be given, or .* packed = fastlr\.pack\(params\); opt = fastlr\.Adam\(packed\)$",
    ),
    ("missing key", step("nested", {"w": W}), V, r"^Adam\.step\(grads\): gradients must have .*missing \['b'\]"),
    ("unknown key", nested(c=W), V, r"must have the parameters' keys; missing \[\], unknown \['c'\]$"),
    ("other keys", step("nested", {"v": W, 1: W}), V, r"missing \['b', 'w'\], unknown \['1', 'v'\]$"),
    ("list for dict", step("nested", [W, W]), T, f"gradients must be a mapping {LIKE} list$"),
    ("array for dict", step("nested", W), T, f"gradients must be a mapping {LIKE} ndarray$"),
    ("too short", nested(b=[W]), V, f"gradients 'b' must have 2 entries {LIKE} 1$"),
    ("too long", nested(b=[W] * 3), V, f"gradients 'b' must have 2 entries {LIKE} 3$"),
    ("dict for list", nested(b={0: W, 1: ONE}), T, f"gradients 'b' must be a list or tuple {LIKE} dict$"),
    ("array for list", nested(b=W), T, f"gradients 'b' must be a list or tuple {LIKE} ndarray$"),
    ("str for list", nested(b="ab"), T, f"gradients 'b' must be a list or tuple {LIKE} str$"),
    ("iterator", step("flat", iter([W])), T, f"gradients must be a list or tuple {LIKE} list_iterator$"),
    ("stacked", step("flat", np.ones((2, 4), "f4")), T, f"gradients must be a list or tuple {LIKE} ndarray$"),
    ("flat, short", step("flat", [W]), V, f"gradients must have 2 entries {LIKE} 1$"),
    ("list for array", nested(w=[[1.0] * 3] * 2), T, "array 'w' must be a NumPy array, got list$"),
    ("None for array", nested(w=None), T, "array 'w' must be a NumPy array, got NoneType; it may be None for a frozen"),
    ("scalar for array", nested(b=[W, np.float32(1)]), T, r"array 'b\.1' must be a NumPy array, got float32$"),
    ("number", step("single", 1.0), T, r"^SGD\.step\(grads\): the array must be a NumPy array, got float$"),
    (
        "flat None",
        flat(None),
        T,
        "the gradient of array '0' must be a NumPy array, got NoneType; it may be None for a frozen",
    ),
    ("flat list", flat([1.0] * 4), T, "the gradient of array '0' must be a NumPy array, got list$"),
    ("packed", step("packed", lambda s: s.buffers), T, r"^RMSprop\.step\(grads\): pass packed\.grads, not the"),
    ("groups, dict", step("groups", {"z": W}), T, f"gradients must be a list or tuple {LIKE} dict$"),
    ("groups, short", step("groups", [[W, W]]), V, f"gradients must have 2 entries {LIKE} 1$"),
    ("groups, flat", step("groups", [W, W, W]), V, f"gradients must have 2 entries {LIKE} 3$"),
    ("groups, inside", step("groups", [[W], {"z": W}]), V, f"gradients '0' must have 2 entries {LIKE} 1$"),
    (
        "groups, keys",
        step("groups", [[W, W], {"y": W}]),
        V,
        r"gradients '1' must have .* missing \['z'\], unknown \['y'\]$",
    ),
    ("shape", nested(w=normal(0, 3, 2)), V, r"'w' must have its parameter's shape \(2, 3\), got \(3, 2\)$"),
    ("dimensions", step("single", normal(0, 6)), V, r"step\(grads\): the gradient must .*\(3, 2\), got \(6,\)$"),
    ("not 0-d", nested(b=[W, np.ones(1, "f4")]), V, r"array 'b\.1' must have .* shape \(\), got \(1,\)$"),
    ("broadcast", flat(ONE), V, r"array '0' must have its parameter's shape \(4,\), got \(\)$"),
    *(
        (f"dtype {d}", flat(np.ones(4, d)), T, rf"'0' must be float32 like .*, got {shown}.*; .*astype\('float32'\)$")
        for d, shown in {
            **{d: d for d in ("float64", "float16", "int32", "bool", "object", "complex64")},
            ">f4": ">f4 in the other byte order",
        }.items()
    ),
    ("strided", flat(normal(0, 8)[::2]), V, r"must be C-contiguous and aligned, got strides \(8,\) for .*\(4,\);"),
    ("Fortran", step("single", normal(0, 2, 3).T), V, r"the gradient must be C-.*; use np\.ascontiguousarray"),
    ("broadcasted", flat(np.broadcast_to(ONE, 4)), V, r"must be C-contiguous and aligned, got strides \(0,\)"),
    ("misaligned", flat(misaligned(W)), V, "array '0' must be C-contiguous and aligned, got"),
    *(
        (f"shares: {what}", flat(array), V, r"^SGD\.step\(grads\): .* '0' must not share memory .*; pass a copy$")
        for what, array in {
            "its parameter": lambda s: s.arrays[0],
            "another parameter": lambda s: s.arrays[1],
            "the end of a parameter": lambda s: s.base[3:7],
            "the beginning of a parameter": lambda s: s.base[5:9],
            "state": lambda s: s.flat.state["1"]["m"],
        }.items()
    ),
    ("shares: packed", step("packed", lambda s: [s.buffers.flat[2:5], W[:2]]), V, "'0' must not share memory"),
]


def rate(name: str, value: Any, error: type[Exception], message: str, optimizer: str = "timed") -> Row:
    """What a schedule returns or does, in a step."""

    def call(s: Subject) -> None:
        s.rate = value
        getattr(s, optimizer).step([W[:3], W[1:]] if optimizer == "timed" else np.ones((3, 2), "f4"))

    return f"rate {name}", call, error, message


CALL = r"^Adagrad\(lr=<function .*>\): lr\(2\) must be "
RATES: list[Row] = [
    *(
        rate(repr(value), value, V, rf"{CALL}in \[0, inf\), got {float(value)}$")
        for value in (NAN, -0.5, np.inf, np.float32("nan"), np.array(-1.0))
    ),
    *(
        rate(repr(value), value, T, f"{CALL}a number.*, got .*{type(value).__name__}$")
        for value in ("0.1", None, True, 1j, [0.1], np.ones(1), np.ones(2))
    ),
    rate("huge", 10**400, V, rf"{CALL}in \[0, inf\), got "),
    rate("a function", lambda step: abs, T, f"{CALL}a number, got <built-in function abs>$"),
    rate("raises", lambda step: {}[step], KeyError, "^2$"),
    rate("NaN, one group", NAN, V, r"^SGD\(lr=.*\): lr\(2\) must be in \[0, inf\), got nan$", "single"),
    rate("raises, one group", lambda step: 1 / 0, ZeroDivisionError, "division by zero", "single"),
]


def put(optimizer: str, index: int, key: str, value: Any) -> Call:
    return lambda s: getattr(s, optimizer).groups[index].__setitem__(key, value)


def put_rate(optimizer: str, value: Any) -> Call:
    return lambda s: setattr(getattr(s, optimizer), "lr", value)


def kernel(setting: str, needs: str, has: str) -> str:
    return rf"{setting}.*: these settings need the kernel '{needs}', .* made for '{has}' .*; make a new optimizer$"


SETTERS: list[Row] = [
    ("lr negative", put_rate("flat", -1), V, r"^SGD\(lr=-1\): lr must be in \[0, inf\), got -1.0$"),
    ("lr NaN", put_rate("groups", NAN), V, r"^AdamW\(lr=nan\): lr must be in \[0, inf\), got nan$"),
    ("lr str", put_rate("timed", "0.1"), T, "lr must be a number or a function of the step, got '0.1' of type"),
    ("betas", put("groups", 1, "betas", (0.9, 1)), V, r"^AdamW\(.*\): betas\[1\] must be in \[0, 1\), got 1.0$"),
    (
        "eps",
        put("groups", 0, "eps", "x"),
        T,
        r"^AdamW\(eps='x'\): eps must be a number or a function of the step, got 'x' of type str$",
    ),
    ("rate", put("timed", 1, "lr", -2), V, r"^Adagrad\(lr=-2\): lr must be in \[0, inf\), got -2.0$"),
    ("no setting", put("groups", 0, "rate", 1), V, r"^AdamW\.groups: 'rate' must be one of lr, betas, eps, "),
    ("params", put("flat", 0, "params", [W]), V, r"^SGD\.groups: 'params' must be one of lr, momentum, "),
    ("nesterov", put("flat", 0, "nesterov", True), V, kernel("nesterov=True", "sgd_nesterov", "sgd_momentum")),
    ("momentum off", put("flat", 0, "momentum", 0), V, kernel("momentum=0.0", "sgd", "sgd_momentum")),
    ("momentum on", put("single", 0, "momentum", 0.9), V, kernel("momentum=0.9", "sgd_momentum", "sgd")),
    ("amsgrad", put("nested", 0, "amsgrad", False), V, kernel("amsgrad=False", "adam", "adam_amsgrad")),
    ("centered", put("packed", 0, "centered", False), V, kernel("centered=False", "rmsprop", "rmsprop_centered")),
]


def load(*path_and_value: Any, of: str = "nested") -> Call:
    """Load the state of a later step and another eps, with one entry changed, or left out if no value is given."""

    def call(s: Subject) -> None:
        other = Subject(s.backend)
        other.step()
        other.nested.groups[0]["eps"] = other.groups.groups[0]["eps"] = 0.5
        saved = entry = getattr(other, of).state_dict()
        *path, last, value = path_and_value
        for key in path:
            entry = entry[key]
        if value is ...:
            del entry[last]
        else:
            entry[last] = value
        getattr(s, of).load_state_dict(saved)

    return call


def loaded(saved: Any) -> Call:
    return lambda s: s.nested.load_state_dict(saved(s) if callable(saved) else saved)


LOAD = r"^Adam\.load_state_dict: "
HOLD = rf"{LOAD}group 0 must hold the parameters \['w', 'b.0', 'b.1'\], got "
STEPS = rf"{LOAD}steps must be a whole number in \[0, 2\*\*53\), got "
SYMBOLS = rf"{LOAD}state of 'w' must have \['m', 'v', 'u'\], got "
M = rf"{LOAD}m of 'w' must be float32 of shape \(2, 3\), got "
M_W = ("state", "w", "m")
STATE_DICTS: list[Row] = [
    ("other optimizer", loaded(lambda s: s.flat.state_dict()), V, f"{LOAD}optimizer must be 'Adam', got 'SGD'$"),
    ("no mapping", loaded([1]), T, rf"{LOAD}must be what state_dict\(\) returned, got list$"),
    ("None", loaded(None), T, rf"{LOAD}must be what state_dict\(\) returned, got NoneType$"),
    ("empty", loaded({}), KeyError, r"Adam\.load_state_dict: must have an entry 'fastlr', got \[\]"),
    *(
        (f"no {key}", load(key, ...), KeyError, rf"load_state_dict: must have an entry '{key}', got \['")
        for key in ("fastlr", "optimizer", "like", "steps", "groups", "state")
    ),
    *(
        (f"version {type(v).__name__}", load("fastlr", v), V, rf"{LOAD}version must be 1, got .*; update")
        for v in (2, "1", W, None)
    ),
    *((f"steps {n}", load("steps", n), V, STEPS) for n in (-1, 1.5, "3", True, None, 2**63, NAN)),
    ("like", load("like", "keras"), V, f"{LOAD}like must be 'torch', got 'keras'$"),
    ("more groups", load("groups", [{}, {}]), V, f"{LOAD}groups must be 1, got 2$"),
    *((f"groups {g}", load("groups", g), T, f"{LOAD}groups must be a list of") for g in (None, {"a": 1}, [None])),
    *((f"params {p}", load("groups", 0, "params", p), V, HOLD) for p in (None, 3, ["w", "b.0", "c"], ["w"], ...)),
    ("no setting", load("groups", 0, "rate", 1), V, rf"{LOAD}group 0 must .*, missing or unknown \['rate'\]$"),
    ("setting gone", load("groups", 0, "betas", ...), V, rf"{LOAD}group 0 must .* unknown \['betas'\]$"),
    ("bad betas", load("groups", 0, "betas", (0.9, 1.2)), V, r"betas\[1\] must be in \[0, 1\), got 1.2$"),
    ("bad betas, later", load("groups", 1, "betas", (2, 0), of="groups"), V, r"betas\[0\] must be .* got 2.0$"),
    ("bad lr", load("groups", 0, "lr", -1), V, r"lr must be in \[0, inf\), got -1.0$"),
    (
        "bad eps",
        load("groups", 0, "eps", "x"),
        T,
        "eps must be a number or a function of the step, got 'x' of type str$",
    ),
    ("bad flag", load("groups", 0, "maximize", 1), T, "maximize must be True or False, got 1$"),
    ("other kernel", load("groups", 0, "amsgrad", False), V, f"{LOAD}group 0 must be made with the same options"),
    ("state None", load("state", None), V, rf"{LOAD}state must be for the .* \['w', .*\], got NoneType$"),
    ("state missing", load("state", "w", ...), V, rf"{LOAD}state must be for .*, got \['b.0', 'b.1'\]$"),
    ("state unknown", load("state", "c", {}), V, rf"{LOAD}state must be for .*, got \['w', .*, 'c'\]$"),
    ("symbol missing", load(*M_W, ...), V, rf"{SYMBOLS}\['v', 'u'\]$"),
    ("symbol unknown", load("state", "w", "x", W), V, rf"{SYMBOLS}\['m', 'v', 'u', 'x'\]$"),
    ("symbols a list", load("state", "w", [W] * 3), V, f"{SYMBOLS}list$"),
    ("symbols None", load("state", "w", None), V, f"{SYMBOLS}NoneType$"),
    ("state shape", load(*M_W, normal(0, 3, 2)), V, rf"{M}float32 of shape \(3, 2\)$"),
    ("state dtype", load(*M_W, np.ones((2, 3))), V, f"{M}float64 of shape"),
    ("state order", load(*M_W, np.ones((2, 3), ">f4")), V, f"{M}>f4 of shape"),
    *((f"state {x}", load(*M_W, x), V, f"{M}list") for x in ([[1.0] * 3] * 2, [1.0, [2.0]], [])),
    ("state number", load("state", "b.1", "v", 1.0), V, r"v of 'b.1' must be float32 of shape \(\), got float"),
]

TABLE = [*MISTAKES, *GRADIENTS, *RATES, *SETTERS, *STATE_DICTS]


@pytest.mark.parametrize("backend", ["cython", "numpy"])
@pytest.mark.parametrize(("call", "error", "message"), [pytest.param(*row, id=name) for name, *row in TABLE])
def test_says_what_to_do_and_changes_nothing(call: Call, error: type[Exception], message: str, backend: str) -> None:
    subject, twin = Subject(backend), Subject(backend)
    before = subject.outcome(), subject.settings()
    with pytest.raises(error, match=message):
        call(subject)
    assert (subject.outcome(), subject.settings()) == before
    for each in (subject, twin):
        each.step()
        each.step()
    assert subject.outcome() == twin.outcome()
