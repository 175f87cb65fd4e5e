from itertools import pairwise

import pytest

from fastlr.bench import RACED, SIZES, Case, chosen, quick, standard


@pytest.mark.parametrize(
    ("optimizer", "dtype", "traffic"),
    [
        ("adamw", "float32", 28),
        ("sgd", "float32", 12),
        ("momentum", "float64", 40),
        ("centered+momentum", "float32", 36),
    ],
)
def test_the_bytes_of_a_weight(optimizer, dtype, traffic):
    assert Case(optimizer, 10, arrays=3, dtype=dtype).traffic == 30 * traffic


def test_names():
    assert str(Case("adamw", 64_000_000, threads=2)) == "adamw, 64,000,000 weights, float32, 2 threads"
    assert str(Case("sgd", 1000, 100)) == "sgd, 100 x 1,000 weights, float32, 1 thread"


def test_the_table_has_every_optimizer_and_size_that_readers_ask_for():
    cases = standard([2])
    assert {case.weights for case in cases if case.optimizer == "adamw"} == set(SIZES)
    assert {case.optimizer for case in cases if case.weights == max(SIZES)} == set(RACED) - {
        "nesterov",
        "amsgrad",
        "adamw+clip",
    }
    assert Case("adamw", 1_000, arrays=100, threads=2) in cases
    one, two = (Case("adamw", 1_000_000, threads=threads) for threads in (1, 2))
    assert one in cases
    assert two in cases


@pytest.mark.parametrize("cases", [standard([2, 1]), quick([1, 2], ["float32", "float64"]), standard([1])])
def test_no_case_is_there_twice_and_threads_change_once(cases):
    assert len(set(cases)) == len(cases)
    threads = [case.threads for case in cases]
    changes = sum(a != b for a, b in pairwise(threads))
    assert changes == len(set(threads)) - 1


def test_quick_is_small():
    assert max(case.total for case in quick([2])) == 1_000_000


def test_chosen_is_every_combination():
    cases = chosen(["sgd", "adam"], [(1, 10), (100, 1000)], ["float32", "float64"], [1])
    assert len(set(cases)) == 8
    assert Case("adam", 1000, 100, "float64", 1) in cases
