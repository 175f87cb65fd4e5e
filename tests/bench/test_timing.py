"""Turns on a clock of our own."""

import gc

import pytest

from fastlr.bench.timing import TURN, calibrate, rest, timed, turn


class Clock:
    """Time passes only in steps."""

    def __init__(self, first=0.0, later=0.0):
        self.now, self.first, self.later, self.steps = 0.0, first, later, 0

    def __call__(self):
        return self.now

    def step(self):
        self.now += self.later if self.steps else self.first
        self.steps += 1


@pytest.mark.parametrize(("seconds", "number"), [(1.01 * TURN, 1), (0.6 * TURN, 2), (1e-6, 8192), (10.0, 1)])
def test_a_turn_has_as_many_steps_as_it_needs(seconds, number):
    clock = Clock(seconds, seconds)
    assert calibrate(clock.step, clock) == number
    assert number * seconds >= TURN
    assert number == 1 or number / 2 * seconds < TURN


def test_what_the_first_step_compiles_does_not_count():
    clock = Clock(first=100.0, later=0.001)
    assert calibrate(clock.step, clock) == 8


def test_a_turn_is_the_mean_of_its_steps_after_one_that_does_not_count():
    clock = Clock(first=7.0, later=0.002)
    assert turn(clock.step, 10, clock) == pytest.approx(0.002)
    assert clock.steps == 11


def test_a_turn_of_one_step_is_just_that():
    clock = Clock(first=7.0, later=0.002)
    assert turn(clock.step, 1, clock) == 7.0
    assert clock.steps == 1


def test_no_garbage_is_collected_within_a_turn():
    seen = []
    timed(lambda: seen.append(gc.isenabled()), 2, Clock())
    assert seen == [False, False]
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        timed(lambda: 1 / 0, 1, Clock())
    assert gc.isenabled()


def test_rest_waits_until_the_threads_have_stopped():
    used = iter([0.0, 0.002, 0.002, 0.004, 0.004, 0.00401])  # pairs: before and after each nap
    naps = []
    assert rest(lambda: next(used), naps.append)
    assert len(naps) == 3


def test_rest_gives_up():
    clock = Clock(later=0.002)
    assert not rest(lambda: clock.step() or clock.now, lambda seconds: None)
