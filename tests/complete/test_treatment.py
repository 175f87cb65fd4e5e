"""Gradients that are measured, judged, scaled and clipped before a step."""

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastlr
from tests.helpers import outcome
from tests.table import KERNELS, same_bits

FAULTS = [np.nan, np.inf, -np.inf]
BACKENDS = ["cython", "numpy"]


def made(kernel: str, params: Any, **options: Any) -> fastlr.Optimizer:
    rule, chosen = KERNELS[kernel]
    return rule(params, **{**chosen, **options})


@pytest.mark.parametrize("policy", ["skip", "raise"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_fault_anywhere_changes_nothing(kernel: str, fault: float, policy: Any) -> None:
    """At every position of small arrays, of one and of several lanes of the measure."""
    for backend in BACKENDS:
        params = {"a": np.ones(3, "float32"), "b": np.ones((2, 20), "float32")}
        average, scale = fastlr.EMA(decay=0.5), lambda step: 2.0
        opt = made(kernel, params, on_nonfinite=policy, average=average, grad_scale=scale, backend=backend)
        good = {name: np.full_like(w, 0.25) for name, w in params.items()}
        opt.step(good)
        before, saved = outcome(opt), opt.state_dict()["around"]["average"]
        for name, w in params.items():
            for i in range(w.size):
                bad = {key: g.copy() for key, g in good.items()}
                bad[name].flat[i] = fault
                place = re.escape(f"the gradient of '{name}'[{', '.join(map(str, np.unravel_index(i, w.shape)))}]")
                if policy == "raise":
                    with pytest.raises(fastlr.NonFiniteError, match=rf"{place} is {fault}; nothing was changed"):
                        opt.step(bad)
                else:
                    assert opt.step(bad) is False
                report = opt.report
                assert report is not None
                assert not report.applied
                assert re.search(place, report.reason)
                assert report.nonfinite == 1
                assert outcome(opt) == before
                after = opt.state_dict()["around"]["average"]
                assert after["count"] == saved["count"] == 1
                assert all(same_bits(after["arrays"][key], saved["arrays"][key]) for key in params)
        assert opt.step(good) is True
        assert opt.steps == 2


@given(st.integers(0, 299_999), st.sampled_from(FAULTS), st.sampled_from(["float32", "float64"]))
def test_a_fault_anywhere_in_large_gradients(position: int, fault: float, dtype: str) -> None:
    w, g = np.ones(300_000, dtype), np.ones(300_000, dtype)
    opt = fastlr.AdamW(w, on_nonfinite="skip")
    g[position] = fault
    assert opt.step(g) is False
    assert (w == 1).all()
    assert opt.steps == 0
    assert opt.report is not None
    assert opt.report.reason == f"the gradient of 'the array'[{position}] is {fault}"


def test_skips_do_not_advance_schedules_and_are_limited() -> None:
    asked: list[int] = []

    def lr(step: int) -> float:
        asked.append(step)
        return 1.0

    w, bad = np.zeros(1), np.array([np.nan])
    opt = fastlr.SGD(w, lr=lr, on_nonfinite="skip", max_skips=2)
    assert [opt.step(np.ones(1)), opt.step(bad), opt.step(bad), opt.step(np.ones(1))] == [True, False, False, True]
    assert asked == [0, 1, 1, 1]
    assert opt.steps == 2
    assert w[0] == -2
    assert [opt.step(bad), opt.step(bad)] == [False, False]
    with pytest.raises(
        fastlr.NonFiniteError, match=r"SGD\(max_skips=2\): 3 steps in a row were skipped, .*'the array'"
    ):
        opt.step(bad)
    assert opt.steps == 2
    assert w[0] == -2


def test_propagates_when_told_nothing() -> None:
    w = np.zeros(2)
    opt = fastlr.SGD(w, lr=1.0, report="basic")
    assert opt.step(np.array([np.nan, 1.0])) is True
    assert np.isnan(w[0])
    assert w[1] == -1
    assert opt.report is not None
    assert opt.report.nonfinite == 1
    assert math.isnan(opt.report.grad_norm or 0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e-20, 1.0, 1e20, 1e160, 1e300])
@pytest.mark.parametrize("norm", ["global", "group", "parameter"])
def test_norms_of_very_small_and_very_large_numbers(size: float, norm: Any, backend: Any) -> None:
    """Whose squares vanish or overflow."""
    a, b = np.zeros(2), np.zeros(2)
    opt = fastlr.SGD([a, b], lr=1.0, max_norm=size, norm=norm, backend=backend)
    opt.step([np.array([3.0, 0.0]) * size, np.array([0.0, 4.0]) * size])
    factor = (1 / 3, 1 / 4) if norm == "parameter" else (0.2, 0.2)
    assert -a[0] == pytest.approx(3 * size * factor[0], rel=1e-14)
    assert -b[1] == pytest.approx(4 * size * factor[1], rel=1e-14)
    assert opt.report is not None
    assert opt.report.grad_norm == pytest.approx(5 * size, rel=1e-14)
    clipped = math.sqrt(2) if norm == "parameter" else 1.0
    assert opt.report.clipped_norm == pytest.approx(clipped * size, rel=1e-14)


def test_frozen_groups_are_not_measured() -> None:
    a, b = np.zeros(1), np.zeros(1)
    opt = fastlr.SGD([{"params": a}, {"params": b}], lr=1.0, max_norm=1.0, on_nonfinite="skip", report="full")
    opt.groups[1].freeze()
    assert opt.step([np.array([2.0]), np.array([np.nan])]) is True
    assert a[0] == -1
    assert b[0] == 0
    assert opt.report is not None
    assert opt.report.grad_norm == 2.0
    assert opt.report.update_norm == opt.report.weight_norm == {"0": 1.0}
    assert opt.step([np.array([0.5]), None]) is True
    assert a[0] == -1.5


def test_a_rule_of_ones_own_is_scaled_and_clipped_without_a_coefficient_for_it() -> None:
    class Sign(fastlr.rules.Rule):
        """Steps by the gradient plus a coefficient that is called scale, and is no scale of the gradient."""

        kernels = (fastlr.rules.Kernel(shifted),)
        coefficients = fastlr.rules.Coefficients(shifted_step)

    for backend in ("numba", "numpy"):
        w = np.zeros(2)
        opt = fastlr.from_rule(Sign)(w, lr=1.0, max_norm=1.0, backend=backend)
        opt.step(np.array([3.0, 4.0]))
        assert np.allclose(w, [-2.6, -2.8])


def shifted(w, g, lr, scale):
    w = w - lr * (g + scale)
    return w


def shifted_step(t, lr):
    scale = 2.0
    return lr, scale


@pytest.mark.parametrize("backend", BACKENDS)
def test_zeroing(backend: Any) -> None:
    w, g = np.zeros(5000), np.ones(5000)
    opt = fastlr.SGD(w, lr=1.0, zero_grads=True, on_nonfinite="skip", backend=backend)
    assert opt.step(g)
    assert (w == -1).all()
    assert not g.any()
    g[:] = np.nan
    assert not opt.step(g)
    assert not g.any()
    g.flags.writeable = False
    with pytest.raises(ValueError, match=r"SGD.step\(grads\): the gradient must be writeable to be zeroed"):
        opt.step(g)
    both = np.ones(6)
    pair = fastlr.SGD([np.zeros(4), np.zeros(4)], zero_grads=True, backend=backend)
    with pytest.raises(ValueError, match=r"the gradient of array '1' must not share memory with .* another gradient"):
        pair.step([both[:4], both[2:]])
    assert (both == 1).all()


def test_scheduled_options_are_checked_before_anything_changes() -> None:
    for option in ("grad_scale", "max_norm", "clip_value"):
        w = np.zeros(1)
        opt = fastlr.SGD(w, **{option: lambda step: 1.0 - step})  # type: ignore[arg-type]
        opt.step(np.ones(1))
        before = outcome(opt)
        with pytest.raises(ValueError, match=rf"SGD\({option}=.*: {option}\(1\) must be in \(0, inf\), got 0.0"):
            opt.step(np.ones(1))
        assert outcome(opt) == before


def test_a_fault_behind_a_mask_is_named() -> None:
    opt = fastlr.SGD(np.zeros((2, 2)), on_nonfinite="skip")
    bad = np.ma.array([[1.0, 2.0], [np.nan, np.nan]], mask=[[False, False], [True, True]])
    assert opt.step(bad) is False
    assert opt.report is not None
    assert opt.report.reason == "the gradient of 'the array'[1, 0] is nan"


@pytest.mark.parametrize("backend", BACKENDS)
def test_numpy_is_not_asked_to_raise_for_what_is_meant(backend: Any) -> None:
    w = np.zeros(2)
    opt = fastlr.SGD(w, lr=1.0, max_norm=1.0, backend=backend)
    with np.errstate(all="raise"):
        opt.step(np.array([1e200, 1e-200]))
    assert w[0] == -1


@pytest.mark.parametrize("norm", ["global", "parameter"])
@pytest.mark.parametrize("grad_scale", [1.0, 4.0])
def test_the_largest_numbers_there_are(norm: Any, grad_scale: float) -> None:
    """Whose norm may be infinite before it is divided by the scale; then nothing is left of them."""
    g = [np.full(3, 1.7e308), np.full(2, 1e300)]
    w = [np.zeros(3), np.zeros(2)]
    opt = fastlr.SGD(w, lr=1.0, max_norm=1.0, norm=norm, grad_scale=grad_scale)
    opt.step(g)
    kept: list[np.ndarray] = []
    groups = [[0], [1]] if norm == "parameter" else None
    fastlr.reference.complete.step(g, kept.extend, grad_scale=grad_scale, max_norm=1.0, groups=groups)
    assert all((a == -b).all() for a, b in zip(w, kept, strict=True))
    assert w[0].any() == (grad_scale > 1)
