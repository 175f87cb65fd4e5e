"""The engine by itself: kernels are addresses, here of functions made on the spot."""

import threading

import numpy as np
import pytest
from numba import carray, cfunc

from fastlr.engine import Work
from fastlr.engine.native import MisfitError, Plan
from fastlr.kernels.jit import COEFFICIENTS, KERNEL


@cfunc(KERNEL)
def add(arrays, n, coefficients):
    w, g = carray(arrays[0], n, np.float64), carray(arrays[1], n, np.float64)
    c = carray(coefficients, 2, np.float64)
    for i in range(n):
        w[i] += c[0] * g[i] + c[1]


@cfunc(COEFFICIENTS)
def values(t, settings, out):
    out[0], out[1], out[2] = settings[1], t, settings[0]


def plan_of(*groups, gradients=None):
    """w += settings[0] * g + t, for groups that are lists of weights, or (weights, settings)."""
    groups = [group if isinstance(group, tuple) else (group, (2.0, 100.0)) for group in groups]
    rows = [(k, (w,)) for k, (weights, _) in enumerate(groups) for w in weights]
    return Plan([work(settings) for _, settings in groups], rows, gradients)


def work(settings, picks=(2, 1)):
    return Work(
        kernel=None,
        kernel_address=add.address,
        coefficients=None,
        coefficients_address=values.address,
        settings=settings,
        picks=picks,
        states=0,
        values=3,
        rate_at=0,
        scale_at=-1,
    )


def test_a_step_runs_the_kernel_with_the_picked_coefficients():
    w = np.zeros(3)
    plan = plan_of([w])
    assert plan.step([np.ones(3)]) is True
    plan.step([np.ones(3)])
    np.testing.assert_array_equal(w, 2 + 1 + 2 + 2)
    assert plan.steps == 2


def test_settings_change_between_steps():
    w = np.zeros(1)
    plan = plan_of([w], gradients=[np.ones(1)])
    plan.set(0, 0, 10.0)
    plan.step()
    plan.configure(0, (20.0, 0.0))
    plan.step()
    assert w[0] == 10 + 1 + 20 + 2


@pytest.mark.parametrize(
    "bad",
    [
        lambda p: p.set(1, 0, 0.0),
        lambda p: p.set(0, 2, 0.0),
        lambda p: p.set(-1, 0, 0.0),
        lambda p: (p.vary(1, [(0, abs)]), p.step([np.ones(1)])),
        lambda p: p.configure(1, (0, 0)),
        lambda p: p.configure(0, (0,)),
        lambda p: p.step([]),
    ],
)
def test_indices_are_checked(bad):
    with pytest.raises(IndexError):
        bad(plan_of([np.zeros(1)]))


@pytest.mark.parametrize("cuts", [[], [1], [1, 2, 3], [4096], [4095, 4097, 9000], list(range(1, 300))])
def test_neighbours_merge_into_one_segment(cuts):
    w, g = np.zeros(10_000), np.ones(10_000)
    plan = plan_of(np.split(w, cuts))
    plan.step(np.split(g, cuts))
    assert plan.segments == 1
    assert (w == 3).all()
    plan.step([part.copy() for part in np.split(g, cuts)])
    assert plan.segments == len(cuts) + 1
    assert (w == 3 + 4).all()


def test_groups_never_merge():
    w, g = np.zeros(10), np.ones(10)
    plan = plan_of([w[:5]], ([w[5:]], (7.0, 0.0)))
    plan.step([g[:5], g[5:]])
    assert plan.segments == 2
    assert w.tolist() == [3.0] * 5 + [8.0] * 5


@pytest.mark.parametrize(
    ("gradients", "misfit"),
    [
        (lambda w, g: [w[0], g[1]], 0),
        (lambda w, g: [g[0], w[1]], 1),
        (lambda w, g: [g[0], g[1].astype("f4")], 1),
        (lambda w, g: [g[0][:3], g[1]], 0),
        (lambda w, g: [g[0], None], 1),
        (lambda w, g: [g[0], [0.0] * 4], 1),
        (lambda w, g: [g[0], np.ones(8)[::2]], 1),
        (lambda w, g: [g[0], g[1].reshape(2, 2)], 1),
        (lambda w, g: [g[0], g[1].astype(">f8")], 1),
    ],
)
def test_a_gradient_that_cannot_be_used_is_told_and_changes_nothing(gradients, misfit):
    w, good = [np.zeros(4), np.zeros(4)], [np.ones(4), np.ones(4)]
    plan = plan_of(w, gradients=good)
    plan.step()
    with pytest.raises(MisfitError) as caught:
        plan.step(gradients(w, good))
    assert caught.value.args == (misfit,)
    assert plan.steps == 1
    assert all((part == 3).all() for part in w)
    plan.step()
    assert all((part == 3 + 4).all() for part in w)


