"""Tables beside other parameters: what counts their steps, what `step` does with them, and what is refused."""

import threading
from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr import checkpoint
from fastlr.schedules import Plateau
from tests.helpers import bits, misaligned, normal, outcome

ROWS, VALUES = np.array([3, 0, 3]), normal(9, 3, 2)


def model() -> tuple[Any, Any]:
    return normal(1, 4), normal(2, 5, 2)


def grouped(**settings: Any) -> Any:
    """An optimizer of dense weights and a table."""
    w, table = model()
    return fastlr.Adam(
        [{"params": {"w": w}}, {"params": {"table": table}}], lr=lambda step: 0.1 / (1 + step), **settings
    )


def alone(index: int) -> Any:
    """The same of one of the two."""
    return fastlr.Adam(model()[index], lr=lambda step: 0.1 / (1 + step))


@pytest.mark.parametrize("rows_first", [True, False])
@pytest.mark.parametrize("mode", ["lazy", "exact"])
def test_each_goes_by_its_own_count(mode: Any, rows_first: bool) -> None:
    """Two steps of the table for one of the weights: the numbers are those of two optimizers."""
    opt, dense, sparse = grouped(), alone(0), alone(1)
    opt.step_rows("1.table", ROWS, VALUES, mode=mode)
    sparse.step_rows(sparse.params[""], ROWS, VALUES, mode=mode)
    for k in range(3):
        g = normal(k, 4)
        for by_rows in (rows_first, True, not rows_first):
            if by_rows:
                opt.step_rows(opt.params["1.table"], ROWS, VALUES)
            else:
                assert opt.step([{"w": g}, None])
        dense.step(g)
        for _ in range(2):
            sparse.step_rows("", ROWS, VALUES)
    assert bits(opt.params["0.w"]) == bits(dense.params[""])
    assert bits(opt.params["1.table"]) == bits(sparse.params[""])
    assert (opt.steps, [group.steps for group in opt.groups]) == (3, [3, 7])
    assert (sparse.steps, sparse.lr, dense.lr) == (7, 0.1 / 8, 0.1 / 4)
    assert (sparse._plan.settings(0)[0], opt._plan.settings(1)[0]) == (0.1 / 7, 0.1 / 7)  # of the last step


def test_an_optimizer_of_tables_counts_the_one_that_took_most() -> None:
    a, b = normal(1, 3, 2), normal(2, 3, 2)
    opt = fastlr.SGD([{"params": a}, {"params": b}], lr=lambda step: 1.0 / (1 + step))
    for table, steps in ((a, 0), (b, 1), (b, 2)):  # only with the second it is known to be one
        opt.step_rows(table, np.array([0]), np.ones((1, 2), np.float32))
        assert opt.steps == steps
    assert opt.lr == 0.5  # of the first group, which has taken one


def test_dense_steps_may_come_first() -> None:
    """Then they count, and rows are up to date."""
    tables = [normal(1, 5, 2) for _ in range(2)]
    one, other = (fastlr.AdamW(table) for table in tables)
    g = normal(3, 5, 2)
    one.step(g)
    other.step(g)
    one.step_rows(tables[0], np.array([2]), g[2:3], mode="exact")
    whole = np.zeros_like(g)
    whole[2] = g[2]
    other.step(whole)
    one.catch_up()
    assert outcome(one) == outcome(other)


def test_a_pattern_makes_the_group() -> None:
    w, table = model()
    opt = fastlr.SGD({"w": w, "table": table}, lr=0.5, overrides={"table": {}})
    before = table.copy()
    opt.step_rows("table", ROWS, VALUES)
    opt.step({"w": np.ones(4, np.float32), "table": None})
    np.testing.assert_array_equal(table[3], before[3] - np.float32(0.5) * (VALUES[0] + VALUES[2]))
    np.testing.assert_array_equal(table[[1, 2, 4]], before[[1, 2, 4]])


def test_step_leaves_tables_alone() -> None:
    opt = grouped()
    opt.step_rows("1.table", ROWS, VALUES)
    before = bits(opt.params["1.table"])
    opt.step([{"w": normal(1, 4)}, {"table": normal(2, 5, 2)}])
    assert bits(opt.params["1.table"]) == before
    assert opt.groups[1].steps == 1


