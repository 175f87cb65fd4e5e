"""The values that the docstrings promise: at step 0, at the end, after it; and the papers' own formulas."""

import math

import numpy as np
import pytest

from fastlr import schedules as s

LATE = 10**12
A, B = s.Constant(0.5), s.Constant(0.25)

# schedule, {step: rate}: by hand
VALUES = [
    (s.Constant(0.1), {0: 0.1, LATE: 0.1}),
    (s.InverseTime(0.5, 1.0, every=4), {0: 0.5, 2: 0.5 / 1.5, 4: 0.25, LATE: 0.5 / (1 + LATE / 4)}),
    (s.InverseTime(0.5, 1.0, every=4, staircase=True), {0: 0.5, 3: 0.5, 4: 0.25, 11: 0.5 / 3, 12: 0.125}),
    (s.InversePower(0.5), {0: 0.5, 3: 0.25, 99: 0.05}),
    (s.InversePower(0.5, power=1.0, timescale=10), {0: 0.5, 10: 0.25, 40: 0.1}),
    (s.InverseSqrt(0.5, 100), {0: 0.5, 300: 0.25, 2400: 0.1}),
    (s.StepDrop(1.0, 10, 0.5), {0: 1, 9: 1, 10: 0.5, 19: 0.5, 20: 0.25, LATE: 0}),
    (s.MultiStep(1.0, [10, 15], 0.5), {0: 1, 9: 1, 10: 0.5, 14: 0.5, 15: 0.25, LATE: 0.25}),
    (s.MultiStep(1.0, [0], 0.5), {0: 0.5, 1: 0.5}),
    (s.MultiStep(1.0, []), {0: 1.0, LATE: 1.0}),
    (s.Piecewise([1, 3, 2], [10, 15]), {0: 1, 9: 1, 10: 3, 14: 3, 15: 2, LATE: 2}),
    (s.Exponential(1.0, 0.25, every=2), {0: 1, 1: 0.5, 2: 0.25, 4: 0.0625, LATE: 0}),
    (s.Exponential(1.0, 0.25, every=2, staircase=True), {0: 1, 1: 1, 2: 0.25, 3: 0.25, 4: 0.0625}),
    (s.Exponential(1.0, 0.5, final=0.3), {0: 1, 1: 0.5, 2: 0.3, LATE: 0.3}),
    (s.Exponential(1.0, 2.0, final=3.0), {0: 1, 1: 2, 2: 3, LATE: 3}),
    (s.Exponential(0.0, 2.0, final=3.0), {0: 0, LATE: 0}),
    (s.Exponential(1.0, 1.0, final=0.3), {0: 1, LATE: 1}),  # a floor
    (s.Linear(1.0, 0.2, 4), {0: 1, 1: 0.8, 4: 0.2, 5: 0.2, LATE: 0.2}),
    (s.Linear(0.2, 1.0, 4), {0: 0.2, 1: 0.4, 4: 1.0, LATE: 1.0}),
    (s.Polynomial(1.0, 0.2, 4, power=2.0), {0: 1, 2: 0.4, 4: 0.2, 5: 0.2, LATE: 0.2}),
    (s.Polynomial(1.0, 0.0, 4, cycle=True), {0: 1, 2: 0.5, 4: 0, 5: 3 / 8, 8: 0, 9: 3 / 12, LATE + 1: 3 / (LATE + 4)}),
    (s.Cosine(1.0, 4, 0.2), {0: 1, 1: 0.6 + 0.4 * math.sqrt(0.5), 2: 0.6, 4: 0.2, 5: 0.2, LATE: 0.2}),
    (s.Cosine(1.0, 4, after="rise"), {0: 1, 2: 0.5, 4: 0, 6: 0.5, 8: 1, LATE: 1, LATE + 4: 0}),
    (s.Cosine(1.0, 4, 0.2, power=2.0), {0: 1, 2: 0.4, 4: 0.2, LATE: 0.2}),
    (s.CosineRestarts(1.0, 4, 0.2), {0: 1, 2: 0.6, 4: 1, 6: 0.6, LATE: 1}),
    (s.CosineRestarts(1.0, 4, 0.2, 2.0, 0.5), {0: 1, 2: 0.6, 4: 0.6, 8: 0.4, 12: 0.4, 20: 0.3, 28: 0.3}),
    (s.CosineRestarts(1.0, 4, 0.2, 1.5), {0: 1, 4: 1, 7: 0.6, 10: 1, 19: 1}),
    (s.FlatCosine(1.0, 8, 0.5, 0.2), {0: 1, 4: 1, 6: 0.6, 8: 0.2, LATE: 0.2}),
    (s.FlatCosine(1.0, 8, 1.0, 0.2), {0: 1, 7: 1, 8: 0.2}),
    (s.OneCycle(1.0, 10), {0: 0.04, 3: 1, 10: 4e-6, 11: 4e-6, LATE: 4e-6}),
    (s.OneCycle(1.0, 10, final_of="peak", final_div=1e5), {0: 0.04, 3: 1, 10: 1e-5, LATE: 1e-5}),
    (s.OneCycle(1.0, 10, final=0.5), {0: 0.04, 3: 1, 10: 0.5, LATE: 0.5}),
    (s.OneCycle(1.0, 10, third=0.6, curve="linear"), {0: 0.04, 3: 1, 6: 0.04, 10: 4e-6, LATE: 4e-6}),
    (s.OneCycle(1.0, 10, up=0.0), {0: 1, 10: 4e-6}),
    (s.SlantedTriangular(3.2, 100), {0: 0.1, 10: 3.2, 55: 1.65, 100: 0.1, 101: 0.1, LATE: 0.1}),
    (s.SlantedTriangular(3.2, 10, cut=1.0), {0: 0.1, 10: 3.2}),
    (s.Cyclic(1.0, 0.2, 4), {0: 0.2, 2: 0.6, 4: 1, 6: 0.6, 8: 0.2, LATE: 0.2, LATE + 4: 1}),
    (s.Cyclic(1.0, 0.2, 4, 1), {0: 0.2, 2: 0.6, 4: 1, 5: 0.2}),
    (s.Cyclic(1.0, 0.2, 4, mode="triangular2"), {0: 0.2, 4: 1, 8: 0.2, 12: 0.6, 20: 0.4, LATE + 4: 0.2}),
    (s.Cyclic(1.0, 0.0, 4, mode="exp_range", gamma=0.5), {0: 0, 2: 0.125, 4: 0.0625, LATE + 4: 0}),
    (s.Interpolated([1, 3], [2, 4]), {0: 1, 2: 1, 3: 2, 4: 3, LATE: 3}),
    (s.Interpolated([1, 3, 1], [-2, 2, 4], "cosine"), {0: 2, 2: 3, 3: 2, 4: 1, LATE: 1}),
    (s.Interpolated([1], [2]), {0: 1, 2: 1, 3: 1}),
    (s.Warmup(A, 4), {0: 0.125, 1: 0.25, 3: 0.5, 4: 0.5, LATE: 0.5}),
    (s.Warmup(A, 4, from_zero=True), {0: 0, 1: 0.125, 3: 0.375, 4: 0.5, LATE: 0.5}),
    (s.Warmup(A, 4, initial=0.1, from_zero=True), {0: 0.1, 1: 0.2, 4: 0.5}),
    (s.Warmup(A, 2, curve="cosine"), {0: 0.25, 1: 0.5}),
    (s.Warmup(A, 2, initial=0.005, curve="exponential"), {0: 0.05, 1: 0.5, 2: 0.5}),
    (s.Warmup(s.Linear(1.0, 0.0, 10), 10), {0: 0.1, 9: 1, 10: 1, 11: 0.9, 20: 0, LATE: 0}),
    (s.Warmup(A, 0), {0: 0.5}),
    (s.WSD(1.0, 20, 4, 10, final=0.2), {0: 0.25, 3: 1, 10: 1, 15: 0.6, 20: 0.2, LATE: 0.2}),
    (s.WSD(1.0, 20, 4, 10, "cosine"), {0: 0.25, 3: 1, 10: 1, 15: 0.5, 20: 0, LATE: 0}),
    (s.WSD(1.0, 20, 4, 16, "1-sqrt"), {0: 0.25, 4: 1, 8: 0.5, 13: 0.25, 20: 0, LATE: 0}),
    (s.WSD(1.0, None), {0: 1, LATE: 1}),
    (s.WSD(1.0, 10), {0: 1, 9: 1, 10: 0}),
    (s.Noam(1.0, 4), {0: 0.25, 3: 1, 15: 0.5, LATE: 2 / math.sqrt(LATE + 1)}),
    (s.Sequential([A, B], [3]), {0: 0.5, 2: 0.5, 3: 0.25, LATE: 0.25}),
    (s.Sequential([A, B], [0]), {0: 0.25}),  # pytorch#185872
    (s.Sequential([A], []), {0: 0.5, LATE: 0.5}),
    (s.Product([A, B, s.StepDrop(1.0, 2)]), {0: 0.125, 2: 0.0125}),
    (s.Clamp(s.Linear(1.0, 0.0, 4), 0.3, 0.7), {0: 0.7, 2: 0.5, 4: 0.3, LATE: 0.3}),
    (s.Mirror(A, 0.75), {0: 0.25}),
    (s.Mirror(A, 0.25), {0: 0}),
    (s.PerEpoch(s.StepDrop(1.0, 2), 3), {0: 1, 5: 1, 6: 0.1, 11: 0.1, 12: 0.01}),
    (s.Function(lambda step: step % 7), {0: 0, 8: 1, LATE: LATE % 7}),
]


