"""A CSV file as a table of text: its columns, its rows, and where everything stood, so that errors can say so.

Design: a file that cannot be read without a guess is refused.  Nothing is dropped, filled in or converted
silently, because a model trained on half of the data looks exactly like one trained on all of it.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEPARATORS = (",", ";", "\t")
MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none"})


class DataError(ValueError):
    """Data that cannot be used: the message names the place, the value and the remedy."""


@dataclass(frozen=True)
class Column:
    """One column of a CSV file, as text."""

    file: str
    name: str
    lines: tuple[int, ...]
    """The line of the file on which each row begins."""
    values: tuple[str, ...]
    needed: bool = False
    """Whether it cannot be ignored."""

    def numbers(self) -> NDArray[np.float64]:
        """The values as finite numbers.

        Raises
        ------
        DataError
            For the first value that is missing, not a number, or not finite.
        """
        try:
            numbers = [float(value) for value in self.values]
        except ValueError:
            self._refuse()
        # float() reads "1_000" as 1000, no other program does
        if not all(map(math.isfinite, numbers)) or any("_" in value for value in self.values):
            self._refuse()
        return np.array(numbers)

    def refuse_missing(self, missing: frozenset[str] = MISSING) -> None:
        """Raise a DataError if a value is missing."""
        absent = [row for row, value in enumerate(self.values) if value.lower() in missing]
        if absent:
            others = f" ({len(absent):,} values of this column are missing)" if len(absent) > 1 else ""
            remedy = (
                "fill it in, or remove the row" if self.needed else "fill it in, remove the row, or ignore the column"
            )
            raise self.error(absent[0], f"is missing{others}: {remedy}")

    def _refuse(self) -> None:
        self.refuse_missing()
        for row, value in enumerate(self.values):
            if not is_number(value):
                remedy = "encode the column as numbers" + ("" if self.needed else ", or ignore it")
                if re.fullmatch(r"[+-]?\d+,\d+", value):
                    remedy = "write decimals with a point"
                raise self.error(row, f"is not a number: {remedy}")
            if not math.isfinite(float(value)):
                raise self.error(row, "is not finite: correct it, or remove the row")

    def error(self, row: int, problem: str) -> DataError:
        """The error for a value: where it stands, what it is, what is wrong with it."""
        return DataError(f"{self.file}, line {self.lines[row]}, column {self.name!r}: {self.values[row]!r} {problem}")


@dataclass(frozen=True)
class Table:
    """A CSV file as text, read by `read_table`."""

    file: str
    columns: tuple[str, ...]
    lines: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str, *, needed: bool = False) -> Column:
        """The column of that name, which must exist."""
        index = self.columns.index(name)
        return Column(self.file, name, self.lines, tuple(row[index] for row in self.rows), needed)

    def check_known(self, name: str, role: str) -> None:
        """Raise a DataError if there is no such column."""
        if name not in self.columns:
            close = closest(name, self.columns)
            guess = f"did you mean {close!r}? " if close else ""
            raise DataError(f"{self.file}: no column {name!r} for the {role}: {guess}there are {listed(self.columns)}")


def read_table(path: str | Path) -> Table:
    """Read a CSV file: UTF-8, the first line names the columns, separated by comma, semicolon or tab.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Table
        Of stripped text.  Blank lines are skipped.

    Raises
    ------
    DataError
        For a file that is not such a table; the message says where and why.
    """
    file = str(path)
    text = _text(Path(path), file)
    separator = _separator(text)
    records = _records(text, separator, file)
    if not records:
        raise DataError(f"{file}: the file is empty: the first line must name the columns")
    columns = records[0][1]
    _check_header(columns, file)
    for line, fields in records[1:]:
        if len(fields) != len(columns):
            raise DataError(
                f"{file}, line {line}: {counted(len(fields), 'field')} for {counted(len(columns), 'column')} separated "
                f"by {separator!r}: complete the row, or quote a field that contains the separator"
            )
    if len(records) == 1:
        raise DataError(f"{file}: there is a header and no row below it: add the data")
    lines, rows = zip(*records[1:], strict=True)
    return Table(file, columns, lines, rows)


def _text(path: Path, file: str) -> str:
    try:
        # a byte order mark, which spreadsheets write, is not part of the first column's name
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(f"{file}, line {line}: this is not UTF-8 text: save the file as CSV in UTF-8") from None
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from None
    if "\0" in text:
        raise DataError(f"{file}: this is not UTF-8 text, it holds zero bytes: save the file as CSV in UTF-8")
    return text


def _separator(text: str) -> str:
    """The separator that splits the header and the first row alike, into the most fields."""

    def fit(separator: str) -> tuple[bool, int]:
        try:
            lengths = [len(fields) for _, fields in _records(text, separator, "", limit=2)]
        except DataError:
            return False, 0
        return len(set(lengths)) == 1 and lengths[0] > 1, max(lengths, default=0)

    return max(SEPARATORS, key=fit)


def _records(text: str, separator: str, file: str, limit: int = -1) -> list[tuple[int, tuple[str, ...]]]:
    """The line on which each record begins, and its fields."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    records: list[tuple[int, tuple[str, ...]]] = []
    line = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields) or len(fields) > 1:
                records.append((line, tuple(field.strip() for field in fields)))
            line = reader.line_num + 1
            if len(records) == limit:
                break
    except csv.Error as error:
        raise DataError(f"{file}, line {line}: {error}: check the quotes") from None
    return records


def _check_header(columns: Sequence[str], file: str) -> None:
    if len(columns) < 2:
        raise DataError(
            f"{file}: the header {columns[0]!r} names one column, at least a feature and a target are needed; "
            "columns are separated by comma, semicolon or tab"
        )
    for index, name in enumerate(columns):
        if not name:
            raise DataError(
                f"{file}: column {index + 1} of {len(columns)} has no name: name it, or remove it "
                "(an index that was saved by accident looks like this)"
            )
        if name in columns[:index]:
            raise DataError(f"{file}: two columns are named {name!r}: rename or remove one")
    if all(map(is_number, columns)):
        raise DataError(f"{file}: the first line must name the columns, got only numbers: {listed(columns)}")


def is_number(text: str) -> bool:
    """Whether the text is a number as every program reads it (or infinite, or nan).

    >>> is_number("-1.5e3"), is_number("1_000"), is_number("red")
    (True, False, False)
    """
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, whatever its case."""
    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None


def listed(names: Sequence[str], limit: int = 20) -> str:
    """The names in quotes, the rest counted.

    >>> listed(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(map(repr, names[:limit]))
    return f"{shown} and {len(names) - limit} more" if len(names) > limit else shown


def counted(number: int, noun: str) -> str:
    """The number with its noun.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
