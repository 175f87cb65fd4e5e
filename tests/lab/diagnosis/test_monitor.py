"""Live: in any loop, with reports, arrays or tensors; and with what no loop should say."""

import copy
import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

import fastlr
from fastlr.lab import Monitor, diagnose
from tests.lab.diagnosis.runs import bowl


@dataclass(frozen=True)
class Report:
    """As `opt.report` has it."""

    step: int
    applied: bool = True
    reason: str = ""
    lr: tuple[float, ...] = (0.1,)
    grad_norm: float | None = 2.0
    nonfinite: int | None = None
    ratio: Mapping[str, float] = field(default_factory=lambda: {"w": 0.25, "b": 0.75})
    along_last: float | None = None
    along_before: float | None = None


def test_a_report_is_read():
    monitor = Monitor()
    for step in range(20):
        looked = {"along_last": 0.5, "along_before": -1.0} if step % 5 == 0 else {}
        monitor.observe(loss=1.0, report=Report(step * 2, **looked))
    trace = monitor.diagnose().trace
    np.testing.assert_array_equal(trace["step"], 2 * np.arange(20))
    assert np.nansum(trace["along_last"]) == 2.0
    assert (trace["lr"] == 0.1).all()
    assert (trace["grad_norm"] == 2.0).all()
    assert set(trace["ratio"][::5]) == {0.5}


def test_norms_of_a_report_count_together():
    """A bias that begins at 0 has an infinite ratio of its own."""

    class Full(Report):
        update_norm = {"w": 3.0, "b": 4.0}  # noqa: RUF012
        weight_norm = {"w": 10.0, "b": 0.0}  # noqa: RUF012

    monitor = Monitor()
    monitor.observe(1.0, report=Full(0, along_last=0.5, along_before=-1.0, ratio={"w": 0.3, "b": math.inf}))
    monitor.observe(1.0, report=Report(1, along_last=0.5, along_before=-1.0, ratio={"w": 0.3, "b": math.inf}))
    np.testing.assert_allclose(monitor.diagnose().trace["ratio"], [0.5, 0.3])


def test_what_is_told_goes_before_what_is_reported():
    monitor = Monitor()
    monitor.observe(1.0, report=Report(7), step=3, lr=0.5, grad_norm=9.0)
    trace = monitor.diagnose().trace
    assert (trace["step"][0], trace["lr"][0], trace["grad_norm"][0]) == (3, 0.5, 9.0)


@pytest.mark.parametrize("report", [object(), None, Report(0, grad_norm=None, lr=None, ratio=None)])
def test_a_report_may_lack_anything(report):
    monitor = Monitor()
    for _ in range(3):
        monitor.observe(1.0, report=report)
    assert set(monitor.diagnose().trace.columns) == {"step", "loss"}


def test_a_step_that_was_applied_with_gradients_that_are_not_finite_is_a_divergence():
    monitor = Monitor()
    monitor.observe(1.0, report=Report(0, applied=False, nonfinite=3))
    assert monitor.diagnose().fault == "unclear"
    monitor.observe(1.0, report=Report(1, nonfinite=3))
    assert monitor.diagnose().fault == "diverging"


def test_alpha_can_be_told():
    monitor = Monitor()
    for k in range(300):
        monitor.observe(1.0 + 0.1 * math.sin(k), lr=0.1, alpha=0.5)
    found = monitor.diagnose()
    assert found.level == "rates" or "alpha 0.5" in str(found)
    assert -np.nansum(found.trace["along_last"]) / np.nansum(found.trace["along_before"]) == pytest.approx(0.5)


def test_arrays_and_reports_see_the_same():
    """The probe measures what a report would tell."""
    lr, curvature = 0.05, np.array([1.0, 1.0])
    found = bowl(lr, curvature=curvature).diagnose().trace
    there = np.isfinite(found["along_last"])
    assert there.sum() == 400 // 25
    np.testing.assert_allclose(-found["along_last"][there] / found["along_before"][there], lr - 1)
    np.testing.assert_allclose(found["ratio"][there], lr)


