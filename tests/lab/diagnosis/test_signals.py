import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastlr.lab.diagnosis.features import spread
from fastlr.lab.diagnosis.scores import INPUTS, inputs, level, probabilities
from fastlr.lab.diagnosis.signals import averages, overshoots, pooled, signals, spent
from tests.lab.diagnosis.runs import bowl, trace

LOSSES = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=3, max_size=400)


def test_a_straight_line_gains_two_thirds_after_its_first_third():
    found = signals(trace(np.linspace(2.0, 1.0, 1000)))
    assert found.unfinished == pytest.approx(2 / 3, abs=0.06)
    assert found.end == pytest.approx(np.log10(found.last / 2.0))
    assert found.noise < 1e-6


def test_a_run_that_is_done_gains_nothing_late():
    found = signals(trace(np.exp(-np.arange(1000) / 20)))
    assert found.unfinished < 1e-3
    assert found.most < 0.1


def test_rate_spent_takes_the_place_of_steps():
    """The same path walked with a rate that falls: as unfinished as when it is cut off."""
    t = np.arange(1000.0)
    rates = 1 / (1 + 0.1 * t)
    path = np.cumsum(rates)
    found = signals(trace(10 - path / path[-1], lr=rates))
    assert found.unfinished == pytest.approx(2 / 3, abs=0.06)
    assert found.budget == pytest.approx(rates.mean())
    assert signals(trace(10 - path / path[-1])).unfinished < 0.4


def test_rates_that_are_missing_somewhere_are_not_used():
    steps, rates = np.arange(4.0), np.array([1.0, np.nan, 1.0, 1.0])
    np.testing.assert_allclose(spent(steps, rates), [0.25, 0.5, 0.75, 1.0])


def test_a_blowup_is_seen_though_it_passes():
    losses = np.ones(1000)
    losses[3:8] = 100.0
    assert signals(trace(losses)).blowup == pytest.approx(2.0)
    losses[3:8] = 1.0
    losses[5] = 100.0  # a single batch
    assert signals(trace(losses)).blowup == 0.0


def test_single_values_cannot_turn_the_pooled_overshoot():
    before = np.full(50, -1.0)
    after = np.full(50, 0.5)
    before[7], after[7] = -1e-9, 1.0  # alone it would be 1e9
    assert pooled(after, before) == pytest.approx(0.5, abs=0.03)
    assert pooled(after, -before) == 0.0  # uphill: nothing to tell


@pytest.mark.parametrize(("lr", "alpha"), [(0.001, -0.999), (0.05, -0.95)])
def test_alpha_of_a_bowl(lr, alpha):
    found = signals(bowl(lr, curvature=(1.0, 1.0))._recorder.trace())
    assert found.alpha == pytest.approx(alpha, abs=1e-6)
    assert found.uphill == 0.0


@given(LOSSES, st.booleans())
def test_whatever_the_losses_the_inputs_are_finite_and_the_probabilities_sum_to_one(losses, rated):
    seen = trace(losses, lr=0.1) if rated else trace(losses)
    found = signals(seen)
    assert all(np.isfinite(list(inputs(found).values())))
    for which in INPUTS:
        assert sum(probabilities(found, which).values()) == pytest.approx(1.0)


@given(st.floats(1e-3, 1e3), st.integers(0, 5))
def test_the_unit_of_the_loss_does_not_matter(unit, seed):
    losses = np.exp(-np.arange(300) / 100) + 0.1 * np.random.default_rng(seed).random(300)
    one, other = inputs(signals(trace(losses))), inputs(signals(trace(unit * losses)))
    assert one == pytest.approx(other, abs=1e-6)


def test_losses_below_zero_are_shifted():
    losses = np.exp(-np.arange(300) / 50)
    assert inputs(signals(trace(losses - 5.0)))["unfinished"] == pytest.approx(
        inputs(signals(trace(losses)))["unfinished"], abs=0.2
    )


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        (300, {"lr": 0.1, "along_last": 0.1, "along_before": -1.0, "ratio": 0.1}, "steps"),
        (300, {"lr": 0.1}, "rates"),
        (300, {}, "loss"),
        (50, {"lr": 0.1}, "epoch rates"),
        (50, {}, "epoch loss"),
    ],
)
def test_what_a_log_allows(rows, columns, expected):
    seen = trace(np.linspace(2, 1, rows), **columns)
    assert level(seen, signals(seen)) == expected


def test_pictures_get_averages():
    seen = trace(np.arange(1000.0), along_last=0.5, along_before=-1.0)
    steps, means = averages(seen, 10)
    np.testing.assert_allclose(steps, means)
    assert len(means) == 10
    np.testing.assert_allclose(overshoots(seen)[1], 0.5)


def test_too_few_losses_have_no_signals():
    assert signals(trace([1.0, 2.0])) is None


def test_the_spread_of_features():
    x = np.random.default_rng(0).standard_normal((50, 5))
    assert spread(x) < 2
    x[:, 3] *= 500
    assert 300 < spread(x) < 700
    assert np.isnan(spread(x[:, :1]))
    assert np.isnan(spread(np.zeros((5, 3))))
    from scipy.sparse import csr_array

    assert spread(csr_array(x)) == pytest.approx(spread(x))
