"""State as dictionaries: going on gives the bits of never having stopped."""

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastlr
from tests.helpers import DTYPES, SHAPES, bits, changed, flattened, normal, outcome, trees
from tests.table import CASES, IDS

STEPS = 6


def make(name: str, dtype: str, options: dict[str, Any], **other: Any) -> Any:
    params = {"w": normal(0, 2, 3, dtype=dtype), "b": [normal(1, 4, dtype=dtype), normal(2, dtype=dtype)]}
    return getattr(fastlr, name)(params, **{**options, **other})


def gradients(step: int, dtype: str) -> Any:
    return {
        "w": normal(9 * step, 2, 3, dtype=dtype),
        "b": [normal(step, 4, dtype=dtype), normal(step + 1, dtype=dtype)],
    }


def run(opt: Any, dtype: str, until: int) -> None:
    while opt.steps < until:
        assert opt.step(gradients(opt.steps, dtype))


def restored(source: Any, opt: Any, saved: Any) -> Any:
    """The optimizer where the other is: a user saves the parameters himself."""
    for mine, its in zip(opt.params.values(), source.params.values(), strict=True):
        mine[...] = its
    opt.load_state_dict(saved)
    return opt


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_goes_on_as_if_never_stopped(name: str, options: dict[str, Any], seed: int) -> None:
    """Through pickle, on another backend, over an optimizer of another rate that has made steps of its own."""
    rng = np.random.default_rng([seed, CASES.index((name, options))])
    dtype, stop, busy = DTYPES[rng.integers(2)], int(rng.integers(STEPS)), int(rng.integers(STEPS))
    whole, part = make(name, dtype, options, lr=0.1), make(name, dtype, options, lr=0.1)
    run(whole, dtype, STEPS)
    run(part, dtype, stop)
    other = make(name, dtype, options, lr=0.7, backend="numpy")
    run(other, dtype, busy)
    restored(part, other, pickle.loads(pickle.dumps(part.state_dict())))
    assert outcome(other) == outcome(part)
    assert dict(other.groups[0].rule.settings()) == dict(part.groups[0].rule.settings())
    run(other, dtype, STEPS)
    assert outcome(other) == outcome(whole)


@settings(max_examples=30)
@given(trees(st.builds(np.empty, SHAPES)), st.booleans())
def test_any_structure(shapes: Any, grouped: bool) -> None:
    arrays = flattened(shapes)
    params = [{"params": np.ones_like(a)} for a in arrays] if grouped else {"layers": changed(shapes, np.ones_like)}
    ones = [np.ones_like(a) for a in arrays] if grouped else {"layers": changed(shapes, np.ones_like)}
    grads = changed(ones, lambda a: normal(a.size, *a.shape, dtype="float64"))
    one = fastlr.Adam(params)
    one.step(grads)
    other = fastlr.Adam(copy.deepcopy(params))
    other.load_state_dict(one.state_dict())
    for opt in (one, other):
        opt.step(grads)
    assert outcome(one) == outcome(other)


def test_format() -> None:
    """Plain dictionaries, lists, numbers and arrays: what any file format can hold."""
    opt = fastlr.Adam([{"params": {"w": np.ones(2, "f4")}}, {"params": np.ones((), "f4"), "lr": 0.5}], amsgrad=True)
    opt.step(({"w": np.ones(2, "f4")}, np.ones((), "f4")))
    saved = opt.state_dict()
    common = {
        "betas": (0.9, 0.999),
        "eps": 1e-8,
        "weight_decay": 0.0,
        "amsgrad": True,
        "maximize": False,
        "eps_root": 0.0,
        "schedules": {},
        "steps": 1,
        "frozen": False,
    }
    state = saved.pop("state")
    assert saved == {
        "fastlr": 1,
        "optimizer": "Adam",
        "like": "torch",
        "steps": 1,
        "dtype": "float32",
        "shapes": {"0.w": (2,), "1": ()},
        "groups": [{"lr": 1e-3, **common, "params": ["0.w"]}, {"lr": 0.5, **common, "params": ["1"]}],
    }
    assert {name: list(arrays) for name, arrays in state.items()} == {"0.w": ["m", "v", "u"], "1": ["m", "v", "u"]}
    assert all(type(array) is np.ndarray for arrays in state.values() for array in arrays.values())
    assert all(array.base is None for arrays in state.values() for array in arrays.values())


