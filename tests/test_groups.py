"""Parameter groups: settings of their own, equal to optimizers of their own."""

import inspect
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastlr
from tests.helpers import bits, changed, flattened, normal, outcome
from tests.table import CASES, IDS

BACKENDS = ["cython", "numpy"]
SHAPES = [[(3, 2), (5,)], [()], [(0,), (40_000,), (1,)]]
GRADS = [[[normal(9 + k + len(s), *s) for s in shapes] for shapes in SHAPES] for k in range(3)]


def trees() -> list[Any]:
    """A list, a single array in a dict, a tuple."""
    first, second, third = ([normal(i, *shape) for i, shape in enumerate(shapes)] for shapes in SHAPES)
    return [first, {"w": second[0]}, tuple(third)]


def like_the_trees(grads: list[Any]) -> list[Any]:
    return [grads[0], {"w": grads[1][0]}, grads[2]]


# Overrides for three groups: numbers, tuples, flags, schedules, and options that need other kernels.
OVERRIDES: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    ("SGD", {"lr": 0.5}, [{}, {"lr": 0.25}, {"lr": lambda step: 0.5**step}]),
    ("SGD", {"lr": lambda step: 0.5**step}, [{}, {"lr": 0.25}, {"lr": lambda step: 0.1 * step}]),
    ("SGD", {"momentum": 0.5}, [{"momentum": 0.0}, {"nesterov": True}, {"dampening": 0.5, "maximize": True}]),
    ("Adagrad", {}, [{"initial_accumulator_value": 0.5}, {"lr_decay": 0.5}, {"weight_decay": 0.5, "eps": 0.0}]),
    (
        "RMSprop",
        {"like": "keras"},
        [{"centered": True}, {"momentum": 0.5}, {"alpha": 0, "momentum": 1, "centered": True}],
    ),
    ("Adam", {"like": "optax"}, [{"amsgrad": True}, {"betas": [0.0, 0.5]}, {"betas": (0.5, 0.0), "eps_root": 0.5}]),
    ("AdamW", {"maximize": True}, [{"weight_decay": 0}, {"maximize": False}, {"lr": 1, "eps": 1, "amsgrad": True}]),
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "shared", "overrides"), OVERRIDES)
def test_a_group_is_as_good_as_an_optimizer(
    name: str, shared: dict[str, Any], overrides: list[dict[str, Any]], backend: str, packed: bool
) -> None:
    make = getattr(fastlr, name)
    params, apart = trees(), [make(tree, **{**shared, **own}) for tree, own in zip(trees(), overrides, strict=True)]
    held = [fastlr.pack(tree) for tree in params] if packed else params
    groups = [{"params": tree, **own} for tree, own in zip(held, overrides, strict=True)]
    together = make(groups, backend=backend, **shared)
    for grads in map(like_the_trees, GRADS):
        for opt, grad in zip(apart, grads, strict=True):
            opt.step(grad)
        if packed:
            for buffers, grad in zip(held, grads, strict=True):
                buffers.flat_grads[:] = np.concatenate([g.ravel() for g in flattened(grad)])
        assert together.step(*([] if packed else [grads])) is True
    names = ["0.0", "0.1", "1.w", "2.0", "2.1", "2.2"]
    assert list(together.params) == names
    assert [group.names for group in together.groups] == [("0.0", "0.1"), ("1.w",), ("2.0", "2.1", "2.2")]
    assert [bits(a) for a in together.params.values()] == [bits(a) for opt in apart for a in opt.params.values()]
    assert [bits(a) for a in together.state.values()] == [bits(a) for opt in apart for a in opt.state.values()]
    assert [group.rule.kernel for group in together.groups] == [opt.groups[0].rule.kernel for opt in apart]
    assert [group["lr"] for group in together.groups] == [opt.groups[0]["lr"] for opt in apart]
    assert together.lr == apart[0].lr


@pytest.mark.parametrize(("name", "options"), CASES[::3], ids=IDS[::3])
def test_a_setting_takes_effect_from_the_next_step_on(name: str, options: dict[str, Any]) -> None:
    """As if another optimizer of that setting went on; every number of every rule."""
    made = getattr(fastlr, name)({"w": normal(0, 5)}, **options)
    fixed = {"momentum", "dampening", "initial_accumulator_value"}
    for key, value in made.groups[0].items():
        if isinstance(value, float | tuple) and key not in fixed:
            made.step({"w": normal(1, 5)})
            other = (0.25, 0.75) if isinstance(value, tuple) else 0.25
            twin = getattr(fastlr, name)(
                {"w": made.params["w"].copy()},
                **{**made.groups[0].rule.settings(), **{key: other}},
                like=options["like"],
            )
            saved = made.state_dict()
            saved["groups"][0][key] = other
            twin.load_state_dict(saved)
            made.groups[0][key] = other
            assert made.groups[0][key] == twin.groups[0][key] == other
            for opt in (made, twin):
                opt.step({"w": normal(2, 5)})
            assert outcome(made) == outcome(twin)


def test_setting_the_rate_sets_it_for_all() -> None:
    opt = fastlr.SGD([{"params": np.zeros(1)}, {"params": np.zeros(1), "lr": lambda step: 7.0}], lr=1.0)
    ones = [np.ones(1), np.ones(1)]
    opt.step(ones)
    opt.groups[0]["lr"] = lambda step: 10.0 * step
    opt.step(ones)
    assert [group["lr"](1) for group in opt.groups] == [10, 7]
    opt.lr = 0.5
    assert [group["lr"] for group in opt.groups] == [0.5, 0.5]
    opt.step(ones)
    opt.lr = lambda step: 100.0 * step
    opt.step(ones)
    assert [w.tolist() for w in opt.params.values()] == [[-(1 + 10 + 0.5 + 300)], [-(7 + 7 + 0.5 + 300)]]


