"""Each tool's rule, on curves whose answer is known from what the tool does."""

import numpy as np
import pytest

from fastlr.lab.finding import OTHERS, suggested

RATES = np.geomspace(1e-6, 1, 121)
X = np.log10(RATES)
VALLEY = np.where(X < -2, -X, 2 + 20 * (X + 2))
"""Falls by one a decade down to 0.01, then rises."""


@pytest.mark.parametrize(
    ("tool", "losses", "expected"),
    [
        # the falling stretch begins after the first tenth and ends at 0.01; half of it
        ("fastai valley", VALLEY + 2, 10 ** ((X[12] - 2) / 2)),
        ("fastai minimum/10", VALLEY + 2, 1e-3),
        ("fastai steep", 3 - np.tanh(5 * (X + 3.02)), 10**-3.05),
        ("pytorch-lr-finder", 3 - np.tanh(5 * (X + 3.02)), 10**-3.0),
        # the same slope by the logarithm is steepest by the rate where rates are smallest
        ("lightning", 10 - X, RATES[10]),
        ("keras_lr_finder", 3 - np.tanh(5 * (X + 3.5)), 10**-3.0),
    ],
)
def test_reads_what_the_tool_reads(tool, losses, expected):
    assert suggested(tool, RATES, losses) == pytest.approx(expected, rel=0.13)


def test_slide_stops_where_the_slope_changes_little():
    # from the end on, the interval slides down while the slopes at its ends differ by more than 0.005
    losses = np.where(X < -3, 2.0, 2 + (X + 3) ** 2)
    assert 1e-6 <= suggested("fastai slide", RATES, losses) < 1e-2


@pytest.mark.parametrize("tool", OTHERS)
def test_every_rule_gives_a_rate_of_any_curve(tool):
    rng = np.random.default_rng(0)
    for losses in (rng.normal(size=121), np.ones(121), np.exp(X), -X, np.abs(rng.normal(size=121)) * 100 ** (X + 3)):
        assert RATES[0] / 10 <= suggested(tool, RATES, losses) <= RATES[-1]


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="did you mean 'fastai steep'"):
        suggested("fastai step", RATES, VALLEY)
    with pytest.raises(ValueError, match="at least 40 points, got 5"):
        suggested("lightning", RATES[:5], VALLEY[:5])
