"""Log files of any framework as traces.

Design: whatever was guessed or left out is said in `Log.told` and in the traces' remarks: a log that is read wrongly
gives a wrong diagnosis, and only who wrote it can tell.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fastlr.lab.checks import known
from fastlr.lab.diagnosis.columns import EPOCHS, KNOWN, guessed, normal
from fastlr.lab.diagnosis.files import read_records
from fastlr.lab.diagnosis.trace import Trace
from fastlr.lab.tables import DataError, counted, listed

GAP = 10.0
"""Observations are missing where the step goes on by so many times the usual."""
WANTED = ("loss", "lr", "grad_norm", "val_loss", "accuracy")
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Log:
    """What a log file holds.

    Attributes
    ----------
    traces : tuple of Trace
        One for each run.
    told : str
        Which column was taken for what.
    """

    traces: tuple[Trace, ...]
    told: str


def read_log(source: str | Path | Rows, columns: Mapping[str, str] | None = None) -> Log:
    """Read a log: CSV, JSON lines, or JSON (a list of records, Keras's history, Hugging Face's trainer state).

    Parameters
    ----------
    source : path, or sequence of mappings
        A file, or its records.
    columns : mapping of str to str, optional
        The log's name of "loss", "lr", "step", "grad_norm", "val_loss", "accuracy" or "run", where guessing fails.

    Returns
    -------
    Log

    Raises
    ------
    DataError
        For a file that cannot be read, or without a column of losses.

    Examples
    --------
    >>> from fastlr.lab.diagnosis import read_log
    >>> log = read_log([{"epoch": k, "train/loss": 1 / (k + 1), "lr": 0.1} for k in range(20)])
    >>> log.told
    "loss is 'train/loss', lr is 'lr', step is 'epoch'"
    >>> log.traces[0]["loss"][:3]
    array([1.        , 0.5       , 0.33333333])
    """
    file = str(source) if isinstance(source, str | Path) else "log"
    rows = read_records(Path(source), file) if isinstance(source, str | Path) else list(source)
    if not rows:
        raise DataError(f"{file}: no records: there must be at least one line with a loss")
    names = list(dict.fromkeys(name for row in rows for name in row))
    taken = {**guessed(names), **_given(columns or {}, names, file)}
    remarks: list[str] = []
    if "loss" not in taken and "val_loss" in taken:
        taken["loss"] = taken["val_loss"]
        remarks.append(f"there is no training loss: judged by {taken['loss']!r}")
    if "loss" not in taken:
        raise DataError(f"{file}: no column of losses: there are {listed(names)}; name it, as in loss=COLUMN")
    told = ", ".join(f"{what} is {name!r}" for what, name in taken.items())
    table = _table(rows, taken, remarks)
    unit = "epoch" if normal(taken.get("step", "")) in EPOCHS else "step"
    runs = [str(row.get(taken["run"], "")) for row in rows] if "run" in taken else [""] * len(rows)
    traces = []
    for run in dict.fromkeys(runs):
        chosen = np.array([each == run for each in runs])
        parts = _split({name: values[chosen] for name, values in table.items()}, remarks)
        for k, part in enumerate(parts, start=1):
            name = " ".join(filter(None, (run, f"part {k}" if len(parts) > 1 else "")))
            if (trace := _trace(part, name, unit, remarks)) is not None:
                traces.append(trace)
    if not traces:
        raise DataError(
            f"{file}: column {taken['loss']!r} holds no number: name the column of losses, as in loss=COLUMN"
        )
    return Log(tuple(traces), told)


def _given(columns: Mapping[str, str], names: Sequence[str], file: str) -> dict[str, str]:
    for what, name in columns.items():
        known("read_log", "columns", what, KNOWN)
        if name not in names:
            raise DataError(f"{file}: no column {name!r} for the {what}: there are {listed(names)}")
    return dict(columns)


def _table(rows: Rows, taken: Mapping[str, str], remarks: list[str]) -> dict[str, Any]:
    """Columns of numbers: NaN where a cell is empty or text, infinite where a loss says so."""
    table = {}
    for what in (*WANTED, "step"):
        if what not in taken:
            continue
        name = taken[what]
        wrong: list[tuple[int, Any]] = []
        values = np.empty(len(rows))
        for k, row in enumerate(rows):
            values[k] = _number(row.get(name), wrong, k)
        if wrong:
            first, cell = wrong[0]
            remarks.append(
                f"{counted(len(wrong), 'value')} of {name!r} are no numbers: record {first + 1} has {cell!r}"
            )
        table[what] = values
    return table


def _number(cell: Any, wrong: list[tuple[int, Any]], k: int) -> float:
    """A cell; infinite for what is written as not finite, NaN for what is not there."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return math.nan
    try:
        value = float(cell)
    except (TypeError, ValueError, OverflowError):
        wrong.append((k, cell))
        return math.nan
    return value if math.isfinite(value) else math.inf