def test_survives_json() -> None:
    """Where tuples become lists, and arrays travel apart."""
    one, other = make("Adam", "float32", {}, betas=(0.5, 0.25)), make("Adam", "float32", {})
    run(one, "float32", 3)
    saved = one.state_dict()
    arrays = saved.pop("state")
    restored(one, other, {**json.loads(json.dumps(saved)), "state": arrays})
    assert other.groups[0]["betas"] == (0.5, 0.25)
    for opt in (one, other):
        run(opt, "float32", 5)
    assert outcome(one) == outcome(other)


def test_is_a_snapshot() -> None:
    """Neither side sees what the other does later."""
    one, other = make("RMSprop", "float64", {"momentum": 0.5}), make("RMSprop", "float64", {"momentum": 0.5})
    run(one, "float64", 2)
    saved = one.state_dict()
    kept = bits(saved["state"])
    one.groups[0]["lr"] = 9.0
    run(one, "float64", 4)
    assert bits(saved["state"]) == kept
    assert (saved["steps"], saved["groups"][0]["lr"]) == (2, 0.01)
    other.load_state_dict(saved)
    run(other, "float64", 3)
    assert bits(saved["state"]) == kept
    after = outcome(other)
    for arrays in saved["state"].values():
        for array in arrays.values():
            array.fill(7)
    saved["groups"][0]["params"].clear()
    assert outcome(other) == after
    own = other.state_dict()
    other.load_state_dict({**own, "state": other.state})
    assert outcome(other) == after


def test_goes_by_names() -> None:
    """Not by the order of parameters, of entries, nor of the symbols."""
    w, b, grads = normal(0, 3), normal(1, 3), {"w": normal(2, 3), "b": normal(3, 3)}
    one = fastlr.Adam({"w": w, "b": b})
    one.step(grads)
    saved = one.state_dict()
    saved["state"] = {name: dict(reversed(saved["state"][name].items())) for name in ("b", "w")}
    other = fastlr.Adam({"b": b.copy(), "w": w.copy()})
    other.load_state_dict(dict(reversed(saved.items())))
    assert bits(other.state["w"]) == bits(one.state["w"]) != bits(other.state["b"])
    for opt in (one, other):
        opt.step(grads)
    assert {name: bits(array) for name, array in other.params.items()} == bits(one.params)


RATES = {"number": 0.25, "schedule": lambda step: 0.5**step}


@pytest.mark.parametrize("loads", RATES)
@pytest.mark.parametrize("saves", RATES)
def test_a_schedule_is_code_and_stays(saves: str, loads: str) -> None:
    """Saved as None; the one that is here goes on at the step that is loaded."""
    one, other = fastlr.SGD(np.zeros(1), lr=RATES[saves]), fastlr.SGD(np.zeros(1), lr=RATES[loads])
    for _ in range(3):
        one.step(np.ones(1))
    saved = one.state_dict()
    assert saved["groups"][0]["lr"] == (None if saves == "schedule" else 0.25)
    other.load_state_dict(saved)
    assert other.groups[0]["lr"] is RATES[loads] or other.groups[0]["lr"] == 0.25
    other.step(np.ones(1))
    assert (other.steps, other.params[""].tolist()) == (4, [-0.125 if loads == "schedule" else -0.25])


def test_steps_are_what_bias_corrections_and_schedules_count() -> None:
    opt = make("Adam", "float64", {"lr": lambda step: 1.0 / (1 + step)})
    saved = opt.state_dict()
    for steps in (0, 7, 10**12, np.int64(3)):
        opt.load_state_dict({**saved, "steps": steps})
        assert (opt.steps, type(opt.steps), opt.lr) == (steps, int, 1.0 / (1 + steps))
        opt.step(gradients(0, "float64"))
        assert opt.steps == steps + 1


@pytest.mark.parametrize("function", [pickle.dumps, copy.copy, copy.deepcopy])
def test_an_optimizer_is_not_copied_by_half(function: Any) -> None:
    """It holds addresses: the state dict is what travels."""
    with pytest.raises(TypeError, match=r"^SGD: .* cannot be pickled or copied, .*; save opt\.state_dict\(\) and load"):
        function(fastlr.SGD(np.ones(2)))


@pytest.mark.parametrize(
    ("other", "message"),
    [(np.ones(7), r"shapes must be \{'': \(7,\)\}, got"), (np.ones(3, "f4"), "dtype must be 'float32', got 'float64'")],
)
def test_a_rule_without_state_knows_its_parameters_too(other: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fastlr.SGD(other).load_state_dict(fastlr.SGD(np.ones(3)).state_dict())