@pytest.mark.parametrize(("schedule", "expected"), VALUES, ids=lambda value: repr(value)[:60])
def test_values(schedule, expected):
    assert schedule(list(expected)) == pytest.approx(list(expected.values()), rel=1e-12, abs=1e-16)


def test_every_family_has_values():
    assert {type(schedule) for schedule, _ in VALUES} == set(s.FAMILIES)


@pytest.mark.parametrize("factor", [2.0, 3.0, 1.5, 1.1, 10.0])
def test_restarts_begin_where_they_should(factor):
    """Where Keras's logarithm rounds down (3^5) as well."""
    schedule, start = s.CosineRestarts(1.0, 1000, period_factor=factor), 0.0
    for k in range(12):
        length = 1000 * factor**k
        first, last = math.ceil(start - 1e-6), math.ceil(start + length - 1e-6) - 1
        assert schedule.cycle(first)[0] == schedule.cycle(last)[0] == k
        assert schedule(first) > 0.999
        assert schedule(last) < 1e-4
        start += length


def test_restarts_begin_where_they_should_at_the_largest_steps():
    """Where the logarithm rounds up."""
    schedule = s.CosineRestarts(1.0, 1, period_factor=2.0)
    assert [schedule.cycle(2**52 - 2)[0], schedule.cycle(2**52 - 1)[0]] == [51, 52]


