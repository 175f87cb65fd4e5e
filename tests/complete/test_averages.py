"""Averages of the weights."""

from typing import Any

import numpy as np
import pytest

import fastlr
from tests.table import same_bits


def averaged(opt: fastlr.Optimizer, w: np.ndarray) -> np.ndarray:
    with opt.averaged():
        return w.copy()


@pytest.mark.parametrize(
    ("average", "expected"),
    [
        (fastlr.EMA(decay=0.5, warmup=False), 0.25 * 1 + 0.25 * 2 + 0.5 * 3),
        (fastlr.EMA(decay=0.9, warmup=True), ((2 / 11 * 1 + 9 / 11 * 2) * 3 / 12) + 9 / 12 * 3),
        (fastlr.EMA(decay=0.5, warmup=False, start=1), 2.5),
        (fastlr.EMA(decay=0.0, warmup=False), 3.0),
        (fastlr.EMA(decay=lambda step: step / 4, warmup=False), (1 * 0.25 + 2 * 0.75) * 0.5 + 3 * 0.5),
        (fastlr.UniformAverage(), 2.0),
        (fastlr.UniformAverage(start=1), 2.5),
        (fastlr.UniformAverage(every=2), 2.0),
        (fastlr.UniformAverage(start=7), 3.0),
    ],
    ids=repr,
)
def test_by_definition(average: Any, expected: float) -> None:
    w = np.zeros(1)
    opt = fastlr.SGD(w, lr=1.0, average=average)
    for _ in range(3):  # weights 1, 2, 3
        opt.step(np.array([-1.0]))
    assert averaged(opt, w)[0] == pytest.approx(expected, rel=1e-14)
    assert w[0] == 3


@pytest.mark.parametrize("backend", ["cython", "numpy"])
def test_what_rests_when_averaging_begins_is_its_own_average(backend: Any) -> None:
    """And not what it was long before."""
    a, b = np.zeros(2), np.zeros(2)
    average = fastlr.EMA(decay=0.5, start=2)
    opt = fastlr.SGD([{"params": a}, {"params": b}], lr=1.0, average=average, backend=backend)
    for step in range(4):  # b is 1, 2, 2, 2
        if step == 2:
            opt.groups[1].freeze()
        opt.step([-np.ones(2), -np.ones(2)])
    with opt.averaged():
        assert b.tolist() == [2.0, 2.0]
    assert b.tolist() == [2.0, 2.0]


def test_a_constant_stays_exactly_where_it_is() -> None:
    """Shares that are rounded to float32 do not add up to 1, and would let an average drift."""
    w = np.full(100, 0.1, dtype="float32")
    opt = fastlr.SGD(w, lr=0.0, average=fastlr.EMA(decay=0.9999))
    for _ in range(2000):
        opt.step(np.ones(100, dtype="float32"))
    assert same_bits(averaged(opt, w), w)


def test_swapping_is_undone_whatever_happens() -> None:
    params = {"a": np.ones(200_000, "float32"), "b": np.ones((3, 3), "float32")}
    opt = fastlr.Adam(params, lr=0.1, average=fastlr.EMA(0.5))
    for k in range(3):
        opt.step({name: np.full_like(w, k - 1.0) for name, w in params.items()})
    before = {name: w.copy() for name, w in params.items()}
    saved = opt.state_dict()["around"]["average"]["arrays"]
    seen = []

    def fail() -> None:
        with opt.averaged():
            seen.append(all(same_bits(params[name], saved[name]) for name in params))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == [True]
    assert all(same_bits(params[name], before[name]) for name in params)
    with opt.averaged():
        for attempt in (
            lambda: opt.step(before),
            opt.state_dict,
            lambda: opt.load_state_dict({}),
            opt.averaged().__enter__,
        ):
            with pytest.raises(RuntimeError, match=r"Adam.*averaged\(\)|averages are in place"):
                attempt()
    assert all(same_bits(params[name], before[name]) for name in params)
    assert opt.step(before)
    assert opt.steps == 4


