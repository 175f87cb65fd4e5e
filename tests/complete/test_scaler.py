"""The scale of a loss that is found by overflows."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastlr
from tests.helpers import outcome


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5))
def test_as_torch_does(finite: list[bool], interval: int) -> None:
    """GradScaler's rule, written out: back off after an overflow, grow after so many steps without."""
    scaler = fastlr.LossScaler(1024.0, growth_interval=interval)
    scale, since = 1024.0, 0
    for fine in finite:
        scaler.update(fine)
        if not fine:
            scale, since = scale / 2, 0
        elif (since := since + 1) == interval:
            scale, since = scale * 2, 0
        expected = min(max(scale, scaler.low), scaler.high)
        assert scaler(0) == scaler.scale == expected
        scale = expected


def test_finds_the_scale_that_a_narrow_format_bears() -> None:
    """Gradients of 1e-6 through float16, which has nothing below 6e-8 and overflows at 65504."""
    scaler = fastlr.LossScaler(2.0**60, growth_interval=10)
    w = np.zeros(4, dtype="float32")
    opt = fastlr.SGD(w, lr=1.0, grad_scale=scaler, on_nonfinite="skip")
    applied = 0
    for _ in range(200):
        with np.errstate(over="ignore"):
            g = (np.float64(1e-6) * scaler.scale * np.ones(4)).astype(np.float16)
        applied += opt.step(g.astype("float32"))
    assert 2.0**34 <= scaler.scale <= 2.0**36
    assert applied == opt.steps >= 150
    assert w[0] == pytest.approx(-1e-6 * applied, rel=1e-3)


def test_its_state_goes_on() -> None:
    scaler, other = fastlr.LossScaler(8.0, growth_interval=3), fastlr.LossScaler()
    for fine in (True, True):
        scaler.update(fine)
    other.load_state_dict(scaler.state_dict())
    assert other == scaler
    scaler.update(True)
    other.update(True)
    assert other.scale == scaler.scale == 16.0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 0.0}, "scale must be in (0, inf), got 0.0"),
        ({"scale": "1"}, "scale must be a number, got '1'"),
        ({"growth_factor": 1.0}, "growth_factor must be above 1 and backoff_factor below"),
        ({"backoff_factor": 1.5}, "growth_factor must be above 1 and backoff_factor below"),
        ({"growth_interval": 0}, "growth_interval must be a whole number, at least 1, got 0"),
        ({"scale": 2.0**101}, "scale must be in [5.96046e-08, 1.26765e+30]"),
    ],
)
def test_bad_settings(settings: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        fastlr.LossScaler(**settings)


@pytest.mark.parametrize("state", [{}, {"scale": 1.0}, None, {**fastlr.LossScaler().state_dict(), "scale": -1.0}])
def test_bad_states_change_nothing(state: Any) -> None:
    scaler = fastlr.LossScaler()
    with pytest.raises(ValueError, match=r"LossScaler"):
        scaler.load_state_dict(state)
    assert scaler == fastlr.LossScaler()
    w = np.ones(2)
    opt = fastlr.SGD(w, grad_scale=scaler, on_nonfinite="skip")
    opt.step(np.ones(2))
    saved = opt.state_dict()
    saved["around"]["grad_scale"] = state
    before, kept = outcome(opt), scaler.state_dict()
    with pytest.raises(ValueError, match="LossScaler"):
        opt.load_state_dict(saved)
    assert outcome(opt) == before
    assert scaler.state_dict() == kept


def test_more_steps_than_the_interval_are_enough() -> None:
    """As after the interval was made shorter."""
    scaler = fastlr.LossScaler(8.0, growth_interval=2, since=5)
    scaler.update(True)
    assert (scaler.scale, scaler.since) == (16.0, 0)
