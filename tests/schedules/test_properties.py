"""What holds for every schedule of every family, whatever its fields."""

import copy
import json
import math
import pickle
import timeit
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fastlr.schedules import (
    FAMILIES,
    Constant,
    Cosine,
    CosineRestarts,
    Function,
    Piecewise,
    Plateau,
    Product,
    Schedule,
    Sequential,
    Warmup,
    from_dict,
)
from fastlr.schedules.settings import Length, Rate, kinds
from tests.helpers import bits
from tests.schedules.strategies import STEPS, of_family, schedules
from tests.schedules.test_errors import WORKING

EVERY = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
FEW = settings(max_examples=30, deadline=None)


def test_there_are_families():
    assert len(FAMILIES) > 20
    assert Constant in FAMILIES
    assert Schedule not in FAMILIES


@EVERY
@FEW
@given(data=st.data())
def test_an_array_has_the_bits_of_its_steps_in_any_order(family, data):
    schedule = data.draw(of_family(family))
    steps = data.draw(st.lists(STEPS, max_size=20))
    alone = [schedule(step) for step in steps]
    assert all(type(rate) is float for rate in alone)
    expected = bits(np.array(alone, float))
    assert bits(schedule(np.array(steps, np.int64))) == expected
    assert bits(schedule(steps)) == expected
    backwards = [schedule(step) for step in reversed(steps)]
    assert bits(np.array(backwards[::-1], float)) == expected


@EVERY
@FEW
@given(data=st.data())
def test_finite_and_not_negative(family, data):
    schedule, step = data.draw(of_family(family)), data.draw(STEPS)
    if family is Product:
        assume(math.prod(factor(step) for factor in schedule.factors) < math.inf)  # 1e3 at most each, but four of them
    rate = schedule(step)
    assert math.isfinite(rate)
    assert rate >= 0.0


@EVERY
@FEW
@given(data=st.data())
def test_is_a_value(family, data):
    schedule = data.draw(of_family(family))
    for again in (pickle.loads(pickle.dumps(schedule)), copy.deepcopy(schedule), eval_repr(schedule)):
        assert again == schedule
        assert hash(again) == hash(schedule)
    with pytest.raises(AttributeError):
        setattr(schedule, next(iter(kinds(family))), 0.5)


def eval_repr(schedule):
    from tests.schedules.strategies import halved

    names = {each.__name__: each for each in FAMILIES}
    return eval(repr(schedule).replace(repr(halved), "halved"), {**names, "halved": halved})


@EVERY
@FEW
@given(data=st.data())
def test_survives_json(family, data):
    schedule = data.draw(of_family(family, depth=1))
    if "Function" in repr(schedule):
        with pytest.raises(TypeError, match=r"^Function\(.*\): a function of the step is code"):
            schedule.to_dict()
        return
    document = json.loads(json.dumps(schedule.to_dict(), allow_nan=False))
    assert document["schedule"] == family.__name__
    again = from_dict(document)
    assert again == schedule
    assert repr(again) == repr(schedule)


@FEW
@given(schedules(1), schedules(1), st.integers(0, 10**6), STEPS)
def test_then_rebases(first, second, at, step):
    if isinstance(first, Sequential):  # to be continued behind its last part
        at += first.milestones[-1] + 1
    both = first.then(second, at=at)
    assert both(at + step) == second(step)
    if at:
        assert both(step % at) == first(step % at)
    third = both.then(0.125, at=at + 7)
    assert third(at + 7 + step) == 0.125
    assert third(at + step % 7) == second(step % 7)


@FEW
@given(schedules(1), schedules(1), st.floats(0, 1), st.floats(1, 10), STEPS)
def test_products_and_clamps(first, second, low, high, step):
    assert (first * second)(step) == first(step) * second(step)
    assert (0.5 * first)(step) == (first * 0.5)(step) == 0.5 * first(step)
    assert first.clamp(low, high)(step) == min(max(first(step), low), high)
    assert first.clamp(low)(step) == max(first(step), low)


@FEW
@given(schedules(1), st.integers(1, 1000), STEPS)
def test_per_epoch(schedule, steps_per_epoch, step):
    by_epoch = schedule.per_epoch(steps_per_epoch)
    assert by_epoch(step * steps_per_epoch) == by_epoch((step + 1) * steps_per_epoch - 1) == schedule(step)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64"])
def test_takes_every_whole_number(dtype):
    schedule = Function(float)
    steps = np.array([[0, 1], [100, 7]], dtype)
    assert bits(schedule(steps)) == bits(steps.astype(float))
    assert type(schedule(steps[1, 0])) is float
    assert schedule(np.array(3, dtype)) == 3.0
    assert schedule(np.zeros((0, 2), dtype)).shape == (0, 2)


def test_a_call_costs_less_than_two_microseconds():
    """Every family, and what people make of them."""
    made = [family(**WORKING[family.__name__]) for family in FAMILIES if family.__name__ in WORKING]
    cosine = Cosine(0.1, 900)
    made += [Warmup(cosine, 100), Warmup(cosine, 100).then(cosine, at=500) * 0.5, cosine.clamp(0.01), Plateau(cosine)]
    made += [cosine.per_epoch(10), CosineRestarts(0.1, 10, period_factor=1.5), Piecewise([0.1, 0.2], [5])]
    for schedule in made:
        seconds = min(timeit.repeat(lambda schedule=schedule: schedule(777), number=2000, repeat=9)) / 2000
        assert seconds < 2e-6, schedule


def test_a_family_of_ones_own():
    """The example at the head of fastlr/schedules/base.py: fields and a formula are all it takes."""

    @dataclass(frozen=True)
    class Halved(Schedule):
        peak: Rate
        every: Length = 10

        def _at(self, t: int) -> float:
            return self.peak * 0.5 ** (t // self.every)

    halved = Halved(1.0)
    assert halved([0, 9, 10, 25]).tolist() == [1.0, 1.0, 0.5, 0.25]
    assert repr(halved).endswith("Halved(peak=1.0, every=10)")
    assert from_dict(halved.clamp(0.1).to_dict()) == halved.clamp(0.1)
    with pytest.raises(ValueError, match=r"^Halved\(every=0\): every must be a whole number in \[1, 2\*\*53\], got 0$"):
        Halved(1.0, 0)


def test_a_field_without_a_kind_is_refused():
    @dataclass(frozen=True)
    class Odd(Schedule):
        peak: float

        def _at(self, t: int) -> float:
            return self.peak

    with pytest.raises(
        TypeError, match=r"^no kind for the annotation <class 'float'>: use one of fastlr\.schedules\.set"
    ):
        Odd(1.0)