def test_each_schedule_is_called_once_a_step() -> None:
    calls: list[tuple[str, int]] = []

    def schedule(name: str) -> Any:
        return lambda step: calls.append((name, step)) or 0.5

    groups = [{"params": np.ones(1), "lr": schedule(name)} for name in "ab"]
    opt = fastlr.Adam([*groups, {"params": np.ones(1)}], lr=0.5)
    for _ in range(2):
        opt.step([np.ones(1)] * 3)
    assert calls == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_a_group_is_a_mapping_of_its_settings() -> None:
    w, b = [np.ones(2)], np.ones(3)
    opt = fastlr.Adam([{"params": w}, {"params": b, "eps": 1}], lr=0.5)
    first, second = opt.groups
    signature = inspect.signature(fastlr.Adam)
    of_all = {*fastlr.rules.Options.__dataclass_fields__, "like", "backend", "denormals", "overrides", "no_decay"}
    assert set(first) == set(signature.parameters) - of_all
    assert len(first) == len(list(first))
    assert first["params"] is w
    assert second["params"] is b
    assert dict(second)["eps"] == second["eps"] == second.get("eps") == 1.0
    assert "eps" in second
    assert "like" not in second
    for key in ("like", "momentum", 0):
        with pytest.raises(KeyError, match=repr(key)):
            first[key]
    assert repr(second).startswith("Group(1: Adam(lr=0.5, ")
    assert "eps=1.0" in repr(second)


@pytest.mark.parametrize(
    "params",
    [
        pytest.param([{"params": [W := np.ones(2)]}], id="one group of a list of one"),
        pytest.param([{"params": [[W]]}], id="nested"),
        pytest.param([{"params": {"w": W}}], id="one group of a dict of one"),
        pytest.param([{"params": [W, np.ones(1)]}, {"params": ()}], id="an empty group"),
        pytest.param([[W]], id="no groups, nested"),
        pytest.param([[W, np.ones(1)], []], id="no groups, an empty list"),
        pytest.param([{"params": W}], id="one group of an array"),
        pytest.param([{"params": ()}, {"params": [W, np.ones(1)]}, {"params": {}}], id="empty groups"),
        pytest.param(({"params": [W]}, {"params": [np.ones(1)]}), id="a tuple of groups"),
    ],
)
def test_any_list_of_groups_steps(params: Any) -> None:
    W[:] = 1
    opt = fastlr.SGD(params, lr=1.0)
    structure = [group["params"] for group in params] if isinstance(params[0], dict) else params
    assert opt.step(changed(structure, np.ones_like)) is True
    assert W.tolist() == [0, 0]


@pytest.mark.parametrize("params", [[[np.ones(2)]], [[np.ones(2), np.ones(1)], []]])
def test_gradients_of_another_structure_are_refused(params: Any) -> None:
    opt = fastlr.SGD(params)
    with pytest.raises((TypeError, ValueError), match=r"^SGD\.step\(grads\): gradients '0' must "):
        opt.step([np.ones_like(w) for w in opt.params.values()])


def test_one_packed_group() -> None:
    packed = fastlr.pack({"w": np.ones(2)})
    opt = fastlr.SGD([{"params": packed, "lr": 0.5}])
    packed.flat_grads[:] = 1
    assert opt.step() is True
    assert packed.flat.tolist() == [0.5, 0.5]


@settings(max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.integers(0, 2**31))
def test_any_division_of_a_buffer_into_groups(owners: list[int], seed: int) -> None:
    """Neighbours in memory of one group or of another, in any order, against a rate for each weight."""
    flat, expected = normal(seed, len(owners) * 3), normal(seed, len(owners) * 3)
    grads, rates = normal(seed + 1, flat.size), np.repeat(np.array([0.5, 0.25, 2.0, 0.125], "f4")[owners], 3)
    pieces = [[slice(3 * i, 3 * i + 3) for i, owner in enumerate(owners) if owner == k] for k in range(4)]
    groups = [{"params": {str(s.start): flat[s] for s in own}, "lr": 0.5} for own in pieces]
    for group, rate in zip(groups, [0.5, 0.25, 2.0, 0.125], strict=True):
        group["lr"] = rate
    opt = fastlr.SGD([*groups, {"params": {"other": np.ones(1, "f4")}}])
    opt.step((*({str(s.start): grads[s] for s in own} for own in pieces), {"other": np.ones(1, "f4")}))
    for i in range(flat.size):  # a weight at a time, each with an optimizer of its rate
        fastlr.SGD(expected[i : i + 1], lr=float(rates[i])).step(grads[i : i + 1])
    assert bits(flat) == bits(expected)


def test_what_the_state_started_with_stays() -> None:
    opt = fastlr.Adagrad(np.ones(2), initial_accumulator_value=0.5)
    with pytest.raises(ValueError, match="initial_accumulator_value is what the state started with"):
        opt.groups[0]["initial_accumulator_value"] = 3.0
    opt.groups[0]["initial_accumulator_value"] = 0.5
    assert opt.groups[0]["initial_accumulator_value"] == 0.5


def test_groups_are_told_apart_by_identity() -> None:
    opt = fastlr.SGD([{"params": np.ones(2)}, {"params": np.ones(2)}])
    assert opt.groups.index(opt.groups[1]) == 1
    assert len({*opt.groups}) == 2
