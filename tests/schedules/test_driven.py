"""Plateau and Greedy: what a spike may not do, what a state is, and what calling them leaves alone."""

import copy
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastlr
from fastlr.schedules import Constant, Cosine, Greedy, Plateau, Warmup, from_dict
from fastlr.schedules.trend import SMALLEST_WINDOW, descends
from tests.helpers import bits

METRICS = st.lists(st.floats(-10, 10) | st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308]), max_size=40)
SETTINGS = st.fixed_dictionaries(
    {
        "factor": st.floats(0.1, 0.9),
        "patience": st.integers(1, 4),
        "mode": st.sampled_from(["min", "max"]),
        "cooldown": st.integers(0, 3),
        "average": st.integers(1, 3),
        "judge": st.sampled_from(["best", "trend"]),
        "window": st.integers(SMALLEST_WINDOW, 12),
        "min_factor": st.sampled_from([0.0, 0.1]),
    }
)
DRIVEN = st.one_of(
    st.builds(
        lambda rest, like: Plateau(0.5, like=like, **rest), SETTINGS, st.sampled_from(["torch", "keras", "optax"])
    ),
    st.builds(lambda rest: Greedy(0.5, **rest), SETTINGS),
)
FEW = settings(max_examples=60, deadline=None)


def cuts(driven, metrics):
    """At which observations the factor changes."""
    return [i for i, metric in enumerate(metrics) if driven.observe(metric)]


def descent(spike_at: int, spike: float, steps: int = 60) -> list[float]:
    """A steady descent with noise, and one value that is far off."""
    noise = np.random.default_rng(3).normal(0.0, 0.05, steps)
    metrics = (10.0 - 0.1 * np.arange(steps) + noise).tolist()
    metrics[spike_at] = spike
    return metrics


@pytest.mark.parametrize("like", ["torch", "keras", "optax"])
def test_a_spike_before_a_steady_descent(like):
    """pytorch#30873: after one lucky evaluation the comparison with the best cuts, the trend test does not."""
    metrics = descent(spike_at=5, spike=1.0)
    assert cuts(Plateau(1.0, patience=10, like=like), metrics) != []
    assert cuts(Plateau(1.0, patience=10, like=like, judge="trend"), metrics) == []


@pytest.mark.parametrize("window", [SMALLEST_WINDOW, 10, 15])
def test_no_single_value_decides_a_trend(window):
    """Wherever in the window it is, and however far off."""
    line = [float(-k) for k in range(window)]
    assert descends(line, 1e-4, 0.0)
    assert not descends(line[::-1], 1e-4, 0.0)
    for i in range(window):
        for far in (1e9, -1e9):
            assert descends([*line[:i], far, *line[i + 1 :]], 1e-4, 0.0)
            assert not descends([*line[::-1][:i], far, *line[::-1][i + 1 :]], 1e-4, 0.0)


def test_a_shorter_window_would_be_decided_by_one():
    """Why SMALLEST_WINDOW is what it is."""
    line = [float(-k) for k in range(SMALLEST_WINDOW - 1)]
    assert descends(line, 0.0, 0.0)
    assert not descends([*line[:-1], 1e9], 0.0, 0.0)


def test_a_trend_is_as_large_as_its_descent_over_the_window():
    """From the first value to the last, by the median: rtol and atol together."""
    line = [1000.0 - 0.125 * k for k in range(9)]  # 1 down in all, from a median of 999.5
    assert descends(line, 0.0, 0.99)
    assert not descends(line, 0.0, 1.0)
    assert descends(line, 0.99 / 999.5, 0.0)
    assert not descends(line, 0.5 / 999.5, 0.51)


@pytest.mark.parametrize("judge", ["best", "trend"])
def test_a_real_plateau_is_found(judge):
    rng = np.random.default_rng(0)
    metrics = [10.0 - k for k in range(8)] + (2.0 + 0.05 * rng.normal(size=60)).tolist()
    found = cuts(Plateau(1.0, patience=10, judge=judge), metrics)
    assert 10 < found[0] < 40


def test_a_trend_is_not_judged_before_the_window_is_full():
    plateau = Plateau(1.0, patience=0, judge="trend", window=9)
    assert cuts(plateau, [1.0] * 10) == [8, 9]
    assert cuts(Plateau(1.0, patience=0, judge="trend", window=9), [1.0, math.nan]) == [1]  # which is bad at once