def test_a_frozen_table_is_left_alone_and_goes_on() -> None:
    opt = grouped()
    opt.step_rows("1.table", ROWS, VALUES, mode="exact")
    opt.groups[1].freeze()
    before = outcome(opt)
    assert opt.step_rows("1.table", ROWS, VALUES) is False
    assert opt.groups[1].frozen
    assert outcome(opt) == before
    opt.groups[1].unfreeze()
    assert not opt.groups[1].frozen
    opt.step([{"w": normal(1, 4)}, None])  # it is a table still
    assert opt.step_rows("1.table", ROWS, VALUES) is True
    assert opt.groups[1].steps == 2


def test_tables_survive_a_group_that_comes_later() -> None:
    opt, sparse = grouped(), alone(1)
    opt.step_rows("1.table", ROWS, VALUES, mode="exact")
    opt.add_group({"params": normal(4, 2)})
    opt.step([{"w": normal(1, 4)}, None, normal(5, 2)])
    opt.step_rows("1.table", ROWS[:1], VALUES[:1])
    opt.catch_up()
    for rows, values in ((ROWS, VALUES), (ROWS[:1], VALUES[:1])):
        sparse.step_rows("", rows, values, mode="exact")
    sparse.catch_up()
    assert bits(opt.params["1.table"]) == bits(sparse.params[""])


def test_a_table_without_rows_and_steps_without_rows() -> None:
    table = np.ones((0, 3))
    opt = fastlr.Adam(table)
    for mode in (None, "lazy"):
        assert opt.step_rows(table, np.zeros(0, np.int64), np.zeros((0, 3)), mode=mode)
    assert opt.steps == 2


def trained(opt: Any, mode: Any, until: int) -> None:
    for k in range(opt.steps, until):
        rows = np.random.default_rng(k).integers(0, 5, 3)
        opt.step_rows("1.table", rows, normal(k, 3, 2), mode=mode)
        opt.step([{"w": normal(k, 4)}, None])


def fresh() -> Any:
    opt = grouped()
    for array in opt.params.values():
        array[...] = 0
    return opt


@pytest.mark.parametrize("stop", [0, 1, 4])
@pytest.mark.parametrize("mode", ["lazy", "exact"])
def test_going_on_from_a_checkpoint(mode: Any, stop: int, tmp_path: Any) -> None:
    """The bits of never having stopped; also into an optimizer that was in another state."""
    whole = grouped()
    trained(whole, mode, 6)
    whole.catch_up()
    part = grouped()
    trained(part, mode, stop)
    checkpoint.save(tmp_path / "run.safetensors", part, background=True)
    other = fresh()
    trained(other, "lazy", 2)
    for opt in (fresh(), other):
        for strict in (True, False):
            checkpoint.load(tmp_path / "run.safetensors", opt, strict=strict)
            trained(opt, mode, 6)
            opt.catch_up()
            assert outcome(opt) == outcome(whole), (strict, opt is other)


def test_a_state_is_a_snapshot() -> None:
    opt = grouped()
    trained(opt, "exact", 3)
    saved = opt.state_dict()
    kept = bits({key: value for key, value in saved["groups"][1]["rows"].items() if isinstance(value, np.ndarray)})
    trained(opt, "exact", 5)
    opt.catch_up()
    assert (
        bits({key: value for key, value in saved["groups"][1]["rows"].items() if isinstance(value, np.ndarray)}) == kept
    )
    assert "rows" not in saved["groups"][0]


def test_a_whole_catch_up_forgets_the_past() -> None:
    opt = grouped()
    trained(opt, "exact", 4)
    assert opt.state_dict()["groups"][1]["rows"]["coefficients"].shape[0] == 4
    opt.catch_up()
    opt.catch_up()
    saved = opt.state_dict()["groups"][1]["rows"]
    assert (saved["coefficients"].shape[0], saved["begin"], saved["last"].tolist()) == (0, 4, [4] * 5)


def edited(**rows: Any) -> Any:
    opt = grouped()
    trained(opt, "exact", 3)
    saved = opt.state_dict()
    saved["groups"][1]["rows"] |= rows
    return saved


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"mode": "eager"}, r"group 1: rows must have a mode, one of 'lazy', 'exact'"),
        ({"last": np.zeros(4, np.int64)}, r"rows must have last, int64 of shape \(5,\)"),
        ({"last": np.zeros(5)}, r"rows must have last, int64"),
        ({"last": np.full(5, 9)}, r"last must be in \[0, 3\], got from 9 to 9"),
        ({"last": np.full(5, -1)}, r"last must be in \[0, 3\], got from -1 to -1"),
        ({"begin": None}, "begin, a whole number"),
        ({"begin": 1}, r"rows must have coefficients, float32 of shape \(2, \d+\)"),
        ({"coefficients": np.zeros((3, 2), "f4")}, "rows must have coefficients"),
    ],
)
def test_a_state_that_cannot_be(rows: Any, message: str) -> None:
    opt = grouped()
    before = outcome(opt)
    with pytest.raises(ValueError, match=rf"^Adam\.load_state_dict: .*{message}"):
        opt.load_state_dict(edited(**rows))
    assert outcome(opt) == before
    assert not opt.groups[1].by_rows


