"""Steps of some rows of a table, as a composition of plain NumPy operations: what `step_rows` equals bit for bit.

A *step* here is any optimizer's for whole arrays, `w, *state = step(w, g, *state)` for weights w of shape (n, width), g
of the same shape, and its state arrays; so this is every optimizer's.  Nothing is modified, everything is new.

Row-wise Adagrad is here as well, for its state is a number a row.  Mudigere et al. 2022, arXiv:2104.05158.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
Step = Callable[..., tuple[Floats, ...]]


def summed(rows: Integers, values: Floats) -> tuple[Integers, Floats]:
    """Each row once, and its gradients added in order of occurrence.

    Parameters
    ----------
    rows : array of int, shape (k,)
    values : array of floats, shape (k, width)

    Returns
    -------
    array of int, shape (u,)
        The different rows, ascending.
    array, shape (u, width)

    Examples
    --------
    >>> from fastlr.reference.rows import summed
    >>> summed(np.array([3, 1, 3]), np.array([[1.0], [2.0], [4.0]]))
    (array([1, 3]), array([[2.],
           [5.]]))
    """
    sums: dict[int, Floats] = {}
    for row, value in zip(rows.tolist(), values, strict=True):
        sums[row] = sums[row] + value if row in sums else value
    unique = sorted(sums)
    added = np.array([sums[row] for row in unique], values.dtype)
    return np.array(unique, np.int64), added.reshape(len(unique), values.shape[1])


def lazy(arrays: Sequence[Floats], rows: Integers, values: Floats, step: Step) -> tuple[Floats, ...]:
    """Add up the gradients of each row, take the rows out, make the step on them, put them back.

    Parameters
    ----------
    arrays : sequence of arrays, each of n rows
        The weights and the state.
    rows, values
        As in `summed`.
    step : callable
        This step of the optimizer.

    Returns
    -------
    tuple of arrays
        The weights and the state after it; rows that are not in `rows` are as they were.

    Examples
    --------
    >>> from fastlr.reference.rows import lazy
    >>> lazy([np.ones((3, 1))], np.array([2]), np.array([[8.0]]), lambda w, g: (w - 0.5 * g,))
    (array([[ 1.],
           [ 1.],
           [-3.]]),)
    """
    rows, g = summed(rows, values)
    w, *state = (array[rows] for array in arrays)
    new = [array.copy() for array in arrays]
    for array, value in zip(new, step(w, g, *state), strict=True):
        array[rows] = value
    return tuple(new)


def caught_up(
    arrays: Sequence[Floats], last: Integers, rows: Integers, steps: Sequence[Step]
) -> tuple[tuple[Floats, ...], Integers]:
    """Make the steps that rows have missed, with gradients of zero.

    Parameters
    ----------
    arrays : sequence of arrays, each of n rows
        The weights and the state.
    last : array of int, shape (n,)
        How many steps each row has behind it.
    rows : array of int
        Which rows.
    steps : sequence of callables
        All steps that the optimizer has made: row r has missed `steps[last[r]:]`.

    Returns
    -------
    tuple of arrays, array of int
        The weights and the state, and `last`, after it.
    """
    last = last.copy()
    for row in np.unique(rows).tolist():
        for step in steps[last[row] :]:
            arrays = lazy(arrays, np.array([row]), np.zeros_like(arrays[0][row : row + 1]), step)
        last[row] = len(steps)
    return tuple(arrays), last


def exact(
    arrays: Sequence[Floats], last: Integers, rows: Integers, values: Floats, steps: Sequence[Step]
) -> tuple[tuple[Floats, ...], Integers]:
    """Make the steps that the rows have missed, then the last of `steps`, as in `lazy`.

    Parameters
    ----------
    arrays, last, steps
        As in `caught_up`; the last of `steps` is the one to make.
    rows, values
        As in `summed`.

    Returns
    -------
    tuple of arrays, array of int
        The weights and the state, and `last`, after it.
    """
    arrays, last = caught_up(arrays, last, rows, steps[:-1])
    last = last.copy()
    last[rows] = len(steps)
    return lazy(arrays, rows, values, steps[-1]), last


def mean_of_squares(rows: Floats) -> NDArray[np.float64]:
    """The mean of the squares of each row, in float64.

    Squares 0, 8, 16, ... are added up in that order, so are squares 1, 9, 17, ..., and so on; of these eight sums the
    first four and the last four are added, of these the first two and the last two, and then the two.
    """
    squares = rows.astype(np.float64) * rows.astype(np.float64)
    s = np.zeros((8, len(rows)))
    for i, square in enumerate(squares.T):
        s[i % 8] = s[i % 8] + square
    total = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
    mean: NDArray[np.float64] = total / np.float64(rows.shape[1])
    return mean


def rowwise_adagrad(
    w: Floats,
    g: Floats,
    v: NDArray[np.float64],
    lr: float = 1e-2,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    *,
    maximize: bool = False,
) -> tuple[Floats, NDArray[np.float64]]:
    """One step of row-wise Adagrad of whole arrays: `lr` is this step's.

    Parameters
    ----------
    w, g : arrays of floats, shape (n, width)
        Weights and gradients.
    v : array of float64, shape (n,)
        The sums of mean squares.
    lr, eps, weight_decay, maximize
        As in `fastlr.RowwiseAdagrad`; `weight_decay * w` is added to the gradient before it is squared.

    Returns
    -------
    w, v
        After it.

    References
    ----------
    Mudigere et al. 2022, ISCA, arXiv:2104.05158; FBGEMM's EXACT_ROWWISE_ADAGRAD.

    Examples
    --------
    >>> from fastlr.reference.rows import rowwise_adagrad
    >>> rowwise_adagrad(np.ones((1, 2)), np.array([[1.0, 7.0]]), np.zeros(1), lr=0.5, eps=0.0)
    (array([[0.9, 0.3]]), array([25.]))
    """
    dtype = w.dtype.type
    g = dtype(-1 if maximize else 1) * g + dtype(weight_decay) * w
    v = v + mean_of_squares(g)
    rate = (lr / (np.sqrt(v) + eps)).astype(dtype)
    return w - rate[:, None] * g, v