def test_changes_of_so_much_or_less_are_left_out():
    assert cuts(Plateau(1.0, factor=0.5, patience=0, min_change=0.5), [1.0] * 3) == []
    assert cuts(Plateau(1.0, factor=0.5, patience=0, min_change=0.49), [1.0] * 4) == [1]


def test_below_zero_an_absolute_threshold_is_needed():
    """As the docstring says: a share of a negative best asks for less than it, in torch and optax too."""
    standstill = [-10.0] * 5
    assert cuts(Plateau(1.0, patience=2), standstill) == []
    assert cuts(Plateau(1.0, patience=2, rtol=0.0, atol=1e-4), standstill) == [3]


def test_a_trend_may_be_wanted_upwards():
    metrics = [-metric for metric in descent(spike_at=5, spike=1.0)]
    assert cuts(Plateau(1.0, patience=10, judge="trend", mode="max"), metrics) == []
    assert cuts(Plateau(1.0, patience=10, judge="trend", mode="max"), metrics[::-1]) != []


def test_a_trend_that_is_too_flat_is_a_plateau():
    """A descent that never ends, but leads nowhere."""
    metrics = [1.0 + 1e-9 * math.exp(-k) for k in range(40)]
    assert cuts(Plateau(1.0, patience=10, judge="trend"), metrics) != []
    assert cuts(Plateau(1.0, patience=10, judge="trend", rtol=0.0), metrics[:20]) == []


@FEW
@given(DRIVEN, METRICS, st.integers(0, 40))
def test_goes_on_from_a_saved_state(driven, metrics, at):
    again = type(driven)(**{name: getattr(driven, name) for name in driven.__dataclass_fields__ if name != "state"})
    before, after = metrics[:at], metrics[at:]
    cuts(driven, before)
    again.load_state_dict(json.loads(json.dumps(driven.state_dict(), allow_nan=False)))
    twins = [again, copy.deepcopy(driven), pickle.loads(pickle.dumps(driven))]
    for metric in after:
        changed = driven.observe(metric)
        assert [twin.observe(metric) for twin in twins] == [changed] * 3
        assert [twin.state for twin in twins] == [driven.state] * 3
        assert [twin(3) for twin in twins] == [driven(3)] * 3


@FEW
@given(DRIVEN, METRICS)
def test_the_rate_stays_within_bounds(driven, metrics):
    for metric in metrics:
        driven.observe(metric)
        most = getattr(driven, "max_factor", 1.0)
        assert driven.min_factor * 0.5 <= driven(0) <= 0.5 * most
        assert math.isfinite(driven(10**12))


@FEW
@given(DRIVEN, METRICS)
def test_asking_changes_nothing(driven, metrics):
    cuts(driven, metrics)
    before = driven.state
    steps = np.array([5, 0, 10**12])
    assert bits(driven(steps)) == bits(np.array([driven(5), driven(0), driven(10**12)]))
    assert driven.state is before


def test_a_settings_change_is_refused():
    with pytest.raises(AttributeError):
        Plateau(0.5).patience = 3


def test_composes_with_a_schedule_and_a_clamp():
    base = Warmup(Cosine(1.0, 100), 10)
    plateau = Plateau(base, patience=0, low=0.02, high=0.9)
    steps = np.arange(120)
    np.testing.assert_array_equal(plateau(steps), np.clip(base(steps), 0.02, 0.9))
    plateau.observe(1.0)
    assert plateau.observe(1.0)
    np.testing.assert_array_equal(plateau(steps), np.clip(0.1 * base(steps), 0.02, 0.9))


def test_drives_an_optimizer_by_applied_steps():
    w = np.zeros(2)
    plateau = Plateau(Warmup(Constant(1.0), 4), factor=0.5, patience=0)
    opt = fastlr.SGD(w, lr=plateau)
    rates = []
    for loss in (3.0, 2.0, 2.0, 2.0, 1.0):
        rates.append(opt.lr)
        opt.step(np.ones(2))
        plateau.observe(loss)
    assert rates == [0.25, 0.5, 0.75, 0.5, 0.25]
    assert w[0] == -sum(rates)


