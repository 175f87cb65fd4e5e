"""The optimizer in a user's hands: whose arrays it updates, at which rate, and that the packaging changes no bit."""

import inspect
from collections import UserList, namedtuple
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastlr
from fastlr.rules import Options
from tests.helpers import DTYPES, SHAPES, bits, changed, flattened, normal, outcome, trees

BACKENDS = ["cython", "numpy"]
Model = namedtuple("Model", "w b s e")
# What a user may hold four arrays in, the gradients in the same, the names that they get.
CONTAINERS: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "list": (lambda *a: [*a], ["0", "1", "2", "3"]),
    "tuple": (lambda *a: a, ["0", "1", "2", "3"]),
    "namedtuple": (Model, ["0", "1", "2", "3"]),
    "user list": (lambda *a: UserList(a), ["0", "1", "2", "3"]),
    "dict": (lambda w, b, s, e: {"w": w, "b": b, "s": s, "e": e}, ["w", "b", "s", "e"]),
    "proxy": (lambda *a: MappingProxyType(dict(enumerate(a))), ["0", "1", "2", "3"]),
    "nested": (lambda w, b, s, e: {"l": [{"w": w}, (b, [s])], "e": {"": e}}, ["l.0.w", "l.1.0", "l.1.1.0", "e."]),
    "lists": (lambda w, b, s, e: [[w, b], (s,), [[e]]], ["0.0", "0.1", "1.0", "2.0.0"]),
    "empty branches": (lambda w, b, s, e: {"a": [], "b": [w, (), b], "c": (s, e)}, ["b.0", "b.2", "c.0", "c.1"]),
}


def four(seed: int, dtype: str) -> list[Any]:
    """A matrix, a vector, a 0-d array, an empty array."""
    return [normal(seed + i, *shape, dtype=dtype) for i, shape in enumerate([(2, 3), (5,), (), (0, 4)])]


def stepped(opt: fastlr.Optimizer, grads: list[Any]) -> None:
    for each in grads:
        assert opt.step(each) is True


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("container", CONTAINERS)
def test_updates_the_callers_very_arrays(container: str, dtype: str, backend: str) -> None:
    hold, names = CONTAINERS[container]
    arrays, expected = four(0, dtype), np.concatenate([a.ravel() for a in four(0, dtype)])
    grads = [four(10 * step, dtype) for step in (1, 2, 3)]
    stepped(fastlr.Adam(expected, 0.1), [np.concatenate([g.ravel() for g in each]) for each in grads])
    opt = fastlr.Adam(hold(*arrays), 0.1, backend=backend)
    stepped(opt, [hold(*each) for each in grads])
    assert np.concatenate([a.ravel() for a in arrays]).tobytes() == expected.tobytes()
    assert [a.shape for a in arrays] == [(2, 3), (5,), (), (0, 4)]
    assert list(opt.params) == list(opt.state) == list(opt.groups[0].names) == names
    assert all(opt.params[name] is array for name, array in zip(names, arrays, strict=True))
    assert all(opt.state[name]["m"].shape == array.shape for name, array in zip(names, arrays, strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (3, 0, 2), (7,), (2, 3, 4), (70_000,)])
def test_a_single_array_is_enough(shape: tuple[int, ...], backend: str) -> None:
    w, other = normal(1, *shape), [normal(1, *shape)]
    opt = fastlr.RMSprop(w, backend=backend)
    stepped(opt, [normal(2, *shape)])
    stepped(fastlr.RMSprop(other), [[normal(2, *shape)]])
    assert bits(w) == bits(other[0])
    assert list(opt.params) == [""]
    assert opt.params[""] is w


