"""step_rows: the bits of plain NumPy operations in the documented order; exact: the bits of dense steps."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastlr
from fastlr.engine import native
from fastlr.reference import rows as reference
from fastlr.schedules import Plateau
from tests.helpers import DTYPES, bits, normal
from tests.table import CASES, IDS, KERNELS

N, WIDTH, STEPS = 23, 5, 7
BACKENDS = ["cython", "numpy"]


@pytest.fixture
def threads() -> Any:
    """Sets how many threads every step uses, however small it is."""
    before, least = fastlr.get_num_threads(), native.set_parallel_from(1, 1)
    yield fastlr.set_num_threads
    fastlr.set_num_threads(before)
    native.set_parallel_from(*least)


def rate(step: int) -> float:
    return [0.1, 0.003, 0.0, 0.7, 0.01][step % 5] / (1 + step)


def batches(dtype: str, *shape: int, seed: int = 3, n: int = N, steps: int = STEPS) -> list[Any]:
    """(rows, values) of each step, some of them several times, some never, in one step none."""
    rng = np.random.default_rng(seed)
    made = []
    for k in range(steps):
        rows = rng.integers(0, n - 3, 0 if k == 3 else int(rng.integers(1, 2 * n)))
        scale = np.exp(rng.normal(0, 3, (len(rows), *[1] * len(shape))))
        made.append((rows, (rng.normal(size=(len(rows), *shape)) * scale).astype(dtype)))
    return made


def plain(rule: Any, t: int) -> Any:
    """Step t = 1, 2, ... of a rule, on whole arrays."""
    now = dataclasses.replace(rule, lr=rule.lr(t - 1) if callable(rule.lr) else rule.lr)
    values = dict(zip(rule.coefficients.returns, rule.coefficients(float(t), *now.arguments()), strict=True))

    def step(w: Any, g: Any, *state: Any) -> Any:
        with np.errstate(all="ignore"):
            return rule.kernel(w, g, *state, *(w.dtype.type(values[name]) for name in rule.kernel.coefficients))

    return step


def state_of(opt: Any) -> list[Any]:
    (name,) = opt.params
    return [opt.params[name], *opt.state[name].values()]


def started(opt: Any) -> list[Any]:
    return [array.copy() for array in state_of(opt)]


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_lazy_is_the_composition_of_numpy_operations(name: str, options: Any, threads: Any) -> None:
    turn = CASES.index((name, options))
    dtype = DTYPES[turn % 2]
    for backend in BACKENDS:
        threads(1 + (turn + len(backend)) % 4)
        table = normal(1, N, WIDTH, dtype=dtype)
        opt = getattr(fastlr, name)(table, lr=rate, backend=backend, **options)
        expected: Any = started(opt)
        for t, (rows, values) in enumerate(batches(dtype, WIDTH), start=1):
            assert opt.step_rows(table, rows, values) is True
            expected = reference.lazy(expected, rows, values, plain(opt.groups[0].rule, t))
            assert bits(state_of(opt)) == bits(list(expected)), (backend, t)
        assert opt.steps == opt.groups[0].steps == STEPS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_exact_is_the_replay_of_what_was_missed(kernel: str, dtype: str, threads: Any) -> None:
    cls, options = KERNELS[kernel]
    for count, backend in enumerate([*BACKENDS, "numba"], start=1):
        threads(count)
        table = normal(1, N, WIDTH, dtype=dtype)
        opt = cls(table, lr=rate, backend=backend, **options)
        arrays: Any = started(opt)
        last, steps = np.zeros(N, np.int64), []
        for t, (rows, values) in enumerate(batches(dtype, WIDTH), start=1):
            opt.step_rows(table, rows, values, mode="exact")
            steps.append(plain(opt.groups[0].rule, t))
            arrays, last = reference.exact(arrays, last, rows, values, steps)
            assert bits(state_of(opt)) == bits(list(arrays)), (backend, t)
        some = np.array([N - 1, 0, N - 1])
        opt.catch_up(table, some)
        arrays, last = reference.caught_up(arrays, last, some, steps)
        assert bits(state_of(opt)) == bits(list(arrays)), backend


def dense(rows: Any, values: Any, like: Any) -> Any:
    whole = np.zeros_like(like)
    unique, sums = reference.summed(rows, values.reshape(len(rows), like[0].size))
    whole[unique] = sums.reshape(len(unique), *like.shape[1:])
    return whole


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_exact_is_dense_steps_with_zeros_elsewhere(name: str, options: Any, threads: Any) -> None:
    """Whatever happens to the settings meanwhile."""
    turn = CASES.index((name, options))
    dtype = DTYPES[turn // 2 % 2]
    threads(1 + turn % 4)
    backend = BACKENDS[turn % 5 == 0]
    made = [normal(1, N, WIDTH, dtype=dtype) for _ in range(2)]
    rates = [Plateau(0.5, patience=0) for _ in made]
    sparse, whole = (
        getattr(fastlr, name)(table, lr=lr, backend=backend, **options) for table, lr in zip(made, rates, strict=True)
    )
    for t, (rows, values) in enumerate(batches(dtype, WIDTH)):
        sparse.step_rows(made[0], rows, values, mode="exact")
        whole.step(dense(rows, values, made[1]))
        if t % 2:
            sparse.catch_up(made[0], rows[: len(rows) // 2])
        for opt, lr in zip((sparse, whole), rates, strict=True):
            if t < 4:
                lr.observe(float(t))  # worse and worse: the rate falls
            else:
                opt.groups[0]["lr"] = 0.1 * t  # by hand
    touched = np.unique(rows)
    assert bits(made[0][touched]) == bits(made[1][touched])
    sparse.catch_up()
    assert bits(state_of(sparse)) == bits(state_of(whole))
    assert sparse.groups[0].steps == whole.steps == STEPS


def test_exact_differs_from_lazy() -> None:
    """Or the tests above would compare little."""
    results = []
    for mode in ("lazy", "exact"):
        table = normal(1, N, WIDTH)
        opt = fastlr.Adam(table)
        for rows, values in batches("float32", WIDTH):
            opt.step_rows(table, rows, values, mode=mode)
        opt.catch_up()
        results.append(table)
    assert (results[0] != results[1]).any()
    assert np.array_equal(results[0][-3:], results[1][-3:])  # never touched


def test_settings_of_every_kind_are_remembered() -> None:
    tables = [normal(1, N, WIDTH) for _ in range(2)]
    decay = {"weight_decay": lambda step: 0.1 / (1 + step), "betas": (0.9, lambda step: 0.9 + 0.01 * step)}
    sparse, whole = (fastlr.AdamW(table, lr=rate, **decay) for table in tables)
    for rows, values in batches("float32", WIDTH):
        sparse.step_rows(tables[0], rows, values, mode="exact")
        whole.step(dense(rows, values, tables[1]))
    sparse.catch_up()
    assert bits(state_of(sparse)) == bits(state_of(whole))


@pytest.mark.parametrize("options", [{}, {"momentum": 0.5}, {"weight_decay": 0.1}])
def test_a_long_absence(options: Any) -> None:
    """With rates that stay, rise and fall: where a row has come to rest, what follows is passed over."""
    tables = [np.ones((2, 3)) for _ in range(2)]
    sparse, whole = (fastlr.SGD(table, lr=0.0, **options) for table in tables)
    for t in range(400):
        for opt in (sparse, whole):
            opt.groups[0]["lr"] = (0.0, 0.25, 0.125, 0.0, 0.5)[t // 80]
        rows, values = np.array([0] if t else [0, 1]), np.full((2 - bool(t), 3), 0.5**t)
        sparse.step_rows(tables[0], rows, values, mode="exact")
        whole.step(dense(rows, values, tables[1]))
    sparse.catch_up()
    assert bits(state_of(sparse)) == bits(state_of(whole))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_shape_and_any_numbers(draw: Any) -> None:
    """Tables of one to three dimensions, rows of any shape; NaN, infinities, subnormals, zeros of both signs."""
    dtype = draw.draw(st.sampled_from(DTYPES))
    n, inner = draw.draw(st.integers(1, 9)), tuple(draw.draw(st.lists(st.integers(0, 19), max_size=2)))
    shape = tuple(draw.draw(st.lists(st.integers(0, 4), max_size=2)))
    rows = draw.draw(hnp.arrays(draw.draw(st.sampled_from(["int64", "int32"])), shape, elements=st.integers(0, n - 1)))
    floats = st.floats(width=np.dtype(dtype).itemsize * 8)
    table = draw.draw(hnp.arrays(dtype, (n, *inner), elements=floats))
    values = draw.draw(hnp.arrays(dtype, (*shape, *inner), elements=floats))
    flat, width = rows.reshape(-1), int(np.prod(inner))
    for backend in BACKENDS:
        mine = table.copy()
        opt = fastlr.Adam(mine, lr=0.37, backend=backend)
        expected = [array.reshape(n, width) for array in started(opt)]
        opt.step_rows(mine, rows, values)
        with np.errstate(all="ignore"):
            new = reference.lazy(expected, flat, values.reshape(len(flat), width), plain(opt.groups[0].rule, 1))
        for got, wanted in zip(state_of(opt), new, strict=True):
            np.testing.assert_array_equal(got.reshape(n, width), wanted)
            assert np.array_equal(
                np.signbit(got.reshape(n, width)) | np.isnan(wanted), np.signbit(wanted) | np.isnan(wanted)
            )


def test_many_rows_by_any_number_of_threads(threads: Any) -> None:
    rng = np.random.default_rng(0)
    rows, values = rng.integers(0, 4_000, 20_000), rng.normal(size=(20_000, 17)).astype("f4")
    results = set()
    for count in (1, 2, 3, 4):
        threads(count)
        for mode in ("lazy", "exact"):
            table = np.ones((5_000, 17), np.float32)
            opt = fastlr.AdamW(table, lr=rate)
            for part in np.split(np.arange(20_000), 5):
                opt.step_rows(table, rows[part], values[part], mode=mode)
            opt.catch_up()
            results.add((mode, table.tobytes()))
    assert len(results) == 2


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "Adam"])
def test_lazy_steps_are_torchs_sparse_ones(name: str) -> None:
    import torch

    table = normal(1, N, WIDTH, dtype="float64")
    weight = torch.nn.Parameter(torch.from_numpy(table.copy()))
    if name == "Adam":
        # SparseAdam takes the short form of the bias correction, as keras does.
        opt, other = fastlr.Adam(table, 0.1, like="keras", eps=1e-8), torch.optim.SparseAdam([weight], 0.1)
    else:
        opt, other = getattr(fastlr, name)(table, 0.1), getattr(torch.optim, name)([weight], 0.1)
    for rows, values in batches("float64", WIDTH):
        if not len(rows):
            continue  # a step of no rows counts here, and not in SparseAdam
        opt.step_rows(table, rows, values)
        with torch.sparse.check_sparse_tensor_invariants(True):
            weight.grad = torch.sparse_coo_tensor(torch.from_numpy(rows)[None], torch.from_numpy(values), table.shape)
            other.step()
    np.testing.assert_allclose(table, weight.detach().numpy(), rtol=1e-12, atol=1e-14)


def test_the_cost_does_not_grow_with_the_table() -> None:
    """A step of the whole table takes thousands of times as long."""
    import time

    def seconds(call: Any) -> float:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began

    table = np.ones((500_000, 16), np.float32)
    rows, values, grads = np.arange(0, 500_000, 50_000), np.ones((10, 16), np.float32), np.ones_like(table)
    for mode in ("lazy", "exact"):
        opt, whole = fastlr.Adam(table), fastlr.Adam(table.copy())
        opt.step_rows(table, rows, values, mode=mode)
        few = min(seconds(lambda: opt.step_rows(table, rows, values)) for _ in range(20))  # noqa: B023
        all_rows = min(seconds(lambda: whole.step(grads)) for _ in range(3))  # noqa: B023
        assert few < all_rows / 20