def test_greedy_goes_both_ways():
    greedy = Greedy(1.0, factor=0.5, patience=2, cooldown=1, min_factor=0.25, max_factor=4.0)
    better = [10.0 - k for k in range(9)]
    assert cuts(greedy, better) == [1, 4]  # two that improve, then one of cooldown
    assert greedy(0) == 4.0
    worse = [20.0] * 20
    assert cuts(greedy, worse) == [1, 4, 7, 10]  # and from then on it is at its least
    assert greedy(0) == 0.25


def test_greedy_takes_nan_for_bad():
    greedy = Greedy(1.0, factor=0.5, patience=2)
    assert cuts(greedy, [math.nan, math.nan, 1.0, math.inf, 0.5, 0.25]) == [1, 5]
    assert greedy(0) == 1.0


def test_smoothing():
    """One good evaluation in a mean of three does not make it good; a NaN makes it bad."""
    plateau = Plateau(1.0, patience=0, average=3)
    assert cuts(plateau, [1.0, 1.0, 1.0, 0.9, 2.0, 2.0]) == [5]
    assert plateau.state.best == 1.0
    assert cuts(plateau, [0.1, math.nan, 0.1]) == [2]
    assert cuts(plateau, [0.1, 0.1, 0.1]) == []


def test_a_first_nan_is_bad_like_every_other():
    for like in ("torch", "keras", "optax"):
        plateau = Plateau(1.0, patience=2, like=like)
        plateau.observe(math.nan)
        assert plateau.state.best is None
        assert plateau.state.bad == 1


STATE = Plateau(0.5).state_dict()


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ([], TypeError, r"^Plateau\.load_state_dict: must be what state_dict\(\) returned, got list$"),
        ({}, ValueError, r"^Plateau\.load_state_dict: 'driven' must be 'Plateau', got None$"),
        (Greedy(0.5).state_dict(), ValueError, "'driven' must be 'Plateau', got 'Greedy'$"),
        ({**STATE, "beste": 1}, ValueError, "missing or unknown 'beste'$"),
        ({k: v for k, v in STATE.items() if k != "bad"}, ValueError, "must have the entries factor, .* unknown 'bad'$"),
        ({**STATE, "bad": -1}, ValueError, r"^State\(bad=-1\): bad must be a whole number in \[0, 2\*\*53\], got -1$"),
        (
            {**STATE, "best": math.nan},
            ValueError,
            r"^State\(best=nan\): best must be a number in \(-inf, inf\), got nan$",
        ),
        ({**STATE, "recent": 3}, TypeError, r"^State\(recent=3\): recent must be several"),
    ],
)
def test_loading_says_what_is_wrong_and_changes_nothing(state, error, message):
    plateau = Plateau(0.5, patience=0)
    plateau.observe(1.0)
    before = plateau.state
    with pytest.raises(error, match=message):
        plateau.load_state_dict(state)
    assert plateau.state is before


@pytest.mark.parametrize("metric", ["low", None, 1j, [1.0], 10**400])
def test_what_is_no_metric_changes_nothing(metric):
    plateau = Plateau(0.5)
    before = plateau.state
    with pytest.raises(TypeError, match=r"^Plateau\.observe\(.*\): metric must be a number, got type "):
        plateau.observe(metric)
    assert plateau.state is before


@pytest.mark.parametrize(
    "schedule",
    [
        Plateau(Warmup(Cosine(0.5, 90), 10), patience=3, judge="trend", window=9, like="keras", high=0.25),
        Greedy(0.5, factor=0.5, patience=2, mode="max", max_factor=4.0, average=3),
    ],
    ids=["Plateau", "Greedy"],
)
def test_settings_survive_json_and_the_state_travels_apart(schedule):
    schedule.observe(1.0)
    again = from_dict(json.loads(json.dumps(schedule.to_dict(), allow_nan=False)))
    assert type(again) is type(schedule)
    assert again.to_dict() == schedule.to_dict()
    assert again.state == type(schedule)(0.5, patience=1).state != schedule.state
    again.load_state_dict(schedule.state_dict())
    for metric in (2.0, 3.0, 1.0, 4.0, 5.0, 6.0, 7.0):
        assert again.observe(metric) == schedule.observe(metric)
        assert again(20) == schedule(20)
    with pytest.raises(ValueError, match=rf"^from_dict: {type(schedule).__name__} has no 'patiense', did you mean"):
        from_dict({"schedule": type(schedule).__name__, "of": 0.5, "patiense": 3})
