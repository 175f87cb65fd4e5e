import math
from itertools import pairwise

import pytest

from fastlr.lab import Adaptive, rates


def test_a_grid_has_equal_ratios():
    found = rates.grid(1e-4, 1e2, 7)
    assert found == pytest.approx([10.0**k for k in range(-4, 3)])
    assert rates.grid(0.1, 1, 1) == (0.1,)


def test_random_rates_are_even_in_the_logarithm():
    found = rates.log_random(1e-4, 1, 4000, seed=3)
    assert found == tuple(sorted(found)) == rates.log_random(1e-4, 1, 4000, seed=3) != rates.log_random(1e-4, 1, 4000)
    assert 1e-4 <= found[0] < found[-1] <= 1
    below = [sum(rate < bound for rate in found) / 4000 for bound in (1e-3, 1e-2, 1e-1)]
    assert below == pytest.approx([0.25, 0.5, 0.75], abs=0.03)


def searched(search, loss, lost):
    points, waves = [], []
    while more := search.following(points):
        waves.append(more)
        points += [(rate, loss(rate), lost(rate)) for rate in more]
    return sorted(rate for rate, _, _ in points), waves


@pytest.mark.parametrize("minimum", [3e-4, 0.02, 0.7, 5.0])
@pytest.mark.parametrize("factor", [2.0, 30.0])
def test_an_adaptive_search_closes_in_on_minimum_and_cliff(minimum, factor):
    cliff = factor * minimum
    found, waves = searched(
        Adaptive(1e-5, 10, 15), lambda rate: abs(math.log(rate / minimum)), lambda rate: rate > cliff
    )
    assert len(found) == len(set(found)) == 15
    assert len(waves[0]) == 5
    assert all(1e-5 <= rate <= 10 for rate in found)
    assert min(abs(math.log10(rate / minimum)) for rate in found) < 0.25
    if cliff < 10:
        below, above = (f(r for r in found if (r > cliff) is side) for f, side in ((max, False), (min, True)))
        assert math.log10(above / below) < 0.6  # a grid of 15 has gaps of 0.43, and none narrower at the minimum
    gaps = [math.log10(b / a) for a, b in pairwise(found)]
    assert max(gaps) > 3 * min(gaps)


def test_an_adaptive_search_depends_on_the_points_and_not_on_their_order():
    points = [(rate, abs(math.log(rate)), rate > 1) for rate in rates.grid(1e-5, 10, 5)]
    search = Adaptive(1e-5, 10, 15)
    assert search.following(points) == search.following(points[::-1]) != ()
    assert search.following(points[:3]) == tuple(rate for rate, _, _ in points[3:])


def test_an_adaptive_search_ends_at_its_count():
    for count in (3, 4, 5, 6, 9):
        found, _ = searched(Adaptive(0.01, 1, count), lambda rate: rate, lambda rate: False)
        assert len(found) == count
    assert found[0] == 0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rates.grid(0, 1, 3), r"grid\(low=0\): low must be a number above 0"),
        (lambda: rates.grid(0.1, math.inf, 3), r"grid\(high=inf\): high must be a number above 0"),
        (lambda: rates.log_random(1, 0.1, 3), r"log_random\(low=1, high=0.1\): high must be above low"),
        (lambda: rates.grid(0.1, 1, 0), r"grid\(count=0\): count must be a whole number, at least 1"),
        (lambda: Adaptive(0.1, 1, 2), r"Adaptive\(count=2\): count must be at least 3"),
        (lambda: Adaptive(-1, 1, 5), r"Adaptive\(low=-1\): low must be a number above 0"),
    ],
)
def test_bad_ranges_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