V, T, ix = ValueError, TypeError, IndexError
CALL = r"^Adam\.step_rows"
MISTAKES: list[tuple[str, Any, Any, str]] = [
    ("no such name", ("table", ROWS, VALUES), V, r": param must be .* \['0\.w', '1\.table'\], got 'table'$"),
    ("another array", (normal(1, 5, 2), ROWS, VALUES), V, ": param must be .*, got another ndarray$"),
    ("a number", (1, ROWS, VALUES), V, ": param must be .*, got another int$"),
    ("rows a list", (None, [0, 1, 2], VALUES), T, ": rows must be a NumPy array of int64 or int32, got list$"),
    (
        "rows of floats",
        (None, ROWS * 1.0, VALUES),
        T,
        r": rows must be int64 or int32, got float64; .*astype\('int64'\)",
    ),
    ("rows of bool", (None, ROWS > 1, VALUES), T, ": rows must be int64 or int32, got bool;"),
    ("rows uint64", (None, ROWS.astype("u8"), VALUES), T, ": rows must be int64 or int32, got uint64;"),
    ("rows swapped", (None, ROWS.astype(">i8"), VALUES), T, ": rows must be int64 or int32, got >i8;"),
    ("beyond", (None, np.array([0, 5, 9]), VALUES), ix, r": rows\[1\] must be in \[0, 5\), the table's rows, got 5$"),
    ("negative", (None, np.array([0, 1, -1]), VALUES), ix, r": rows\[2\] must be in \[0, 5\), .*, got -1$"),
    ("2-d", (None, np.array([[0], [7]]), normal(0, 2, 1, 2)), ix, r": rows\[1, 0\] must be in .*, got 7$"),
    ("values a list", (None, ROWS, [[1.0, 2.0]] * 3), T, ": values must be a NumPy array, got list$"),
    (
        "float64",
        (None, ROWS, VALUES.astype("f8")),
        T,
        r": values must be float32 like the table, got float64; .*float32'",
    ),
    ("too wide", (None, ROWS, normal(0, 3, 3)), V, r": values must have shape \(3, 2\), a row of .*, got \(3, 3\)$"),
    ("too few", (None, ROWS, VALUES[:2]), V, r": values must have shape \(3, 2\), .*, got \(2, 2\)$"),
    ("flat", (None, ROWS, VALUES.ravel()), V, r": values must have shape \(3, 2\), .*, got \(6,\)$"),
    ("transposed", (None, ROWS, normal(0, 2, 3).T), V, r": values must be C-contiguous and aligned, got strides"),
    ("misaligned", (None, ROWS, misaligned(VALUES)), V, ": values must be C-contiguous and aligned"),
]