def _split(table: dict[str, Any], remarks: list[str]) -> list[dict[str, Any]]:
    """One after another, the runs of a file whose step begins anew."""
    step = table.get("step")
    if step is None or not np.isfinite(step).all():
        if step is not None:
            remarks.append("some records have no step: they are counted instead")
        table["step"] = np.arange(len(next(iter(table.values()))), dtype=np.float64)
        return [table]
    back = np.flatnonzero(np.diff(step) < 0) + 1
    if not len(back):
        return [_merged(table)]
    anew = [k for k in back.tolist() if step[k] <= step[0]]
    if len(anew) == len(back):
        lengths = np.diff([0, *anew, len(step)])
        remarks.append(f"the step begins anew {counted(len(anew), 'time')}: {len(lengths)} runs")
        bounds = [0, *anew, len(step)]
        return [_merged({name: values[a:b] for name, values in table.items()}) for a, b in pairwise(bounds)]
    remarks.append(f"the step goes back {counted(len(back), 'time')}: what was done again replaces what it had done")
    kept = step < np.append(np.minimum.accumulate(step[::-1])[::-1][1:], np.inf)
    return [_merged({name: values[kept] for name, values in table.items()})]


def _merged(table: dict[str, Any]) -> dict[str, Any]:
    """Records of one step as one: some frameworks write a record for each metric."""
    steps, places = np.unique(table["step"], return_inverse=True)
    if len(steps) == len(places):
        return table
    found = {"step": steps}
    for name, values in table.items():
        if name != "step":
            found[name] = np.full(len(steps), np.nan)
            there = ~np.isnan(values)
            found[name][places[there]] = values[there]
    return found


def _trace(table: dict[str, Any], name: str, unit: str, remarks: Iterable[str]) -> Trace | None:
    loss, step = table["loss"], table["step"]
    if np.isnan(loss).all():
        return None
    own = list(remarks)
    broken = np.flatnonzero(np.isinf(loss))
    broke = float(step[broken[0]]) if broken.size else None
    kept = ~np.isnan(loss) if broke is None else ~np.isnan(loss) & (np.arange(len(loss)) < broken[0])
    gaps = np.diff(step[~np.isnan(loss)])
    usual = float(np.median(gaps)) if gaps.size else 0.0
    if gaps.size and gaps.max() > GAP * usual:
        k = int(gaps.argmax())
        before = float(step[~np.isnan(loss)][k])
        own.append(f"nothing was logged between {unit} {before:,.0f} and {before + gaps[k]:,.0f}")
    finite = {key: np.where(np.isfinite(values), values, np.nan)[kept] for key, values in table.items()}
    return Trace(_carried(finite, table, kept), broke, name=name, unit=unit, remarks=tuple(own))


def _carried(finite: dict[str, Any], table: dict[str, Any], kept: Any) -> dict[str, Any]:
    """With the last rate that was told, where a record has none."""
    rates = table.get("lr")
    if rates is not None and np.isfinite(rates).any():
        there = np.where(np.isfinite(rates), np.arange(len(rates)), -1)
        last = np.maximum.accumulate(there)
        first = int(np.flatnonzero(np.isfinite(rates))[0])
        finite["lr"] = rates[np.where(last < 0, first, last)][kept]
    return finite
