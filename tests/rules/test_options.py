"""Options that cannot be used are refused when the optimizer is made."""

import re
from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr.rules import RULES

BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"max_norm": 0.0}, ValueError, "(max_norm=0.0): max_norm must be in (0, inf), got 0.0"),
    ({"max_norm": -1}, ValueError, "(max_norm=-1): max_norm must be in (0, inf), got -1.0"),
    ({"max_norm": "1"}, TypeError, "(max_norm='1'): max_norm must be a number, got '1' of type str"),
    ({"clip_value": 0}, ValueError, "(clip_value=0): clip_value must be in (0, inf), got 0.0"),
    ({"clip_value": float("nan")}, ValueError, "clip_value must be in (0, inf), got nan"),
    ({"grad_scale": 0.0}, ValueError, "(grad_scale=0.0): grad_scale must be in (0, inf), got 0.0"),
    ({"grad_scale": None}, TypeError, "(grad_scale=None): grad_scale must be a number"),
    ({"norm": "each"}, ValueError, "(norm='each'): norm must be one of 'global', 'group', 'parameter'"),
    ({"norm": "group"}, ValueError, "(norm='group'): max_norm must be given, or nothing is clipped"),
    ({"on_nonfinite": "ignore"}, ValueError, "on_nonfinite must be one of 'propagate', 'skip', 'raise'"),
    ({"max_skips": 3}, ValueError, "(max_skips=3): on_nonfinite must be 'skip', or nothing is skipped"),
    ({"max_skips": -1, "on_nonfinite": "skip"}, ValueError, "max_skips must be a whole number, at least 0, got -1"),
    ({"grad_scale": fastlr.LossScaler()}, ValueError, "on_nonfinite must be 'skip', for the scale to be found by it"),
    ({"accumulate": 0}, ValueError, "accumulate must be a whole number, at least 1, got 0"),
    ({"reduction": "max"}, ValueError, "reduction must be one of 'mean', 'sum'"),
    ({"average": 0.999}, TypeError, "(average=0.999): average must be a fastlr.EMA or fastlr.UniformAverage"),
    ({"average": fastlr.EMA}, TypeError, "average must not be a class, but made of it: EMA()"),
    ({"grad_scale": fastlr.LossScaler, "on_nonfinite": "skip"}, TypeError, "but made of it: LossScaler()"),
    ({"zero_grads": 1}, TypeError, "(zero_grads=1): zero_grads must be True or False"),
    ({"report": True}, ValueError, "(report=True): report must be one of 'off', 'basic', 'full'"),
    ({"report_every": 0}, ValueError, "report_every must be a whole number, at least 1, got 0"),
    ({"alpha_every": 0.5}, ValueError, "alpha_every must be a whole number, at least 1, got 0.5"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD, ids=[str(case[0]) for case in BAD])
def test_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    for rule in RULES:
        with pytest.raises(error, match=f"^{rule.__name__}.*{re.escape(message)}"):
            getattr(fastlr, rule.__name__)(np.zeros(2), **options)


@pytest.mark.parametrize(
    ("average", "message"),
    [
        (lambda: fastlr.EMA(decay=1.0), "decay must be in [0, 1), got 1.0"),
        (lambda: fastlr.EMA(decay=-0.1), "decay must be in [0, 1), got -0.1"),
        (lambda: fastlr.EMA(start=-1), "start must be a whole number, at least 0, got -1"),
        (lambda: fastlr.EMA(every=0), "every must be a whole number, at least 1, got 0"),
        (lambda: fastlr.UniformAverage(start=0.5), "start must be a whole number, at least 0, got 0.5"),
    ],
)
def test_averages_refused(average: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        average()


def test_a_scheduled_decay_is_checked_before_the_step() -> None:
    w = np.zeros(1)
    opt = fastlr.SGD(w, average=fastlr.EMA(decay=lambda step: 1.5))
    assert opt.step(np.ones(1))  # the first is copied
    before = w.copy()
    with pytest.raises(ValueError, match=r"decay\(1\) must be in \[0, 1\), got 1.5"):
        opt.step(np.ones(1))
    assert w == before
    assert opt.steps == 1


def test_options_are_of_the_whole_optimizer() -> None:
    with pytest.raises(ValueError, match="'max_norm' must be one of lr, momentum"):
        fastlr.SGD([{"params": np.zeros(1), "max_norm": 1.0}])


def test_plain_is_what_has_no_option() -> None:
    assert fastlr.rules.SGD(0.1, momentum=0.9, backend="numpy").plain
    assert not any(fastlr.rules.SGD(**case).plain for case in ({"max_norm": 1.0}, {"report": "basic"}))
