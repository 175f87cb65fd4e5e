import math

import numpy as np
import pytest

from fastlr.lab import Quadratic, Rosenbrock, linear, logistic

FUNCTIONS = [Quadratic([0.5, 3.0, 20.0]), Rosenbrock(), Rosenbrock(steepness=7.0)]


@pytest.mark.parametrize("problem", FUNCTIONS, ids=repr)
@pytest.mark.parametrize("seed", [0, 1])
def test_gradients_are_slopes(problem, seed):
    w = problem.init(seed)["w"]
    slope, ignored = np.empty_like(w), np.empty_like(w)
    problem.loss_and_grad({"w": w}, {"w": slope}, None)
    for i in range(len(w)):
        up, down = w.copy(), w.copy()
        up[i] += 1e-6
        down[i] -= 1e-6
        losses = [problem.loss_and_grad({"w": each}, {"w": ignored}, None) for each in (up, down)]
        assert slope[i] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5, abs=1e-6)


def test_minima_are_where_they_are_known_to_be():
    slope = np.empty(2)
    assert Rosenbrock().loss_and_grad({"w": np.ones(2)}, {"w": slope}, None) == 0
    assert (slope == 0).all()
    assert Quadratic([1, 2]).loss_and_grad({"w": np.zeros(2)}, {"w": slope}, None) == 0
    assert (slope == 0).all()


@pytest.mark.parametrize("problem", FUNCTIONS, ids=repr)
def test_leading_axes_are_runs(problem):
    w = np.stack([problem.init(seed)["w"] for seed in range(4)])
    slopes, alone = np.empty_like(w), np.empty_like(w)
    losses = problem.losses_and_grads({"w": w}, {"w": slopes}, None)
    for r in range(4):
        assert losses[r] == problem.loss_and_grad({"w": w[r]}, {"w": alone[r]}, None)
    np.testing.assert_array_equal(slopes, alone)


def test_starts_depend_on_the_seed_alone():
    for problem in (*FUNCTIONS, linear(3), logistic(3)):
        first, again, other = (next(iter(problem.init(seed).values())) for seed in (5, 5, 6))
        assert (first == again).all()
        assert (first != other).any()
    assert Quadratic([1.0], dtype="float32").init(0)["w"].dtype == np.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Quadratic([]), r"Quadratic\(curvature=\(\)\): curvature must be one number above 0 for each weight"),
        (lambda: Quadratic([1, -1]), "curvature must be one number above 0"),
        (lambda: Quadratic([math.inf]), "curvature must be one number above 0"),
        (lambda: Rosenbrock(steepness=0), r"Rosenbrock\(steepness=0\): steepness must be a number above 0"),
        (lambda: Rosenbrock(spread=-1), r"Rosenbrock\(spread=-1\): spread must be a number, at least 0"),
    ],
)
def test_bad_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
