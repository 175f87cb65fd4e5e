"""Who is in a group: by pattern of names, frozen and thawed, or added later."""

from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr.rules import RULES
from fastlr.schedules import Cosine
from tests.helpers import bits, normal, outcome

BACKENDS = ["cython", "numba", "numpy"]


def model(seed: int) -> dict[str, Any]:
    return {
        "norm": normal(seed, 3),
        "body": {"w": normal(seed + 1, 2, 3), "b": normal(seed + 2, 3)},
        "head": normal(seed + 3, 5),
    }


def leaves(tree: dict[str, Any]) -> dict[str, Any]:
    return {"norm": tree["norm"], "body.w": tree["body"]["w"], "body.b": tree["body"]["b"], "head": tree["head"]}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", [rule.__name__ for rule in RULES])
def test_patterns_are_groups_that_need_not_be_written(name: str, backend: str) -> None:
    """The bits are those of groups by hand, though gradients keep the structure of the parameters."""
    make = getattr(fastlr, name)
    by_pattern = make(
        model(1),
        lr=0.05,
        weight_decay=0.25,
        no_decay=["norm", "*.b"],
        overrides={"head": {"lr": 0.5}, "*.b": {"lr": 0.125, "weight_decay": 0.0625}},
        backend=backend,
    )
    params = leaves(model(1))
    by_hand = make(
        [
            {"params": {"body.w": params["body.w"]}},
            {"params": {"norm": params["norm"]}, "weight_decay": 0.0},
            {"params": {"head": params["head"]}, "lr": 0.5},
            {"params": {"body.b": params["body.b"]}, "lr": 0.125, "weight_decay": 0.0625},
        ],
        lr=0.05,
        weight_decay=0.25,
        backend=backend,
    )
    for step in range(4):
        g = leaves(model(10 + step))
        by_pattern.step(model(10 + step))
        by_hand.step([{key: g[key]} for key in ("body.w", "norm", "head", "body.b")])
    assert bits(by_pattern.params) == bits(params)
    names = [group.names for group in by_pattern.groups]
    assert sorted(names) == [("body.b",), ("body.w",), ("head",), ("norm",)]
    assert names[0] == ("body.w",), "who matches nothing comes first: opt.lr is theirs"
    assert by_pattern.lr == 0.05