@settings(max_examples=50)
@given(trees(st.builds(np.empty, SHAPES)), st.sampled_from(BACKENDS))
def test_no_structure_changes_a_bit(shapes: Any, backend: str) -> None:
    """A structure, its packed copy, and its arrays in a group each."""
    w, g, h = ({"layers": changed(shapes, lambda a, s=seed: normal(s + a.size, *a.shape))} for seed in (1, 50, 99))
    packed, listed = fastlr.pack(w), [a.copy() for a in flattened(w)]
    opts = [fastlr.SGD(params, 0.1, 0.9, backend=backend) for params in (w, packed, [{"params": a} for a in listed])]
    for grads in (g, h):
        packed.flat_grads[:] = np.concatenate([a.ravel() for a in flattened(grads)])
        assert [opts[0].step(grads), opts[1].step(), opts[2].step(flattened(grads))] == [True] * 3
    assert bits(flattened(w)) == bits(flattened(packed.params)) == bits(listed)


def test_memory_map(tmp_path: Path) -> None:
    expected = normal(0, 50, 3)
    mapped = np.memmap(tmp_path / "w", np.float32, "w+", shape=(50, 3))
    mapped[:] = expected
    for opt in (fastlr.Adam(mapped), fastlr.Adam(expected)):
        stepped(opt, [normal(1, 50, 3)])
    mapped.flush()
    assert np.fromfile(tmp_path / "w", np.float32).tobytes() == expected.tobytes()


SUBCLASSES = {"matrix": lambda a: a.view(np.matrix), "masked": lambda a: np.ma.masked_less(a, 0)}


@pytest.mark.parametrize("subclass", SUBCLASSES)
@pytest.mark.parametrize("backend", ["cython", "numpy"])
def test_a_subclass_is_its_memory(subclass: str, backend: str) -> None:
    """Whatever its operators do; as parameters and as gradients."""
    w, g, expected = normal(0, 2, 2), normal(1, 2, 2), normal(0, 2, 2)
    view = SUBCLASSES[subclass](w)
    view = view if np.shares_memory(view, w) else np.ma.array(w, mask=w < 0, copy=False)
    stepped(fastlr.Adam(view, backend=backend), [SUBCLASSES[subclass](g)])
    stepped(fastlr.Adam(expected), [g])
    assert bits(w) == bits(expected)


@pytest.mark.parametrize("rate", [0.5, 1, np.float32(0.5), np.float64(0.5), np.int64(1), Fraction(1, 2), 0, -0.0])
def test_a_rate_is_any_real_number(rate: Any) -> None:
    opts = [fastlr.SGD(normal(0, 3), lr=value) for value in (rate, float(rate), lambda step: rate)]
    opts.append(fastlr.SGD(normal(0, 3)))
    opts[3].lr = rate
    for opt in opts:
        assert (opt.lr, type(opt.lr)) == (float(rate), float)
        stepped(opt, [normal(1, 3)])
    assert len({opt.params[""].tobytes() for opt in opts}) == 1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", [float, np.float32, np.array])
def test_a_schedule_is_called_once_a_step(backend: str, kind: Any) -> None:
    """With the steps made so far; never by making, printing or saving."""
    calls: list[int] = []
    rates = [kind(0.1 * 0.5**step) for step in range(5)]

    def schedule(step: int) -> Any:
        calls.append(step)
        return rates[step]

    opt = fastlr.Adam({"w": normal(0, 3)}, schedule, backend=backend)
    by_hand = fastlr.Adam({"w": normal(0, 3)}, backend=backend)
    repr(opt), opt.state_dict(), repr(opt.groups), opt.steps
    for step in range(4):
        assert opt.steps == step
        assert opt.step({"w": normal(step, 3)}) is True
        assert calls == list(range(step + 1))
        by_hand.lr = rates[step].item() if kind is np.array else rates[step]
        by_hand.step({"w": normal(step, 3)})
    assert outcome(opt) == outcome(by_hand)
    assert opt.lr == float(rates[4])
    assert all(type(step) is int for step in calls)


