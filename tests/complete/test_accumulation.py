"""Steps over several micro-batches."""

from typing import Any

import numpy as np
import pytest

import fastlr


def ones(value: float = 1.0) -> np.ndarray:
    return np.full(3, value)


def test_a_mean_and_a_sum() -> None:
    for reduction, expected in (("mean", -2.0), ("sum", -6.0)):
        w = np.zeros(3)
        opt = fastlr.SGD(w, lr=1.0, accumulate=3, reduction=reduction)  # type: ignore[arg-type]
        assert [opt.step(ones(g)) for g in (1.0, 2.0, 3.0)] == [False, False, True]
        assert (w == expected).all()
        assert opt.steps == 1


def test_the_report_says_what_is_awaited() -> None:
    opt = fastlr.SGD(np.zeros(3), accumulate=2)
    opt.step(ones())
    assert opt.report is not None
    assert not opt.report.applied
    assert opt.report.reason == "accumulating: 1 of 2 micro-batches"
    opt.step(ones())
    assert opt.report.applied
    assert opt.report.reason == ""


def test_packed_gradients_are_added() -> None:
    packed = fastlr.pack([np.zeros(2), np.zeros(1)])
    opt = fastlr.SGD(packed, lr=1.0, accumulate=2, zero_grads=True)
    for value in (1.0, 3.0):
        packed.flat_grads[:] += value
        opt.step()
    assert (packed.flat == -2).all()
    assert not packed.flat_grads.any()


def test_flushing_takes_what_there_is() -> None:
    w = np.zeros(3)
    opt = fastlr.SGD(w, lr=1.0, accumulate=4)
    assert opt.flush() is False
    opt.step(ones(1.0))
    opt.step(ones(3.0))
    assert opt.flush() is True
    assert (w == -2).all()
    assert opt.flush() is False
    assert [opt.step(ones(1.0)) for _ in range(4)] == [False, False, False, True]
    assert fastlr.SGD(np.zeros(3)).flush() is False


def test_a_window_with_a_fault_is_left_out_as_a_whole() -> None:
    w = np.zeros(3)
    opt = fastlr.SGD(w, lr=1.0, accumulate=2, on_nonfinite="skip")
    assert [opt.step(ones(np.nan)), opt.step(ones()), opt.step(ones()), opt.step(ones())] == [False, False, False, True]
    assert (w == -1).all()
    assert opt.steps == 1
    strict = fastlr.SGD(w, lr=1.0, accumulate=2, on_nonfinite="raise")
    strict.step(ones(np.inf))
    with pytest.raises(fastlr.NonFiniteError):
        strict.step(ones())
    assert [strict.step(ones()), strict.step(ones())] == [False, True]
    assert (w == -2).all()


def test_groups_that_freeze_and_come() -> None:
    a, b, c = np.zeros(3), np.zeros(3), np.zeros(3)
    opt = fastlr.SGD([{"params": a}, {"params": b}], lr=1.0, accumulate=2)
    opt.step([ones(), ones()])
    opt.groups[1].freeze()
    assert opt.step([ones(), None])
    opt.groups[1].unfreeze()
    opt.add_group({"params": c})
    opt.step([ones(), ones(), ones()])
    assert opt.step([ones(), ones(), ones()])
    assert (a == -2).all()
    assert (b == -1).all()
    assert (c == -1).all()


@pytest.mark.parametrize(
    ("value", "error"), [(0, ValueError), (1.5, ValueError), (True, ValueError), ("2", ValueError)]
)
def test_counts_that_are_none(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"SGD\(accumulate=.*\): accumulate must be a whole number, at least 1, got"):
        fastlr.SGD(np.zeros(1), accumulate=value)
    w = np.zeros(1)
    opt = fastlr.SGD(w, accumulate=lambda step: value)
    with pytest.raises(ValueError, match=r"accumulate\(0\) must be a whole number"):
        opt.step(np.ones(1))
    assert opt.steps == 0
    assert w[0] == 0


@pytest.mark.parametrize("option", ["lr", "grad_scale", "max_norm", "clip_value", "average", "accumulate"])
def test_what_functions_raise_they_raise_before_anything_is_added(option: str) -> None:
    """So that the same step may be tried again: each is, here."""
    broken = False

    def number(step: int) -> Any:
        if broken:
            raise KeyError
        return 3 if option == "accumulate" else 0.5

    def make(value: Any) -> tuple[np.ndarray, fastlr.Optimizer]:
        w = np.zeros(3)
        options: Any = {"lr": 1.0, "accumulate": 3, "zero_grads": True, "report": "full"}
        options |= {option: fastlr.EMA(value) if option == "average" else value}
        return w, fastlr.SGD(w, **options)

    (w, opt), (v, other) = make(number), make(number(0))
    failures = []
    for k in range(9):
        g, same = ones(1.0 + k), ones(1.0 + k)
        broken, before = True, (str(opt.state_dict()), opt.report)
        try:
            added = opt.step(g)
        except KeyError:
            failures.append(k % 3)
            assert (str(opt.state_dict()), opt.report) == before
            assert (g == same).all()
            broken = False
            added = opt.step(g)
        assert added == other.step(same) == (k % 3 == 2)
    assert failures == {"accumulate": [0] * 3, "grad_scale": [0, 1, 2] * 3}.get(
        option, [2, 2, 2][option == "average" :]
    )
    assert (w == v).all()
    assert opt.steps == other.steps == 3


class Scaler:
    """Of a user, whose update fails."""

    broken = False

    def __call__(self, step: int) -> float:
        return 1.0

    def update(self, finite: bool) -> None:
        if self.broken:
            raise KeyError(finite)


@pytest.mark.parametrize("fault", [1.0, np.nan])
def test_a_step_whose_scaler_fails_is_done_with(fault: float) -> None:
    scaler, w = Scaler(), np.zeros(3)
    opt = fastlr.SGD(w, lr=1.0, accumulate=2, grad_scale=scaler, on_nonfinite="skip")
    opt.step(ones(fault))
    scaler.broken = True
    with pytest.raises(KeyError):
        opt.step(ones())
    scaler.broken = False
    made = int(fault == 1.0)
    assert (opt.steps, list(w)) == (made, [-made] * 3)
    assert opt.report is not None
    assert (opt.report.applied, opt.report.skipped) == (bool(made), 1 - made)
    assert [opt.step(ones()), opt.step(ones())] == [False, True]
    assert (w == -made - 1).all()


def test_gradients_that_are_the_weights_are_refused_as_in_any_step() -> None:
    """Zeroing them would zero the weights."""
    w = np.ones(3)
    opt = fastlr.Adam(w, accumulate=2, zero_grads=True, average=fastlr.EMA())
    arrays = [w, opt.state[""]["m"], opt._complete.averages.arrays[""]]  # type: ignore[union-attr]
    for array in arrays:
        with pytest.raises(ValueError, match="the gradient must not share memory with parameters, optimizer state"):
            opt.step(array)
    assert (w == 1).all()
