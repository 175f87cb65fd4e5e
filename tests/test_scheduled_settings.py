"""Every number of a rule may be a function of the step, as the learning rate may."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr.rules import RULES
from fastlr.rules.settings import Setting
from fastlr.schedules import Plateau
from tests.helpers import normal, outcome

STEPS = 12


def moving(kind: Setting, low: float = 0.0) -> Callable[[int], float]:
    """Values in the range of a setting, up and down."""
    return lambda step: low + (0.5 if kind.below == 1 else 0.125) * (1 + math.cos(step)) / 2


CASES = [
    (rule.__name__, key, part)
    for rule in RULES
    for key, kind in rule.kinds().items()
    if isinstance(kind, Setting) and kind.schedulable
    for part in range(max(1, len(kind.parts)))
]


def with_part(name: str, key: str, part: int, value: Any) -> dict[str, Any]:
    """The setting with this value, or this value as a part of it."""
    kind = getattr(fastlr, name).rule.kinds()[key]
    if not kind.parts:
        return {key: value}
    return {key: tuple(value if i == part else 0.75 for i in range(len(kind.parts)))}


@pytest.mark.parametrize("backend", ["cython", "numba", "numpy"])
@pytest.mark.parametrize(("name", "key", "part"), CASES)
def test_a_function_of_the_step_is_that_value_set_before_each_step(
    name: str, key: str, part: int, backend: str
) -> None:
    kind = getattr(fastlr, name).rule.kinds()[key]
    function = moving(kind)
    scheduled = getattr(fastlr, name)(normal(1, 9), backend=backend, **with_part(name, key, part, function))
    by_hand = getattr(fastlr, name)(normal(1, 9), backend=backend, **with_part(name, key, part, function(0)))
    fixed = getattr(fastlr, name)(normal(1, 9), backend=backend, **with_part(name, key, part, function(0)))
    for step in range(STEPS):
        g = normal(100 + step, 9)
        by_hand.groups[0][key] = with_part(name, key, part, function(step))[key]
        assert scheduled.step(g)
        by_hand.step(g)
        fixed.step(g)
    assert outcome(scheduled) == outcome(by_hand)
    moves = key != "dampening"  # which nothing reads without momentum
    assert (outcome(scheduled) != outcome(fixed)) is moves


@pytest.mark.parametrize(
    ("name", "key", "theirs"),
    [
        ("SGD", "momentum", {"nesterov": True}),
        ("RMSprop", "momentum", {"centered": True}),
        ("RMSprop", "alpha", {}),
        ("AdamW", "weight_decay", {}),
        ("AdamW", "betas", {"amsgrad": True}),
        ("Adam", "eps", {}),
    ],
)
def test_like_torch_whose_groups_are_changed(name: str, key: str, theirs: dict[str, Any]) -> None:
    import torch

    rise = moving(getattr(fastlr, name).rule.kinds()[key], low=0.25)

    def now(value: Callable[[int], float] | float) -> Any:
        return (value, 0.75) if key == "betas" else value

    w = normal(2, 7, dtype="float64")
    opt = getattr(fastlr, name)(w, lr=0.05, **{key: now(rise)}, **theirs)
    p = torch.tensor(w, requires_grad=True)
    peer = getattr(torch.optim, name)([p], lr=0.05, **{key: now(rise(0))}, **theirs)
    for step in range(30):
        g = normal(50 + step, 7, dtype="float64")
        p.grad = torch.from_numpy(g)
        peer.param_groups[0][key] = now(rise(step))
        peer.step()
        opt.step(g)
    np.testing.assert_allclose(w, p.detach().numpy(), rtol=1e-12)


def test_each_group_has_its_own() -> None:
    groups = [{"params": np.ones(1), "weight_decay": lambda step: 0.5 * step}, {"params": np.ones(1)}]
    opt = fastlr.SGD(groups, lr=lambda step: 1.0, weight_decay=lambda step: 0.25)
    for _ in range(2):
        opt.step([np.zeros(1), np.zeros(1)])
    assert [w.item() for w in opt.params.values()] == [0.5, 0.75**2]
    opt.groups[0]["weight_decay"] = 0.0
    opt.step([np.zeros(1), np.zeros(1)])
    assert [w.item() for w in opt.params.values()] == [0.5, 0.75**3]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (1.0, ValueError, r"Adam\(betas\[0\]=.*\): betas\[0\]\(1\) must be in \[0, 1\), got 1.0"),
        (float("nan"), ValueError, r"betas\[0\]\(1\) must be in \[0, 1\), got nan"),
        ("high", TypeError, r"betas\[0\]\(1\) must be a number, got 'high' of type str"),
        (None, TypeError, r"got None of type NoneType"),
        (abs, TypeError, r"betas\[0\]\(1\) must be a number, got <built-in function abs>"),
    ],
)
def test_a_function_that_gives_no_such_number_is_named_and_nothing_changes(
    value: Any, error: type[Exception], message: str
) -> None:
    opt = fastlr.Adam(np.ones(3), betas=(lambda step: value if step else 0.5, 0.9))
    opt.step(np.ones(3))
    before = outcome(opt)
    with pytest.raises(error, match=message):
        opt.step(np.ones(3))
    assert outcome(opt) == before


def test_what_is_needed_before_the_first_step_must_be_a_number() -> None:
    with pytest.raises(TypeError, match=r"initial_accumulator_value must be a number, got <function .*"):
        fastlr.Adagrad(np.ones(1), initial_accumulator_value=lambda step: 0.5)  # type: ignore[arg-type]


def test_functions_are_code_and_stay_where_they_are() -> None:
    def made(first: Any, decay: Any) -> fastlr.Optimizer:
        return fastlr.AdamW(np.ones(2), betas=(first, 0.75), weight_decay=decay)

    saved = made(lambda step: 0.5, 0.25).state_dict()
    assert saved["groups"][0]["betas"] == (None, 0.75)
    assert saved["groups"][0]["weight_decay"] == 0.25
    numbers = made(0.125, 0.5)
    numbers.load_state_dict(saved)
    assert numbers.groups[0]["betas"] == (0.125, 0.75)
    assert numbers.groups[0]["weight_decay"] == 0.25
    decay = moving(Setting())
    scheduled = made(0.125, decay)
    scheduled.load_state_dict(saved)
    assert scheduled.groups[0]["weight_decay"] is decay


def driven(observed: int, patience: int = 0) -> fastlr.Optimizer:
    """Two groups with a plateau each, for the rate and for the momentum, that have seen bad evaluations."""
    groups = [{"params": np.ones(1), "lr": Plateau(0.5, patience=patience)}, {"params": np.ones(1)}]
    opt = fastlr.SGD(groups, lr=0.25, momentum=Plateau(0.75, patience=patience))
    for _ in range(observed):
        opt.groups[0]["lr"].observe(1.0)
        opt.groups[1]["momentum"].observe(1.0)
    return opt


def test_the_state_of_schedules_that_follow_a_metric_is_saved_and_restored() -> None:
    one = driven(3)
    for _ in range(2):
        one.step([np.ones(1), np.ones(1)])
    saved = json.loads(json.dumps(one.state_dict()["groups"]))
    assert [sorted(group["schedules"]) for group in saved] == [["lr", "momentum"], ["momentum"]]
    other = driven(0)
    assert other.lr == 0.5
    other.load_state_dict({**one.state_dict(), "groups": saved})
    for name, w in one.params.items():
        other.params[name][...] = w
    assert other.lr == one.lr < 0.5
    for opt in (one, other):
        opt.step([np.ones(1), np.ones(1)])
    assert outcome(one) == outcome(other)


@pytest.mark.parametrize("broken", [{"driven": "Greedy"}, None, {"driven": "Plateau", "factor": -1.0}])
def test_a_schedules_state_that_cannot_be_loaded_changes_nothing(broken: Any) -> None:
    saved = driven(3).state_dict()
    saved["groups"][1]["schedules"]["momentum"] = broken
    opt = driven(1)
    before = opt.state_dict()["groups"], outcome(opt)
    with pytest.raises((ValueError, TypeError), match="Plateau"):
        opt.load_state_dict(saved)
    assert (opt.state_dict()["groups"], outcome(opt)) == before


def test_a_saved_schedule_that_is_not_here_is_named() -> None:
    saved = driven(1).state_dict()
    opt = fastlr.SGD([{"params": np.ones(1)}, {"params": np.ones(1)}], lr=0.25, momentum=0.5)
    with pytest.raises(
        ValueError, match=r"group 0 must have the schedules .* here are \[\]; make the optimizer with them"
    ):
        opt.load_state_dict(saved)
