"""The physical limit does the reads and writes that it says."""

import numpy as np
import pytest

from fastlr.bench.cases import Case
from fastlr.bench.peers import limit
from fastlr.bench.stream import Stream


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 15, 16, 17, 1000, 100_003])
@pytest.mark.parametrize("states", [0, 1, 2, 3])
def test_adds_the_gradient_to_the_rest(states, n, threads):
    rng = np.random.default_rng(n + states)
    before = rng.integers(0, 2**32, (2 + states, n), dtype=np.uint32)
    around = np.zeros((2 + states, n + 32), dtype=np.uint32)
    around[:, 16:-16] = before
    stream = Stream([row[16:-16] for row in around], threads)
    stream.step()
    stream.step()
    expected = before + 2 * before[1]
    expected[1] = before[1]
    np.testing.assert_array_equal(around[:, 16:-16], expected)
    assert not around[:, :16].any()
    assert not around[:, -16:].any()


@pytest.mark.parametrize(
    ("lengths", "message"),
    [([3], "from 2 to 5 arrays, got 1"), ([3] * 6, "got 6"), ([3, 4], "one length"), ([0, 0], "not empty")],
)
def test_refuses_what_it_cannot_stream(lengths, message):
    with pytest.raises(ValueError, match=message):
        Stream([np.zeros(n, dtype=np.uint32) for n in lengths], 1)


def test_moves_as_many_bytes_as_the_case_says(monkeypatch):
    made = []

    class Spy:
        def __init__(self, arrays, threads):
            made.extend(arrays)

        def step(self):
            pass

    monkeypatch.setattr(limit, "Stream", Spy)
    monkeypatch.setattr(limit, "calibrate", lambda step: 1)
    for case in (Case("adamw", 1001), Case("sgd", 100, arrays=7, dtype="float64"), Case("amsgrad", 64)):
        made.clear()
        limit.LIBRARY.contestants["limit"](case)
        sizes = [array.nbytes for array in made]
        assert sum(sizes) == case.memory
        assert 2 * sum(sizes) - sizes[1] == case.traffic  # all but g are also written


def test_arrays_begin_on_different_lines_of_their_pages():
    places = {limit._zeros(100, at=17 * 64 * k).ctypes.data % 4096 for k in range(5)}
    assert len(places) == 5
    assert all(place % 64 == 0 for place in places)
