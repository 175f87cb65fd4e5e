"""What a step says of itself, against the same computed by hand."""

import math
from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr.engine import native

BACKENDS = ["cython", "numpy"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_norms(backend: Any) -> None:
    rng = np.random.default_rng(0)
    params = {"a": rng.standard_normal(10_000), "b": rng.standard_normal((3, 3)), "empty": np.zeros(0)}
    opt = fastlr.Adam(params, lr=0.01, max_norm=2.0, clip_value=0.01, grad_scale=4.0, report="full", backend=backend)
    before = {name: w.copy() for name, w in params.items()}
    grads = {name: rng.standard_normal(w.shape) for name, w in params.items()}
    opt.step(grads)
    report = opt.report
    assert report is not None
    assert report.applied
    assert report.reason == ""
    assert report.step == 1
    flat = np.concatenate([g.ravel() for g in grads.values()]) / 4
    norm = float(np.linalg.norm(flat))
    assert report.grad_norm == pytest.approx(norm, rel=1e-13)
    assert report.clip_factor == pytest.approx(2.0 / norm, rel=1e-13)
    assert report.clipped_norm == pytest.approx(np.linalg.norm(np.clip(flat * 2.0 / norm, -0.01, 0.01)), rel=1e-13)
    assert report.largest_gradient == np.abs(flat).max()
    assert (report.nonfinite, report.lr, report.grad_scale, report.skipped) == (0, (0.01,), 4.0, 0)
    for name, w in params.items():
        moved, size = np.linalg.norm(w - before[name]), np.linalg.norm(w)
        assert report.update_norm is not None
        assert report.update_norm[name] == pytest.approx(moved, rel=1e-13)
        assert report.weight_norm is not None
        assert report.weight_norm[name] == pytest.approx(size, rel=1e-13)
        assert report.ratio is not None
        assert report.ratio[name] == (pytest.approx(moved / size) if size else 0.0)
    assert report.largest_weight == max(np.abs(w).max(initial=0) for w in params.values())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("every", [1, 3])
def test_alpha_of_a_quadratic_bowl(backend: Any, every: int) -> None:
    """Plain gradient descent: alpha = lr * curvature - 1, whatever the weights."""
    for lr in (0.1, 0.4, 0.9):
        w = np.array([3.0])
        opt = fastlr.SGD(w, lr=lr, alpha_every=every, backend=backend)
        found = []
        for _ in range(7):
            opt.step(2.0 * w)
            assert opt.report is not None
            found.append(opt.report.alpha)
        expected = [k % every == 0 if every > 1 else True for k in range(6)]
        assert [alpha is not None for alpha in found] == [False, *expected]
        assert all(alpha == pytest.approx(2 * lr - 1, abs=1e-12) for alpha in found if alpha is not None)


def test_alpha_is_none_after_a_step_uphill_and_free_of_the_scale() -> None:
    scales = [1.0, 64.0, 1.0]
    w = np.array([1.0])
    opt = fastlr.SGD(w, lr=0.25, alpha_every=1, grad_scale=lambda step: scales[step])
    opt.step(2.0 * w)
    opt.step(2.0 * w * 64.0)
    assert opt.report is not None
    assert opt.report.alpha == pytest.approx(-0.5)
    up = fastlr.SGD(w, lr=0.25, alpha_every=1, maximize=True)
    up.step(2.0 * w)
    up.step(2.0 * w)
    assert up.report is not None
    assert up.report.alpha is None
    assert up.report.along_before is not None


def test_every_so_many_steps() -> None:
    w = np.ones(3)
    opt = fastlr.SGD(w, report="full", report_every=3)
    seen = []
    for _ in range(7):
        opt.step(np.ones(3))
        assert opt.report is not None
        seen.append(opt.report.grad_norm is not None and opt.report.update_norm is not None)
    assert seen == [True, False, False, True, False, False, True]


def test_off_says_whether_and_at_which_rates() -> None:
    opt = fastlr.SGD([{"params": np.zeros(1)}, {"params": np.zeros(1), "lr": lambda step: 0.5 / (1 + step)}], lr=0.25)
    assert opt.report is None
    for _ in range(2):
        opt.step([np.ones(1), np.ones(1)])
    assert opt.report == fastlr.Report(2, True, "", (0.25, 0.25), 0, 1.0)
    assert opt.report.ratio is None
    assert opt.report.alpha is None


def test_ratios_of_nothing() -> None:
    report = fastlr.Report(1, True, "", (), 0, 1.0, update_norm={"a": 1.0, "b": 0.0}, weight_norm={"a": 0.0, "b": 0.0})
    assert report.ratio == {"a": math.inf, "b": 0.0}


@pytest.mark.parametrize("backend", BACKENDS)
def test_steps_of_groups_that_were_frozen_are_zero(backend: Any) -> None:
    """Also where an earlier one was kept."""
    a, b = np.array([4.0]), np.array([100.0])
    groups: Any = [{"params": a}, {"params": b}]
    opt = fastlr.SGD(groups, lr=0.25, alpha_every=1, report="full", backend=backend)
    found = []
    for frozen in (True, False, True, False, False):
        (opt.groups[1].freeze if frozen else opt.groups[1].unfreeze)()
        opt.step([np.ones(1), np.ones(1)])
        assert opt.report is not None
        assert opt.report.weight_norm == ({"0": a[0]} if frozen else {"0": a[0], "1": b[0]})
        assert opt.report.update_norm == dict.fromkeys(opt.report.weight_norm, 0.25)
        assert opt.report.largest_weight == (a[0] if frozen else b[0])
        found.append(opt.report.along_last)
    assert found == [None, -0.25, -0.25, -0.25, -0.5]


def test_an_error_leaves_the_report_of_the_step_before() -> None:
    opt = fastlr.SGD(np.zeros(1), lr=1.0, max_norm=lambda step: 1.0 - step, report="full")
    opt.step(np.array([2.0]))
    before = opt.report
    assert before is not None
    assert (before.grad_norm, before.clip_factor) == (2.0, 0.5)
    for g in (np.array([3.0]), np.ones(2)):
        with pytest.raises(ValueError, match=r"max_norm\(1\)|shape"):
            opt.step(g)
        assert opt.report == before


@pytest.mark.parametrize("norm", ["global", "parameter"])
def test_infinite_gradients_are_reported_without_a_warning(norm: Any) -> None:
    opt = fastlr.SGD(np.zeros(2), max_norm=1.0, norm=norm)
    opt.step(np.array([np.inf, 1.0]))
    assert opt.report is not None
    assert (opt.report.grad_norm, opt.report.clip_factor, opt.report.nonfinite) == (math.inf, 0.0, 1)
    assert math.isnan(opt.report.clipped_norm or 0.0)


@pytest.mark.parametrize("options", [{}, {"max_norm": 1.0}])
def test_there_is_none_of_steps_that_others_made(options: Any) -> None:
    """Whose learning rates are not known here."""

    def made() -> fastlr.Optimizer:
        return fastlr.SGD([{"params": np.zeros(1)}], lr=0.5, **options)

    opt, other = made(), made()
    opt.step([np.ones(1)])
    other.load_state_dict(opt.state_dict())
    assert other.report is None
    opt.add_group({"params": np.zeros(1)})
    assert opt.report is None
    for o, g in ((opt, [np.ones(1), np.ones(1)]), (other, [np.ones(1)])):
        o.step(g)
        assert o.report is not None
        assert (o.report.step, o.report.lr) == (2, (0.5,) * len(g))


@pytest.mark.skipif(not native.FLUSH, reason="nothing flushes here")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", [{"report": "basic"}, {"max_norm": 1.0}])
def test_what_is_flushed_is_zero_in_all_figures(options: Any, dtype: str) -> None:
    for backend in BACKENDS:
        opt = fastlr.SGD(np.zeros(40, dtype), denormals="flush", backend=backend, **options)
        opt.step(np.full(40, np.finfo(dtype).smallest_normal / 2, dtype))
        assert opt.report is not None
        assert (opt.report.grad_norm, opt.report.largest_gradient) == (0.0, 0.0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_along_the_step_of_what_was_frozen_then(backend: Any) -> None:
    """It made none, however long its last one was."""
    a, b = np.zeros(1), np.zeros(1)
    opt = fastlr.SGD([{"params": a}, {"params": b}], lr=1.0, alpha_every=1, backend=backend)
    found = []
    for step in range(3):
        if step != 1:
            opt.groups[1].unfreeze()
        else:
            opt.groups[1].freeze()
        opt.step([np.ones(1), np.full(1, 10.0)])
        assert opt.report is not None
        found.append(opt.report.along_last)
    assert found == [None, -1.0, -1.0]