def test_structures_of_arrays_and_missing_gradients():
    shapes = {"w": np.ones((2, 3)), "b": [np.ones(3), np.ones(2)]}
    slopes = {"w": np.ones((2, 3)), "b": [np.ones(3), None]}
    monitor = Monitor(every=2)
    for _ in range(2):
        monitor.observe(1.0, params=shapes, grads=slopes)
    trace = monitor.diagnose().trace
    assert np.nansum(trace["along_last"]) == 0.0
    assert np.nansum(trace["grad_norm"]) == 3.0


def test_in_a_pytorch_loop():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    opt = torch.optim.SGD(model.parameters(), lr=1e-5)
    x = torch.randn(64, 4)
    y = x @ torch.tensor([[1.0], [2.0], [-1.0], [0.5]])
    monitor = Monitor(features=x, optimizer=opt)
    for _ in range(400):
        opt.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        monitor.observe(loss.detach(), params=model.parameters())
        opt.step()
    found = monitor.diagnose()
    assert (found.fault, found.level) == ("too low", "steps")
    assert found.trace["lr"][0] == pytest.approx(1e-5)
    assert found.lr >= 3e-5


def test_nothing_observed():
    found = Monitor().diagnose()
    assert (found.fault, found.advice) == ("unclear", "observe more of the run, and ask again")
    assert "0 losses" in str(found)


@pytest.mark.parametrize("wrong", ["x", [1, 2], object()])
@pytest.mark.parametrize("name", ["loss", "lr", "grad_norm", "val_loss", "accuracy", "alpha"])
def test_what_is_no_number_is_refused_and_not_noted(name, wrong):
    monitor = Monitor()
    with pytest.raises(TypeError, match=rf"Monitor\.observe\({name}=.*\): {name} must be a number, got type"):
        monitor.observe(**{"loss": 1.0, name: wrong})
    assert len(monitor.diagnose().trace) == 0


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_a_loss_that_is_not_finite_is_a_divergence(loss):
    monitor = Monitor(name="x")
    for value in (3.0, 2.0, loss, 1.0):
        monitor.observe(value, lr=1.0)
    found = monitor.diagnose()
    assert (found.fault, found.trace.broke, found.confidence) == ("diverging", 2, 0.99)
    assert found.lr <= 0.5
    assert str(found).startswith("x: diverging")


def test_an_evaluation_that_is_nan_is_not_a_divergence():
    monitor = Monitor()
    for _ in range(30):
        monitor.observe(1.0, val_loss=math.nan, accuracy=math.nan, lr=0.1)
    assert monitor.diagnose().trace.broke is None


def test_the_rate_is_read_off_the_optimizer():
    opt = fastlr.SGD(np.ones(1), lr=lambda step: 0.5 / (1 + step))
    monitor = Monitor(optimizer=opt)
    for _ in range(16):
        monitor.observe(1.0)
        opt.step(np.zeros(1))
    np.testing.assert_allclose(monitor.diagnose().trace["lr"], [0.5] * 8 + [0.5 / 9] * 8)


def test_copies_observe_on_without_the_optimizer():
    opt = fastlr.SGD(np.ones(1), lr=0.5)
    monitor = Monitor(act=True, optimizer=opt)
    monitor.observe(1.0)
    for other in (copy.deepcopy(monitor), pickle.loads(pickle.dumps(monitor))):
        other.observe(2.0)
        assert len(other.diagnose().trace) == 2
    assert len(monitor.diagnose().trace) == 1


def test_as_text_and_html():
    monitor = Monitor(name="<run>")
    for k in range(300):
        monitor.observe(2.0 - k / 300, lr=1e-4)
    found = diagnose(monitor)
    assert found.fault in repr(found)
    assert "&lt;run&gt;" in monitor._repr_html_()
    assert "<run>" not in found._repr_html_()
    assert repr(monitor) == "Monitor(300 steps observed, 0 actions)"