def test_patterns_go_with_packed_parameters() -> None:
    packed, plain = fastlr.pack(model(1)), model(1)
    one = fastlr.AdamW(packed, no_decay=["*b"])
    other = fastlr.AdamW(plain, no_decay=["*b"])
    for step in range(3):
        g = model(20 + step)
        packed.flat_grads[:] = np.concatenate([array.ravel() for array in leaves(g).values()])
        one.step()
        other.step(g)
    assert outcome(one) == outcome(other)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"no_decay": ["*.x"]},
            ValueError,
            r"AdamW\(params\): the pattern '\*\.x' must match a parameter, there are \['norm',",
        ),
        ({"no_decay": "*.b"}, TypeError, r"AdamW\(no_decay='\*\.b'\): no_decay must be patterns"),
        ({"no_decay": [3]}, TypeError, r"no_decay must be patterns"),
        ({"overrides": {"head": {"rate": 1}}}, ValueError, r"overrides\['head'\]: 'rate' must be one of lr, betas"),
        ({"overrides": {"head": {"lr": -1}}}, ValueError, r"AdamW\(lr=-1\): lr must be in \[0, inf\), got -1.0"),
        ({"overrides": {"head": 0.1}}, TypeError, r"overrides must be settings by pattern"),
        ({"overrides": ["head"]}, TypeError, r"overrides must be settings by pattern"),
    ],
)
def test_patterns_that_cannot_be_meant_are_refused(settings: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fastlr.AdamW(model(1), **settings)


def test_layerwise_rates() -> None:
    patterns = ["norm", "body.*", "head"]
    opt = fastlr.SGD(model(1), lr=1.0, overrides=fastlr.layerwise(patterns, lr=0.5, decay=0.1))
    assert {group.names[0]: group["lr"] for group in opt.groups} == pytest.approx(
        {"norm": 0.005, "body.w": 0.05, "head": 0.5}
    )
    cosine = Cosine(0.5, total=10)
    scaled = fastlr.layerwise(patterns, cosine, 0.5)
    assert scaled["head"]["lr"] is cosine
    assert [scaled["norm"]["lr"](t) for t in (0, 5)] == [cosine(t) / 4 for t in (0, 5)]
    plain = fastlr.layerwise(patterns, lambda step: 1.0 + step, 0.5)
    assert plain["body.*"]["lr"](3) == 2.0
    for decay in (0, -1, 1.5, float("nan"), True, "x"):
        with pytest.raises(ValueError, match=r"decay must be in \(0, 1\]"):
            fastlr.layerwise(patterns, 0.1, decay)
    with pytest.raises(TypeError, match="must be a list of patterns"):
        fastlr.layerwise("head", 0.1, 0.5)


def frozen_like_torch(backend: str, absent: Any) -> tuple[fastlr.Optimizer, Any]:
    """Two groups, of which the second sits out steps 2 to 4, as a parameter of PyTorch's whose gradient is None."""
    import torch

    w, b = normal(1, 4, dtype="float64"), normal(2, 3, dtype="float64")
    peers = [torch.tensor(w, requires_grad=True), torch.tensor(b, requires_grad=True)]
    opt = fastlr.AdamW([{"params": w}, {"params": {"b": b}, "lr": 0.05}], backend=backend)
    peer = torch.optim.AdamW([{"params": peers[:1]}, {"params": peers[1:], "lr": 0.05}])
    for step in range(8):
        g, h = normal(30 + step, 4, dtype="float64"), normal(50 + step, 3, dtype="float64")
        out = 2 <= step < 5
        if step == 2:
            opt.groups[1].freeze()
        if step == 5:
            opt.groups[1].unfreeze()
        peers[0].grad, peers[1].grad = torch.from_numpy(g), None if out else torch.from_numpy(h)
        before = bits(opt.state["1.b"]), bits(b)
        assert opt.step([g, absent(h) if out else {"b": h}])
        peer.step()
        assert ((bits(opt.state["1.b"]), bits(b)) == before) is out
    return opt, peers


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("absent", [lambda h: None, lambda h: {"b": None}, lambda h: {"b": h * np.nan}])
def test_a_frozen_group_sits_out(backend: str, absent: Any) -> None:
    """And goes on where it stood: it counts its own steps, as PyTorch's parameters do."""
    opt, peers = frozen_like_torch(backend, absent)
    for ours, theirs in zip(opt.params.values(), peers, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12)
    assert [group.steps for group in opt.groups] == [8, 5]
    assert [group.frozen for group in opt.groups] == [False, False]
    assert opt.steps == 8


def test_all_may_be_frozen() -> None:
    opt = fastlr.Adam(fastlr.pack(normal(1, 5)))
    opt.groups[0].freeze()
    before = bits(opt.params), bits(opt.state)
    assert opt.step()
    assert (bits(opt.params), bits(opt.state)) == before
    assert (opt.steps, opt.groups[0].steps) == (1, 0)
    opt.groups[0].unfreeze()
    opt._binding.grads[0][:] = 1.0
    opt.step()
    assert bits(opt.params) != before[0]


def test_who_is_not_frozen_needs_a_gradient() -> None:
    opt = fastlr.SGD([{"params": np.ones(2)}, {"params": {"b": np.ones(3)}}])
    with pytest.raises(TypeError, match=r"the gradient of array '1.b' must be a NumPy array, got NoneType"):
        opt.step([np.ones(2), None])
    with pytest.raises(TypeError, match=r"the gradient of array '0' must be a NumPy array, got NoneType"):
        opt.step([None, {"b": np.ones(3)}])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_group_that_comes_later_begins_at_its_own_first_step(backend: str) -> None:
    import torch

    w, b = normal(1, 4, dtype="float64"), normal(2, 3, dtype="float64")
    peers = [torch.tensor(w, requires_grad=True), torch.tensor(b, requires_grad=True)]
    opt = fastlr.Adam([{"params": w}], lr=0.05, amsgrad=True, backend=backend)
    peer = torch.optim.Adam(peers[:1], lr=0.05, amsgrad=True)
    for step in range(6):
        if step == 3:
            opt.add_group({"params": b, "lr": 0.01})
            peer.add_param_group({"params": peers[1:], "lr": 0.01})
        gradients = [normal(60 + step, 4, dtype="float64"), normal(80 + step, 3, dtype="float64")][: 1 + (step >= 3)]
        for p, g in zip(peers, gradients, strict=False):
            p.grad = torch.from_numpy(g)
        opt.step(gradients)
        peer.step()
    np.testing.assert_allclose(w, peers[0].detach().numpy(), rtol=1e-12)
    np.testing.assert_allclose(b, peers[1].detach().numpy(), rtol=1e-12)
    assert ([group.steps for group in opt.groups], opt.steps) == ([6, 3], 6)


def test_what_was_set_and_scheduled_stays_when_a_group_comes() -> None:
    opt = fastlr.SGD([{"params": np.zeros(1)}, {"params": np.zeros(1)}], lr=lambda step: 1.0 + step)
    opt.groups[1]["lr"] = 0.25
    opt.groups[1].freeze()
    opt.step([np.ones(1), None])
    opt.add_group({"params": np.zeros(1)})
    opt.step([np.ones(1), None, np.ones(1)])
    assert [w.item() for w in opt.params.values()] == [-3.0, 0.0, -2.0]
    assert opt.groups[1]["lr"] == 0.25
    assert opt.groups[1].frozen


@pytest.mark.parametrize(
    ("group", "error", "message"),
    [
        (lambda w: {"params": w}, ValueError, r"SGD\.add_group: array '0' and array '1' must not overlap"),
        (
            lambda w: {"params": np.zeros(2, "f4")},
            TypeError,
            r"SGD\.add_group: array '1' must be float64 like array '0'",
        ),
        (lambda w: {"lr": 0.1}, ValueError, r'SGD\.add_group: group 0 must have a "params" entry'),
        (lambda w: {"params": np.zeros(2), "rate": 1}, ValueError, r"SGD\.add_group: group 0: 'rate' must be one of"),
        (lambda w: fastlr.pack(np.zeros(2)), TypeError, r"SGD\.add_group"),
        (
            lambda w: {"params": fastlr.pack(np.zeros(2))},
            TypeError,
            r"all groups or none must be packed, got groups \[1\]",
        ),
    ],
)
def test_a_group_that_cannot_come_changes_nothing(group: Any, error: type[Exception], message: str) -> None:
    w = np.zeros(2)
    opt = fastlr.SGD([{"params": w}], lr=0.5)
    with pytest.raises(error, match=message):
        opt.add_group(group(w))
    assert len(opt.groups) == 1
    opt.step([np.ones(2)])
    assert w.tolist() == [-0.5, -0.5]


def test_only_a_list_of_groups_grows() -> None:
    with pytest.raises(ValueError, match=r"SGD\.add_group: the optimizer must be made of a list of groups"):
        fastlr.SGD(np.zeros(2)).add_group({"params": np.zeros(1)})


def test_counts_and_frost_are_saved() -> None:
    def made() -> fastlr.Optimizer:
        return fastlr.Adam([{"params": normal(1, 3)}, {"params": normal(2, 2)}])

    one, other = made(), made()
    one.groups[0].freeze()
    for step in range(3):
        one.step([None, normal(90 + step, 2)])
    one.groups[0].unfreeze()
    one.groups[1].freeze()
    other.load_state_dict(one.state_dict())
    for name, array in one.params.items():
        other.params[name][...] = array
    assert [(group.steps, group.frozen) for group in other.groups] == [(0, False), (3, True)]
    for opt in (one, other):
        opt.step([normal(99, 3), None])
    assert outcome(one) == outcome(other)


@pytest.mark.parametrize(("key", "value"), [("steps", -1), ("steps", None), ("frozen", 1), ("frozen", ...)])
def test_counts_that_cannot_be_are_refused(key: str, value: Any) -> None:
    opt = fastlr.Adam(normal(1, 3))
    saved = opt.state_dict()
    if value is ...:
        del saved["groups"][0][key]
    else:
        saved["groups"][0][key] = value
    with pytest.raises((TypeError, ValueError), match=rf"Adam\.load_state_dict: group 0: {key} must be"):
        opt.load_state_dict(saved)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("options", [{}, {"max_norm": 1.0}, {"accumulate": 2}])
@pytest.mark.parametrize("what", ["unfreeze", "freeze", "add_group", "load_state_dict", "averaged"])
def test_no_group_freezes_or_comes_inside_a_step(what: str, options: Any, backend: Any) -> None:
    """The gradients were looked at by then, or not, and the step would be of neither."""
    away = False

    def rate(step: int) -> float:
        if away:
            attempts[what]()
        return 0.5

    groups: Any = [{"params": normal(1, 3)}, {"params": normal(2, 4)}]
    opt = fastlr.SGD(groups, rate, backend=backend, average=fastlr.EMA(), **options)
    opt.groups[1].freeze()
    saved, gradients = opt.state_dict(), [normal(5, 3), None]
    attempts = {
        "unfreeze": opt.groups[1].unfreeze,
        "freeze": opt.groups[0].freeze,
        "add_group": lambda: opt.add_group({"params": normal(3, 2)}),
        "load_state_dict": lambda: opt.load_state_dict(saved),
        "averaged": lambda: opt.averaged().__enter__(),
    }
    while not opt.step(gradients):
        pass
    for _ in range(options.get("accumulate", 1) - 1):
        opt.step(gradients)
    before = outcome(opt), str(opt.state_dict())
    away = True
    with pytest.raises(RuntimeError, match=r"inside a step|in the middle of a step"):
        opt.step(gradients)
    away = False
    assert (outcome(opt), str(opt.state_dict())) == before
    assert opt.step(gradients)
    attempts[what]()