def test_slanted_triangular_is_the_papers():
    """Howard & Ruder 2018, equation 3, as it is printed."""
    total, cut_frac, ratio, peak = 1000, 0.1, 32, 0.01
    cut = math.floor(total * cut_frac)
    t = np.arange(total)
    p = np.where(t < cut, t / cut, 1 - (t - cut) / (cut * (1 / cut_frac - 1)))
    np.testing.assert_allclose(s.SlantedTriangular(peak, total)(t), peak * (1 + p * (ratio - 1)) / ratio, rtol=1e-12)


def test_noam_is_the_papers():
    """Vaswani et al. 2017, equation 3: step_num is counted from 1."""
    n = np.arange(1, 20_000)
    expected = 512**-0.5 * np.minimum(n**-0.5, n * 4000**-1.5)
    np.testing.assert_allclose(s.Noam.of_model(512, 4000)(n - 1), expected, rtol=1e-12)


def test_inverse_sqrt_after_a_warm_up_is_hugging_faces():
    """get_inverse_sqrt_schedule with timescale = warm-up."""
    warmup, t = 100, np.arange(1000)
    shift = warmup - warmup
    expected = np.where(t < warmup, t / warmup, 1 / np.sqrt((np.maximum(t, warmup) + shift) / warmup))
    ours = s.Warmup(s.InverseSqrt(1.0, warmup), warmup, from_zero=True)
    np.testing.assert_allclose(ours(t), expected, rtol=1e-12)


def test_a_decay_decided_late_changes_nothing_before_it():
    stable = s.WSD(0.5, total=None, warmup=100, decay=50)
    sooner, run = s.WSD(0.5, total=1000, warmup=100, decay=50).decay_now(950), np.arange(1100)
    np.testing.assert_array_equal(sooner(run), s.WSD(0.5, total=1000, warmup=100, decay=50)(run))
    decided = stable.decay_now(10**6, decay=200)
    assert decided == s.WSD(0.5, 10**6 + 200, 100, 200)
    before = np.array([0, 50, 99, 100, 10**6])
    np.testing.assert_array_equal(decided(before), stable(before))
    assert decided(10**6 + 100) == 0.25
    assert stable.decay_now(1000)(1025) == 0.25
    assert decided(10**6 + 200) == 0.0


@pytest.mark.parametrize("step", [10**6, 10**10, 10**12, 2**53])
def test_resumes_at_a_large_step(step):
    """pytorch#88791: what a schedule says does not depend on where one begins to ask."""
    schedule = s.Warmup(s.CosineRestarts(0.1, 1000), 500)
    assert schedule(step) == s.CosineRestarts(0.1, 1000)((step - 500) % 1000)
    assert s.Cosine(1.0, 1000, after="rise")(step) == s.Cosine(1.0, 1000, after="rise")(step % 2000)