def addresses(*arrays):
    return np.array([0 if array is None else array.ctypes.data for array in arrays])


def test_gradients_by_address():
    w, v = np.zeros(3), np.zeros(2)
    plan = plan_of([w, v])
    g, h = np.ones(3), np.full(2, 3.0)
    plan.step(None, addresses(g, h))
    np.testing.assert_array_equal(np.concatenate([w, v]), [3, 3, 3, 7, 7])
    plan.step(None, addresses(None, h))  # 0 passes a row by
    np.testing.assert_array_equal(np.concatenate([w, v]), [3, 3, 3, 15, 15])
    plan.step(None, addresses(None, None))
    assert (plan.segments, plan.steps, plan.count(0)) == (0, 3, 3)
    plan.step([g, h])
    np.testing.assert_array_equal(np.concatenate([w, v]), [9, 9, 9, 25, 25])


@pytest.mark.parametrize("wrong", [np.zeros(1, np.int64), np.zeros(2)])
def test_addresses_must_be_one_each(wrong):
    with pytest.raises(IndexError):
        plan_of([np.zeros(3), np.zeros(2)]).step(None, wrong)


def test_an_address_in_a_weight_is_told_and_changes_nothing():
    w, v = np.ones(3), np.ones(2)
    plan = plan_of([w, v])
    with pytest.raises(MisfitError) as misfit:
        plan.step(None, addresses(np.ones(3), w[1:]))
    assert misfit.value.args == (1,)
    np.testing.assert_array_equal(np.concatenate([w, v]), np.ones(5))
    assert plan.steps == 0


def test_partly_shared_memory_is_found():
    memory = np.zeros(100)
    plan = plan_of([memory[10:20], memory[40:50]])
    free, taken = np.ones(10), [memory[1:11], memory[19:29], memory[31:41], memory[49:59], memory[12:22]]
    for part in taken:
        for index, pair in enumerate([[part, free], [free, part]]):
            with pytest.raises(MisfitError, match=str(index)):
                plan.step(pair)
    assert plan.step([memory[0:10], memory[20:30]])
    assert plan.step([memory[30:40], memory[50:60]])


def test_settings_may_be_functions_of_the_step():
    w = np.zeros(1)
    plan = plan_of(([w], (2.0, 0.0)), gradients=[np.ones(1)])
    plan.vary(0, [(0, lambda step: 10.0 * (step + 1))])
    plan.step()
    plan.step()
    assert w[0] == (10 + 1) + (20 + 2)
    plan.vary(0, [])
    plan.configure(0, (5.0, 0.0))
    plan.step()
    assert w[0] == 33 + 5 + 3


def test_a_function_that_fails_leaves_everything_as_it_was():
    w = np.zeros(1)
    plan = plan_of([w], gradients=[np.ones(1)])
    plan.vary(0, [(0, lambda step: 1 / step)])
    with pytest.raises(ZeroDivisionError):
        plan.step([np.full(1, 7.0)])
    assert (w[0], plan.steps) == (0, 0)
    plan.vary(0, [(0, lambda step: 1.0)])
    plan.step()
    assert (w[0], plan.steps) == (1 + 1, 1)


def test_given_gradients_and_the_usual_ones_take_turns():
    w = np.zeros(1)
    plan = plan_of(([w], (1.0, 0.0)), gradients=[np.ones(1)])
    for gradients, total in ((None, 1), ([np.full(1, 10.0)], 11), (None, 12), ([np.full(1, 20.0)], 32), (None, 33)):
        plan.step(gradients)
        assert w[0] - plan.steps * (plan.steps + 1) / 2 == total


def test_limits_are_errors():
    with pytest.raises(ValueError, match="at most 32 settings"):
        plan_of(([np.zeros(1)], (0.0,) * 33))


def test_more_than_2_to_the_31_bytes():
    """Pointers and lengths beyond 32 bits; the zeros are not in memory before they are written."""
    count = 2**28 + 3  # doubles: 2 GiB and a bit
    w, g = np.zeros(count), np.zeros(count)
    g[-1] = 5.0
    plan = plan_of(([w], (1.0, 0.0)))
    plan.step([g])
    assert (w[0], w[-2], w[-1]) == (1.0, 1.0, 6.0)


def test_two_threads_in_one_plan():
    """The second is refused while the first is inside, and nothing is lost."""
    w = np.zeros(3_000_000)
    plan = plan_of(([w], (0.0, 0.0)), gradients=[np.zeros(3_000_000)])
    refused, made = [], []

    def many():
        for _ in range(60):
            try:
                plan.step()
                made.append(1)
            except RuntimeError as error:
                refused.append(str(error))

    both = [threading.Thread(target=many) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert refused
    assert "in the middle of a step in another thread" in refused[0]
    assert plan.steps == len(made)
    assert (w == sum(range(1, len(made) + 1))).all()
