import random

import numpy as np
import pytest

import fastlr
from fastlr.lab.finding.keeping import kept
from tests.helpers import Subject, bits


def test_everything_that_is_named_is_put_back():
    subject = Subject("cython")
    array, holder = np.array([1.0, np.nan, -0.0]), {"a": [np.arange(3)], "b": (np.ones(1),)}
    numbers = [np.random.default_rng(1), np.random.RandomState(2), random.Random(3), np.random.MT19937(4)]
    packed = fastlr.pack([np.ones(3)])
    before = bits([array, holder, packed.flat, packed.flat_grads]), subject.outcome(), subject.settings()

    def drawn():
        return numbers[0].random(), numbers[1].rand(), numbers[2].random(), numbers[3].random_raw()

    things = [array, holder, numbers, packed, *subject.optimizers]
    with kept(things) as put_back:
        seen = []
        for _ in range(2):
            put_back()
            seen.append(drawn())
            array += 1
            holder["a"][0] += 1
            packed.flat[:] = 7
            packed.flat_grads[:] = 7
            subject.step()
            for optimizer in subject.optimizers:
                optimizer.lr = 3.0
    assert seen[0] == seen[1] == drawn()
    assert bits([array, holder, packed.flat, packed.flat_grads]) == before[0]
    # but for the gradients of `packed`, which belong to who writes them
    assert subject.outcome()[1] == before[1][1]
    assert subject.settings() == before[2]


def test_also_where_something_raises():
    array = np.zeros(2)
    np.random.seed(5)
    expected = np.random.RandomState(5).rand()

    def failing():
        with kept([array]):
            array[:] += np.random.rand() + random.random()
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    assert (array == 0).all()
    assert np.random.rand() == expected


@pytest.mark.parametrize("thing", [3, "text", object(), {"a": None}])
def test_what_cannot_be_put_back_is_refused_at_once(thing):
    with pytest.raises(TypeError, match="cannot be put back: it must be an array"), kept([thing]):
        pytest.fail("within")
