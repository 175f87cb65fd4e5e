"""Values on a command line: what several commands take, and what they say about what they cannot take."""

import argparse
from pathlib import Path

from fastlr.cli.command import CommandError
from fastlr.extras import extra


def comma_separated(text: str) -> tuple[str, ...]:
    """Of "sgd, adam"."""
    found = tuple(name.strip() for name in text.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"must be names separated by commas, got {text!r}")
    return found


def positive(text: str) -> int:
    """1, 2, ..."""
    return _at_least(1, text)


def whole(text: str) -> int:
    """0, 1, 2, ..."""
    return _at_least(0, text)


def sizes(text: str) -> tuple[int, ...]:
    """Units of hidden layers: of "100,50", or "none"."""
    return () if text == "none" else tuple(map(positive, text.split(",")))


def _at_least(low: int, text: str) -> int:
    number = int(text) if text.strip().isdecimal() else -1
    if number < low:
        raise argparse.ArgumentTypeError(f"must be a whole number, at least {low}, got {text!r}")
    return number


def check_output(folder: Path) -> None:
    """Before the work rather than after it: what the results need."""
    with extra("lab"):
        import matplotlib  # noqa: F401
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"--out {folder}: {error.strerror or error}") from error


def add_data(group: argparse._ArgumentGroup) -> None:
    """Add what is said of a data set: its target, its columns, their scale."""
    group.add_argument("--target", metavar="COLUMN", help="the column to predict (CSV files)")
    group.add_argument("--task", choices=("classification", "regression"), help="default: decided by the target")
    group.add_argument("--ignore", metavar="COLUMNS", type=comma_separated, help="columns to leave out: id,name")
    group.add_argument(
        "--no-standardise",
        "--no-standardize",
        dest="standardise",
        action="store_false",
        help="take the features as they are, rather than with mean 0 and deviation 1",
    )


def add_output(parser: argparse.ArgumentParser, default: str) -> None:
    """Add where the results go; the default folder is named after what the command is given."""
    output = parser.add_argument_group("output")
    output.add_argument("--out", type=Path, metavar="DIR", help=f"folder to write to (default: {default})")
    output.add_argument("--json", action="store_true", help="print one JSON document, and nothing else, to stdout")
