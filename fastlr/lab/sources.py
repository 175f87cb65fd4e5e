"""Where data comes from: the real data sets inside scikit-learn, or a CSV file.

Design: what a file means is decided by a stated rule, and `DataSet.reason` says what was decided.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastlr.extras import extra
from fastlr.lab.data import DataSet, Task
from fastlr.lab.tables import MISSING, Column, DataError, Table, closest, counted, is_number, listed, read_table

BUILT_IN = ("digits", "wine", "iris", "breast_cancer", "diabetes")
MIN_ROWS = 10
MAX_CLASSES = 20


def load(
    source: str | Path,
    *,
    target: str | None = None,
    task: Task | None = None,
    ignore: Sequence[str] = (),
) -> DataSet:
    """Load a built-in data set by its name, or a CSV file.

    Parameters
    ----------
    source : str or Path
        "digits", "wine", "iris", "breast_cancer", "diabetes" (they come with scikit-learn), or the path of a
        CSV file: UTF-8, column names in the first line, separated by comma, semicolon or tab, all columns but
        the target numeric, nothing missing.
    target : str
        The column to predict; CSV files only, and needed there.
    task : {"classification", "regression"}, optional
        Decided by the target if not given.  Text: classification.  Numbers: classification if all are whole and
        there are two distinct ones, or at most 20 distinct ones and ten rows for each on average; otherwise regression.
    ignore : sequence of str
        Columns of the CSV file to leave out.

    Returns
    -------
    DataSet

    Raises
    ------
    DataError
        For an unknown name, or a file that cannot be used as it is: the message names file, line, column and value.
    ModuleNotFoundError
        For a built-in data set without scikit-learn.

    Examples
    --------
    >>> from fastlr.lab import load
    >>> load("wine")
    DataSet('wine', classification, 178 rows, 13 features, 3 classes)
    """
    if source in BUILT_IN:
        if target is not None or task is not None or ignore:
            given = next(name for name, value in [("target", target), ("task", task), ("ignore", ignore)] if value)
            raise DataError(
                f"{source}: {given} must be left out for a built-in data set (a file is given by ./{source})"
            )
        return _built_in(str(source))
    if not Path(source).exists():
        close = closest(str(source), BUILT_IN)
        guess = f"did you mean {close!r}? " if close else ""
        raise DataError(f"{source}: no such file or data set: {guess}built in are {', '.join(BUILT_IN)}")
    return _from_table(read_table(source), target, task, ignore)


def _built_in(name: str) -> DataSet:
    with extra("lab"):
        from sklearn import datasets
    bunch = getattr(datasets, f"load_{name}")()
    features = tuple(map(str, bunch.feature_names))
    if name == "diabetes":
        # the bunch does not name its target; this is its description's wording
        target = "disease progression"
        return DataSet(name, "regression", bunch.data, bunch.target, features, target, (), "built in")
    classes = tuple(map(str, bunch.target_names))
    y = bunch.target.astype(np.intp)
    return DataSet(name, "classification", bunch.data, y, features, "class", classes, "built in")


def _from_table(table: Table, target: str | None, task: Task | None, ignore: Sequence[str]) -> DataSet:
    if target is None:
        raise DataError(f"{table.file}: the target must be named: it is one of {listed(table.columns)}")
    table.check_known(target, "target")
    for name in ignore:
        table.check_known(name, "columns to ignore")
    if target in ignore:
        raise DataError(f"{table.file}: column {target!r} must not be both the target and ignored")
    names = tuple(name for name in table.columns if name != target and name not in ignore)
    if not names:
        raise DataError(f"{table.file}: no feature is left beside the target {target!r}: ignore fewer columns")
    if len(table.rows) < MIN_ROWS:
        raise DataError(
            f"{table.file}: {counted(len(table.rows), 'row')}, at least {MIN_ROWS} are needed to train and to test"
        )
    column = table.column(target, needed=True)
    # a class may well be called "none"
    column.refuse_missing(MISSING - {"none"})
    task, reason = _decide(column) if task is None else (task, "as chosen")
    y, classes = _encode(column) if task == "classification" else (column.numbers(), ())
    if len(np.unique(y)) < 2:
        value = column.values[0]
        raise DataError(f"{table.file}: all {len(y):,} rows have the same {target!r}, {value!r}: nothing can be learnt")
    x = np.stack([table.column(name).numbers() for name in names], axis=1)
    return DataSet(Path(table.file).stem, task, x, y, names, target, classes, reason)


def _decide(column: Column) -> tuple[Task, str]:
    """Classification or regression, and why."""
    text = [row for row, value in enumerate(column.values) if not is_number(value)]
    rows = len(column.values)
    if 0 < len(text) < rows / 2:
        raise column.error(
            text[0],
            f"is not a number, but {rows - len(text):,} of {rows:,} are: correct it, or say it is classification",
        )
    if text:
        return "classification", "it holds text"
    numbers = column.numbers()
    distinct = len(np.unique(numbers))
    if not (numbers == np.round(numbers)).all():
        return "regression", "it holds fractions"
    if distinct <= 2 or distinct <= min(MAX_CLASSES, rows / 10):
        return "classification", f"{distinct} distinct whole numbers in {rows:,} rows"
    return "regression", f"{distinct:,} distinct whole numbers in {rows:,} rows"


def _encode(column: Column) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Class indices, and the classes: numbers in their order ("1" and "1.0" are one), text in the alphabet's."""
    values = column.values
    if all(map(is_number, values)):
        numbers, y = np.unique(column.numbers(), return_inverse=True)
        return y, tuple(f"{number:.17g}" if number == round(number) else repr(float(number)) for number in numbers)
    classes = sorted(set(values))
    index = {name: k for k, name in enumerate(classes)}
    return np.array([index[value] for value in values], dtype=np.intp), tuple(classes)
