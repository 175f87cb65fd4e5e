import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastlr.lab.finding.smoothing import fit

X = np.linspace(-6, 2, 200)


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.02, 2))
def test_a_line_is_its_own_fit_up_to_the_ends(height, slope, width):
    values, slopes = fit(X, height + slope * X, width)
    np.testing.assert_allclose(values, height + slope * X, atol=1e-8)
    np.testing.assert_allclose(slopes, slope, atol=1e-7)


def test_bad_batches_do_not_bend_it():
    rng = np.random.default_rng(0)
    smooth = np.tanh(-X - 2)
    noisy = smooth + 0.01 * rng.normal(size=200)
    noisy[rng.choice(200, 8, replace=False)] += 5
    values, slopes = fit(X, noisy, 0.2)
    assert np.abs(values - smooth).max() < 0.05
    assert slopes[np.abs(X + 2).argmin()] == pytest.approx(-1, abs=0.15)
    # without taking weight from outliers it is far off
    from fastlr.lab.finding import smoothing

    plain, _ = smoothing._lines(X - X[:, None], noisy, np.exp(-0.5 * ((X - X[:, None]) / 0.2) ** 2))
    assert np.abs(plain - smooth).max() > 0.2


def test_few_points_are_borne():
    for count in (1, 2, 3):
        values, slopes = fit(X[:count], X[:count] ** 2, 1e-9)
        assert np.isfinite([values, slopes]).all()
