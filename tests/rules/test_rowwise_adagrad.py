"""Row-wise Adagrad: the bits of the reference, for all widths, threads and backends."""

import math
from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr.engine import native
from fastlr.reference import rows as reference
from tests.helpers import DTYPES, bits, normal, outcome

N = 11
SETTINGS: list[dict[str, Any]] = [
    {},
    {"weight_decay": 0.1, "lr_decay": 0.3, "eps": 1e-3},
    {"maximize": True, "initial_accumulator_value": 0.5},
]


@pytest.fixture(autouse=True)
def _threads() -> Any:
    before, least = fastlr.get_num_threads(), native.set_parallel_from(1, 1)
    yield
    fastlr.set_num_threads(before)
    native.set_parallel_from(*least)


def plain(settings: dict[str, Any], t: int) -> Any:
    """Step t of the reference."""
    rest = {key: settings[key] for key in ("weight_decay", "eps", "maximize") if key in settings}
    lr = 0.5 / (1.0 + (t - 1.0) * settings.get("lr_decay", 0.0))
    return lambda w, g, v: reference.rowwise_adagrad(w, g, v, lr=lr, **rest)


@pytest.mark.parametrize("mode", ["lazy", "exact"])
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 3, 8, 9, 64, 70])
def test_bits(width: int, dtype: str, settings: Any, mode: Any) -> None:
    rng = np.random.default_rng(width)
    batches = [(rng.integers(0, N - 2, k), normal(k, k, width, dtype=dtype)) for k in (5, 20, 0, 3)]
    for threads, backend in enumerate(("cython", "numpy", *["numba"] * (width == 9)), start=1):
        fastlr.set_num_threads(threads)
        table = normal(1, N, width, dtype=dtype)
        opt = fastlr.RowwiseAdagrad(table, lr=0.5, backend=backend, **settings)
        start = np.full(N, settings.get("initial_accumulator_value", 0.0))
        arrays: Any = (table.copy(), start)
        last, steps = np.zeros(N, np.int64), []
        for t, (rows, values) in enumerate(batches, start=1):
            opt.step_rows(table, rows, values, mode=mode)
            steps.append(plain(settings, t))
            if mode == "lazy":
                arrays = reference.lazy(arrays, rows, values, steps[-1])
            else:
                arrays, last = reference.exact(arrays, last, rows, values, steps)
            assert bits([table, opt.state[""]["v"]]) == bits(list(arrays)), (backend, t)
        opt.catch_up()
        if mode == "exact":
            arrays, last = reference.caught_up(arrays, last, np.arange(N), steps)
        assert bits([table, opt.state[""]["v"]]) == bits(list(arrays)), backend


def test_by_hand() -> None:
    """In plain Python, from the paper."""
    w, v = [1.0, -2.0, 0.5], 0.0
    table = np.array([w, w])
    opt = fastlr.RowwiseAdagrad(table, lr=0.1, eps=0.01)
    for g in ([1.0, 2.0, -2.0], [0.0, 0.5, 4.0]):
        v += sum(x * x for x in g) / 3
        w = [a - 0.1 * b / (math.sqrt(v) + 0.01) for a, b in zip(w, g, strict=True)]
        opt.step_rows(table, np.array([1]), np.array([g]))
    np.testing.assert_allclose(table[1], w, rtol=1e-14)
    assert opt.state[""]["v"][1] == pytest.approx(v, rel=1e-15)
    assert table[0].tolist() == [1.0, -2.0, 0.5]


def test_the_state_is_a_number_a_row() -> None:
    opt = fastlr.RowwiseAdagrad(np.ones((1000, 64), np.float32))
    assert [(array.shape, array.dtype.name) for array in opt.state[""].values()] == [((1000,), "float64")]


def test_state_travels() -> None:
    def made() -> Any:
        return fastlr.RowwiseAdagrad([{"params": normal(1, 6, 3)}, {"params": normal(2, 4, 2), "lr": 0.5}])

    one, other = made(), made()
    one.step_rows("0", np.array([1, 5, 1]), normal(3, 3, 3), mode="exact")
    one.step_rows("1", np.array([0]), normal(4, 1, 2))
    for name, array in other.params.items():
        array[...] = one.params[name]
    other.load_state_dict(one.state_dict())
    for opt in (one, other):
        opt.step_rows("0", np.array([2]), normal(5, 1, 3))
        opt.catch_up()
    assert outcome(one) == outcome(other)


def test_it_steps_by_rows_alone_each_table_a_group() -> None:
    with pytest.raises(ValueError, match=r"^RowwiseAdagrad\(params\): array 'a' must be in a group of its own"):
        fastlr.RowwiseAdagrad({"a": np.ones((2, 2)), "b": np.ones((3, 2))})
    with pytest.raises(ValueError, match="must have rows"):
        fastlr.RowwiseAdagrad(np.ones(()))
    table = np.ones((2, 2))
    opt = fastlr.RowwiseAdagrad(table)
    with pytest.raises(TypeError, match=r"use RowwiseAdagrad\.step_rows$"):
        opt.step(np.ones((2, 2)))
    with pytest.raises(TypeError, match=r"use RowwiseAdagrad\.step_rows$"):
        fastlr.RowwiseAdagrad(fastlr.pack([np.ones((2, 2))])).step()
    assert (table == 1).all()


def test_large_rows_are_summed_exactly_enough() -> None:
    """float32 squares are summed in float64: what overflows or vanishes there is kept."""
    table = np.zeros((2, 4), np.float32)
    opt = fastlr.RowwiseAdagrad(table, lr=1.0, eps=0.0)
    opt.step_rows(table, np.array([0, 1]), np.full((2, 4), [[1e30], [1e-30]], np.float32))
    np.testing.assert_allclose(table, -1, rtol=1e-6)
