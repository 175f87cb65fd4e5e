"""What a U curve says, on curves whose minimum, basin and cliff are known."""

import math

import numpy as np
import pytest

from fastlr.lab import Curve

RATES = np.array([0.001, 0.01, 0.1, 1.0, 10.0])


def curve(losses, rates=RATES, starts=None):
    losses = np.asarray(losses, float)
    if losses.ndim == 1:
        losses = losses[:, None]
    seeds = losses.shape[1]
    starts = np.full(seeds, 2.0) if starts is None else np.asarray(starts, float)
    return Curve("sgd", np.asarray(rates, float), tuple(range(seeds)), starts, losses)


def test_minimum_cliff_and_no_edge():
    u = curve([1.9, 1.0, 0.5, 1.5, math.nan])
    assert (u.best, u.best_loss, u.start, u.cliff, u.edge, u.learns) == (0.1, 0.5, 2.0, 10.0, "", True)
    assert u.basin == (0.1, 0.1)
    assert u.decades == 0
    assert u.advice == "sgd: use 0.1, a factor of 100 below the cliff: from 10 on runs are lost"


def test_lost_runs_count_as_the_loss_of_the_start():
    u = curve([1.0, 0.5, 7.0, math.inf, math.nan])
    np.testing.assert_array_equal(u.medians, [1.0, 0.5, 2.0, 2.0, 2.0])
    np.testing.assert_array_equal(u.lost_rates, [False, False, True, True, True])
    assert u.cliff == 0.1
    # as much as nothing, not more: one diverged seed of three does not decide
    assert curve([[1.0, 1.0, math.nan]], rates=[0.1]).medians == [1.0]


def test_the_cliff_is_where_half_of_the_runs_are_lost():
    nan = math.nan
    u = curve([[1, 1, 1, 1], [0.5] * 4, [1, 1, 1, nan], [1, 1, nan, nan], [nan] * 4])
    assert u.cliff == 1.0
    assert curve([1, 0.5, 1, 1, 1]).cliff is None
    assert "no rate up to 10 is too high" in curve([1, 0.5, 1, 1, 1]).advice


def test_a_cliff_below_the_best_is_none():
    assert curve([3, 3, 0.5, 1, 1]).cliff is None


def test_the_basin_is_what_loses_a_twentieth_of_the_gain():
    # the gain is 1.5, so the margin 0.075
    assert curve([1.0, 0.57, 0.5, 0.57, 2.0]).basin == (0.01, 1.0)
    assert curve([1.0, 0.58, 0.5, 0.58, 2.0]).basin == (0.1, 0.1)
    assert curve([0.5, 0.9, 0.5, 0.9, 0.5]).basin == (0.001, 0.001)  # what is beyond a hill is another one
    assert curve([1.0, 0.57, 0.5, 0.57, 2.0]).decades == pytest.approx(2)


def test_the_basin_is_as_wide_as_the_noise():
    noisy = [[1.0] * 3, [0.8] * 3, [0.2, 0.5, 0.9], [0.8] * 3, [1.0] * 3]
    assert curve(noisy).basin == (0.01, 1.0)
    quiet = [[1.0] * 3, [0.8] * 3, [0.5] * 3, [0.8] * 3, [1.0] * 3]
    assert curve(quiet).basin == (0.1, 0.1)


def test_the_interval_is_where_the_seeds_put_the_best():
    sure = curve([[1.0] * 5, [0.8] * 5, [0.5] * 5, [0.8] * 5, [1.0] * 5])
    assert sure.interval == (0.1, 0.1)
    unsure = curve([[2] * 5, [0.4, 0.4, 0.6, 0.6, 0.6], [0.5] * 5, [0.6] * 5, [2] * 5])
    assert unsure.interval == (0.01, 0.1) == unsure.interval
    assert curve([1.0, 0.8, 0.5, 0.8, 1.0]).interval == (0.1, 0.1)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_sensitivity_is_the_mean_excess_over_the_logarithm(scale):
    u = curve(np.array([1.0, 0.5, 0.5, 1.0, 2.0]) * scale, starts=[2.0 * scale])
    assert u.sensitivity == pytest.approx(scale * (0.25 + 0 + 0.25 + 1.0) / 4)
    # more rates on the same line change nothing
    denser = curve(
        np.array([1.0, 0.75, 0.5, 0.5, 1.0, 2.0]) * scale, [0.001, 10**-2.5, 0.01, 0.1, 1, 10], [2.0 * scale]
    )
    assert denser.sensitivity == pytest.approx(u.sensitivity)
    assert math.isnan(curve([0.5], rates=[0.1]).sensitivity)


@pytest.mark.parametrize(
    ("losses", "edge", "advice"),
    [
        ([0.1, 0.5, 1, 1, 2], "low", "sgd: the best is the lowest rate tried, 0.001: try lower ones before you use it"),
        ([2, 1, 1, 0.5, 0.1], "high", "sgd: the best is the highest rate tried, 10: try higher ones before you use it"),
        ([math.nan] * 5, "low", "sgd: every run diverged: try rates below 0.001, or standardise the data"),
        ([2, 2, 3, 4, math.nan], "low", "sgd: no rate from 0.001 to 10 does better than no training: widen the range"),
        (
            [1, 0.5, 0.52, 1, 3],
            "",
            "sgd: use 0.01, or anything from 0.01 to 0.1, a factor of 1,000 below the cliff: from 10 on runs are lost",
        ),
    ],
)
def test_advice(losses, edge, advice):
    u = curve(losses)
    assert (u.edge, u.advice) == (edge, advice)


def test_a_cliff_that_is_near_is_said_to_be():
    u = curve([1, 0.5, 3], rates=[0.1, 0.2, 0.4])
    assert u.advice == (
        "sgd: use 0.2, only a factor of 2 below the cliff, so warm up, clip, or stay lower: from 0.4 on runs are lost"
    )


def test_a_loss_below_zero_is_as_good_as_any():
    u = curve([-1.0, -3.0, -2.99, 5.0, math.nan], starts=[0.0])
    assert (u.best, u.cliff, u.basin) == (0.01, 1.0, (0.01, 0.1))
