"""The engine's table by itself: arrays of rows and values, and no optimizer."""

from typing import Any

import numpy as np
import pytest

from fastlr.engine.oracle_rows import OracleTable
from fastlr.engine.rows import RowError, Table
from tests.engine.test_native import work

ROWS, VALUES = np.array([2, 0, 2]), np.array([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]])


def table(w: Any) -> Table:
    """w += settings[0] * g + t, as in `test_native`."""
    return Table(work((2.0, 100.0)), (w,))


def test_a_step_touches_its_rows_alone() -> None:
    w = np.zeros((4, 2))
    made = table(w)
    coefficients = made.coefficients(5, (2.0, 100.0))
    assert coefficients.tolist() == [2.0, 5.0]
    made.step(ROWS, VALUES, coefficients)
    assert w.tolist() == [[11.0, 13.0], [0.0, 0.0], [27.0, 49.0], [0.0, 0.0]]


def test_missed_steps_are_made_with_their_own_coefficients() -> None:
    w, last = np.zeros((3, 2)), np.array([4, 6, 5])
    past = np.array([[2.0, 10.0], [2.0, 100.0]])  # of the steps behind the fourth
    table(w).step(np.array([0, 2]), None, None, last, 6, past, 4)
    assert w.tolist() == [[110.0, 110.0], [0.0, 0.0], [100.0, 100.0]]
    assert last.tolist() == [6, 6, 6]
    table(w).step(None, None, None, last, 6, past, 4)
    assert w.tolist() == [[110.0, 110.0], [0.0, 0.0], [100.0, 100.0]]


@pytest.mark.parametrize("kind", [Table, OracleTable])
@pytest.mark.parametrize("bad", [4, -1, 2**40, -(2**63)])
def test_a_row_that_is_not_there_is_told_by_its_position(kind: Any, bad: int) -> None:
    w = np.zeros((4, 2))
    with pytest.raises(RowError) as error:
        kind(work((2.0, 100.0)), (w,)).step(np.array([0, bad, 9]), VALUES, np.ones(2))
    assert error.value.args == (1,)
    assert not w.any()


def test_rows_that_collide_and_repeat_are_told_apart() -> None:
    """Many rows at powers of two, in an order that repeats them: each row's sum is its own."""
    rows = np.concatenate([2 ** np.arange(20), 3 * 2 ** np.arange(18), 2 ** np.arange(20)[::-1]])
    w = np.zeros((2**20, 1))
    table(w).step(rows, np.arange(1.0, len(rows) + 1)[:, None], np.array([1.0, 0.0]))
    expected = np.zeros_like(w)
    np.add.at(expected, rows, np.arange(1.0, len(rows) + 1)[:, None])
    assert (w == expected).all()
