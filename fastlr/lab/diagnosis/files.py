"""Files of records: CSV, JSON lines, and JSON in the shapes that frameworks give it."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastlr.lab.tables import DataError


def read_records(path: Path, file: str) -> list[dict[str, Any]]:
    """The records of a log file, as it has them.

    Parameters
    ----------
    path : Path
    file : str
        What errors call it.

    Raises
    ------
    DataError
        For what is neither CSV nor JSON lines nor JSON.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{file}: this is not UTF-8 text: a log is CSV, JSON lines or JSON") from None
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from None
    start = text.lstrip()[:1]
    if start == "[" or (start == "{" and path.suffix != ".jsonl" and _whole(text) is not None):
        return _of_json(_whole(text), file)
    return _of_lines(text, file) if start == "{" else _of_csv(text)


def _whole(text: str) -> Any:
    """A text as one JSON document; None if it is none."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def _of_json(document: Any, file: str) -> list[dict[str, Any]]:
    if isinstance(document, dict):
        document = document.get("log_history", document.get("history", document))
    if isinstance(document, dict) and document and all(isinstance(values, list) for values in document.values()):
        length = max(map(len, document.values()))
        keys = [key for key, values in document.items() if len(values) == length]
        return [{key: document[key][k] for key in keys} for k in range(length)]
    if isinstance(document, dict):
        document = [document]
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise DataError(f"{file}: a JSON log must be a list of records, or lists of the same length by name")
    return [_flat(row) for row in document]


def _of_lines(text: str, file: str) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"{file}, line {number}: not JSON: {error.msg}; remove the line") from None
        if not isinstance(row, dict):
            raise DataError(f"{file}, line {number}: must be a record of names and values, got {line[:40]!r}")
        rows.append(_flat(row))
    return rows


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Records inside a record, with their names joined: {"train": {"loss": 1}} has "train/loss"."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{key}/")
        else:
            found[f"{before}{key}"] = value
    return found


def _of_csv(text: str) -> list[dict[str, Any]]:
    header = text.splitlines()[0] if text.strip() else ""
    separator = max((",", ";", "\t"), key=header.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, restval="")
    return [{name.strip(): value for name, value in row.items() if name} for row in reader if any(row.values())]