@pytest.mark.parametrize("stepped", [False, True])
@pytest.mark.parametrize("backend", ["cython", "numpy"])
@pytest.mark.parametrize(("arguments", "error", "message"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_a_mistake_is_named_and_changes_nothing(
    arguments: Any, error: Any, message: str, backend: str, stepped: bool
) -> None:
    opt = grouped(backend=backend)
    if stepped:
        opt.step_rows("1.table", ROWS, VALUES, mode="exact")
    before = outcome(opt), bits(VALUES)
    param, *rest = arguments
    with pytest.raises(error, match=CALL + message):
        opt.step_rows("1.table" if param is None else param, *rest)
    assert (outcome(opt), bits(VALUES)) == before
    assert opt.groups[1].by_rows is stepped
    assert opt.step_rows("1.table", ROWS, VALUES)


def test_a_table_that_has_not_begun_is_no_table_yet() -> None:
    message = r"gradient of array '1\.table' must be a NumPy array, got NoneType; .* taken its first step by step_rows$"
    with pytest.raises(TypeError, match=message):
        grouped().step([{"w": normal(1, 4)}, None])


def refused(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_more_mistakes() -> None:
    opt = grouped()
    opt.step_rows("1.table", ROWS, VALUES)
    refused(
        lambda: opt.step_rows("1.table", ROWS, VALUES, mode="exact"), V, r"\(mode='exact'\): mode must be 'lazy', as"
    )
    refused(lambda: opt.step_rows("1.table", ROWS, VALUES, mode="eager"), V, "mode must be one of 'lazy', 'exact'$")
    shared = opt.params["1.table"][:3]
    refused(lambda: opt.step_rows("1.table", ROWS, shared), V, "values must not share memory with the table or its st")
    state = opt.state["1.table"]["m"][:3]
    refused(lambda: opt.step_rows("1.table", ROWS, state), V, "values must not share memory with the table or its st")
    refused(lambda: opt.catch_up(None, ROWS), T, r"^Adam\.catch_up: rows must be of a table, pass param as well$")
    refused(lambda: opt.catch_up("w"), V, r"^Adam\.catch_up: param must be one of")
    opt.catch_up("0.w", ROWS)  # nothing to do
    exact = grouped()
    exact.step_rows("1.table", ROWS, VALUES, mode="exact")
    refused(
        lambda: exact.catch_up("1.table", np.array([5])), ix, r"^Adam\.catch_up: rows\[0\] must be in \[0, 5\), .* 5$"
    )
    both = fastlr.SGD({"w": normal(1, 4), "table": normal(2, 5, 2)})
    message = r"^SGD\.step_rows: array 'w' must be in a group of its own, got one with \['w', 'table'\]; .*overrides"
    refused(lambda: both.step_rows("table", ROWS, VALUES), V, message)
    point = fastlr.SGD(np.ones(()))
    refused(
        lambda: point.step_rows("", np.array([0]), np.ones(1)), V, "the array must have rows, got an array of shape"
    )
    only = fastlr.SGD(normal(1, 5, 2))
    only.step_rows("", ROWS, VALUES)
    message = r"^SGD\.step\(grads\): all parameters take their steps by rows, use SGD\.step_rows$"
    refused(lambda: only.step(normal(1, 5, 2)), T, message)


def test_a_rate_that_cannot_be_changes_nothing() -> None:
    table = normal(1, 5, 2)
    opt = fastlr.Adam(table, lr=lambda step: 0.1 if step < 1 else -1.0)
    opt.step_rows(table, ROWS, VALUES, mode="exact")
    before = outcome(opt), opt.state_dict()["groups"][0]["rows"]["coefficients"].shape
    refused(lambda: opt.step_rows(table, ROWS, VALUES), V, r"lr\(1\) must be in \[0, inf\), got -1.0")
    assert (outcome(opt), opt.state_dict()["groups"][0]["rows"]["coefficients"].shape) == before


def test_a_second_thread_is_told() -> None:
    """The rate is asked for inside of a step: there another thread tries."""
    errors: list[str] = []

    def intrude() -> None:
        for call in (lambda: opt.step_rows(table, ROWS, VALUES), opt.catch_up):
            try:
                call()
            except RuntimeError as error:
                errors.append(str(error))

    def lr(step: int) -> float:
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()
        return 0.1

    table = normal(1, 5, 2)
    opt = fastlr.SGD(table, lr=lr)
    assert opt.step_rows(table, ROWS, VALUES)
    assert len(errors) == 2
    assert errors[0].startswith("SGD.step_rows: this table is in the middle of a step in another thread")
    assert opt.steps == 1


def test_a_driven_schedule_of_a_table_travels() -> None:
    one, other = (fastlr.SGD(normal(1, 5, 2), lr=Plateau(0.5, patience=0), momentum=0.5) for _ in range(2))
    for loss in (1.0, 2.0, 3.0):
        one.step_rows("", ROWS, VALUES, mode="exact")
        one.groups[0]["lr"].observe(loss)
    other.params[""][...] = one.params[""]
    other.load_state_dict(one.state_dict())
    for opt in (one, other):
        opt.step_rows("", ROWS[:1], VALUES[:1])
        opt.catch_up()
    assert outcome(one) == outcome(other)


def test_what_is_around_steps_of_whole_arrays_is_refused() -> None:
    """Rows would miss it without a word."""
    table = np.ones((4, 2))
    opt = fastlr.SGD(table, max_norm=1.0, average=fastlr.EMA())
    with pytest.raises(
        ValueError, match=r"SGD.step_rows: max_norm, average must not be set, which are for steps of whole"
    ):
        opt.step_rows(table, np.array([1]), np.ones((1, 2)))
    assert (table == 1).all()
    with pytest.raises(
        ValueError, match=r"RowwiseAdagrad\(max_norm=...\): must not be set, it is for steps of whole arrays"
    ):
        fastlr.RowwiseAdagrad(table, max_norm=1.0)