def test_the_rate_can_become_a_schedule_and_a_number_again() -> None:
    w, ones = np.zeros(1), np.ones(1)
    opt = fastlr.SGD(w, lr=1.0)
    stepped(opt, [ones])
    opt.lr = lambda step: 10.0**step
    assert opt.lr == 10
    stepped(opt, [ones, ones])
    opt.lr = 0.5
    stepped(opt, [ones])
    assert (w.tolist(), opt.lr, opt.steps) == ([-(1 + 10 + 100 + 0.5)], 0.5, 4)


def test_repr_is_the_call_and_what_it_was_made_of() -> None:
    opt = fastlr.SGD([np.ones((1000, 2)), np.ones(())], 0.5, momentum=0.9)
    settings = "lr=0.5, momentum=0.9, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False"
    about = "2 arrays, 2,001 weights, float64"
    assert repr(opt) == f"SGD({settings}, like='torch', backend='cython', steps=0)  # {about}"
    stepped(opt, [[np.ones((1000, 2)), np.ones(())]])
    assert "steps=1)  #" in repr(opt)
    groups = [{"params": {"w": np.ones(2, "f4")}}, {"params": [np.ones(3, "f4")], "lr": 0.5, "momentum": 0.9}]
    lines = repr(fastlr.SGD(groups, 0.25, like="optax", backend="numpy")).splitlines()
    assert lines == [
        "SGD(like='optax', backend='numpy', steps=0)  # 2 arrays, 5 weights, float32",
        f"    group 0: 0.w: {settings.replace('lr=0.5, momentum=0.9', 'lr=0.25, momentum=0.0')}",
        f"    group 1: 1.0: {settings}",
    ]


HOW = (*Options.__dataclass_fields__, "like", "backend", "denormals", "overrides", "no_decay")
"""What every optimizer takes and no optimizer of PyTorch."""


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adam", "AdamW"])
def test_signature_is_torchs(name: str) -> None:
    import torch

    ours, theirs = inspect.signature(getattr(fastlr, name)), inspect.signature(getattr(torch.optim, name))
    without = {"foreach", "fused", "capturable", "differentiable", "decoupled_weight_decay"}
    expected = {key: p.default for key, p in theirs.parameters.items() if key not in without}
    found = {key: p for key, p in ours.parameters.items() if key not in (*HOW, "eps_root")}
    assert list(found) == list(expected)
    made = getattr(fastlr, name)(np.ones(1)).groups[0]
    assert {key: made[key] for key in found if key != "params"} == {k: v for k, v in expected.items() if k != "params"}
    positional = [key for key, p in found.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert [*positional, "maximize"] == list(expected)
    assert getattr(fastlr, name).__name__ == name
    assert getattr(fastlr, name).__module__ == "fastlr"


def arrays_on_demand(made: list[Any]) -> Any:
    """Gradients that nobody holds but who asked for them."""
    import weakref

    class OnDemand(UserList[Any]):
        def __getitem__(self, i: Any) -> Any:
            made.append(weakref.ref(gradient := np.full(3, float(i + 1))))
            return gradient

        def __iter__(self) -> Iterator[Any]:
            return (self[i] for i in range(len(self)))

    return OnDemand([None, None])


def test_gradients_live_until_the_step_is_made() -> None:
    made: list[Any] = []
    alive: list[bool] = []

    def schedule(step: int) -> float:
        alive.extend(gradient() is not None for gradient in made)
        return 1.0

    stepped(fastlr.SGD([np.ones(3), np.ones(3)], lr=schedule), [arrays_on_demand(made)])
    assert alive == [True, True]


def test_state_is_freed_with_the_optimizer() -> None:
    """Not when the garbage collector comes: it may be gigabytes."""
    import gc
    import weakref

    opt = fastlr.Adam(np.ones(3))
    state = weakref.ref(opt.state[""]["m"].base)
    gc.disable()
    try:
        del opt
        assert state() is None
    finally:
        gc.enable()