def test_groups_that_come_later_begin_with_their_weights() -> None:
    a, b = np.zeros(2), np.ones(2)
    opt = fastlr.SGD([{"params": a}], lr=1.0, average=fastlr.UniformAverage())
    opt.step([np.full(2, -2.0)])
    opt.add_group({"params": b})
    opt.step([np.full(2, -2.0), np.full(2, -2.0)])
    with opt.averaged():
        assert (a == 3).all()
        assert (b == 2).all()
    assert (a == 4).all()
    assert (b == 3).all()


def test_without_an_average_there_is_nothing_to_swap() -> None:
    for opt in (fastlr.SGD(np.zeros(1)), fastlr.SGD(np.zeros(1), zero_grads=True)):
        with (
            pytest.raises(ValueError, match=r"SGD.averaged\(\): the optimizer must be made with average="),
            opt.averaged(),
        ):
            pass


@pytest.mark.parametrize("taken", [0, 1])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_nothing_is_done_to_weights_that_are_away(taken: int, accumulate: int) -> None:
    """Also before the first average, so that a mistake does not wait for it."""
    a, b = np.zeros(2), np.ones(2)
    opt = fastlr.SGD([{"params": a}], lr=1.0, average=fastlr.EMA(), accumulate=accumulate)
    for _ in range(taken * accumulate):
        opt.step([np.ones(2)])
    saved = opt.state_dict()
    with opt.averaged():
        for attempt in (
            lambda: opt.step([np.ones(2)]),
            lambda: opt.add_group({"params": b}),
            lambda: opt.load_state_dict(saved),
            opt.state_dict,
            opt.averaged().__enter__,
        ):
            with pytest.raises(RuntimeError, match=r"SGD.*averaged\(\)|averages are in place"):
                attempt()
    assert str(opt.state_dict()) == str(saved)
    assert (a == -taken).all()
    opt.add_group({"params": b})


def test_an_exchange_that_fails_is_undone() -> None:
    params = [np.zeros(2), np.zeros(2)]
    opt = fastlr.SGD(params, lr=1.0, average=fastlr.UniformAverage())
    for _ in range(2):
        opt.step([np.ones(2), np.ones(2)])
    params[1].flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        opt.averaged().__enter__()
    assert all((w == -2).all() for w in params)
    params[1].flags.writeable = True
    with opt.averaged():
        assert all((w == -1.5).all() for w in params)


def test_the_first_average_of_a_frozen_group_is_its_weights() -> None:
    """As they are then, and not as they were when the optimizer was made."""
    for backend in ("cython", "numpy"):
        head, body = np.zeros(2), np.zeros(2)
        groups: Any = [{"params": head}, {"params": body}]
        opt = fastlr.SGD(groups, lr=1.0, average=fastlr.EMA(start=1), backend=backend)  # type: ignore[arg-type]
        opt.groups[1].freeze()
        body[:] = 7.0  # loaded from somewhere
        for _ in range(3):
            opt.step([np.ones(2), None])
        with opt.averaged():
            assert (body == 7).all()
            assert (head != -3).all()


@pytest.mark.parametrize(
    ("share", "error"),
    [(np.nan, ValueError), (1.5, ValueError), (-1, ValueError), (None, TypeError), (True, TypeError)],
)
def test_shares_that_are_none_change_nothing(share: Any, error: type[Exception]) -> None:
    class Mine:
        def share(self, step: int, count: int) -> Any:
            return share if step else np.float32(0.5)

    w = np.zeros(2)
    opt = fastlr.SGD(w, lr=1.0, average=Mine())
    opt.step(np.ones(2))
    saved, report = str(opt.state_dict()), opt.report
    with pytest.raises(error, match=r"SGD\(average=.*\): share\(1, 1\) must be "):
        opt.step(np.ones(2))
    assert (w == -1).all()
    assert str(opt.state_dict()) == saved
    assert opt.report == report
