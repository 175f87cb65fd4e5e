"""`fastlr diagnose`: what is wrong with a run, from its log."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from fastlr import plots
from fastlr.cli import terminal
from fastlr.cli.arguments import check_output
from fastlr.cli.command import CommandError, Commands
from fastlr.lab import Diagnosis, diagnose, records
from fastlr.lab.checks import known
from fastlr.lab.diagnosis import Log, read_log

EXAMPLES = """\
examples:
  fastlr diagnose runs/digits/history.csv
  fastlr diagnose lightning_logs/version_0/metrics.csv --out here
  fastlr diagnose log.jsonl --column loss=objective --column lr=eta
  fastlr diagnose all.csv --run adam --json

A log is CSV, JSON lines or JSON, and needs a loss for each step or epoch.  Learning rates make the verdict surer, and
the advice a number.  Which column was taken for what is said.  With gradients at hand, fastlr.lab.Monitor in the loop
sees more.

exit codes: 0 every run is healthy; 1 some are not; 2 the log cannot be read
"""


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "diagnose",
        help="say what is wrong with a run's learning rate, from its log",
        description="Name the fault, with evidence and a number to use instead: too high, too low, diverging, a\n"
        "schedule that is too aggressive, or healthy.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_diagnose)
    parser.add_argument("log", metavar="LOG", type=Path, help="CSV, JSON lines or JSON, of any framework")
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="WHAT=NAME",
        type=_pair,
        help="the column of loss, lr, step, grad_norm, val_loss, accuracy or run, where guessing fails",
    )
    parser.add_argument("--run", metavar="NAME", help="which, of several (default: all)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for a picture of each run (default: none)")
    parser.add_argument("--json", action="store_true", help="print one JSON document, and nothing else, to stdout")


def _diagnose(args: argparse.Namespace) -> int:
    if args.out is not None:
        check_output(args.out)
    found, log = _found(args)
    written = _write(args.out, found) if args.out is not None else []
    if args.json:
        document = {"log": str(args.log), "columns": log.told, "runs": [each.document() for each in found]}
        print(json.dumps({**document, "pictures": written}, indent=2, ensure_ascii=False, allow_nan=False), flush=True)
    else:
        shown = terminal.console()
        shown.print(f"{args.log}: {log.told}")
        for each in found:
            shown.print(f"\n{each}")
        if written:
            shown.print(f"\nwritten: {', '.join(written)}")
    return 0 if all(each.healthy for each in found) else 1


def _found(args: argparse.Namespace) -> tuple[Sequence[Diagnosis], Log]:
    try:
        columns: Mapping[str, str] = dict(args.column)
        log = read_log(args.log, columns)
        names = {trace.name: trace for trace in log.traces}
        chosen = log.traces if args.run is None else [known("diagnose", "--run", args.run, names)]
    except ValueError as error:
        raise CommandError(error) from error
    return [diagnose(trace) for trace in chosen], log


def _write(folder: Path, found: Sequence[Diagnosis]) -> list[str]:
    names = [f"diagnosis-{k}.png" if len(found) > 1 else "diagnosis.png" for k in range(1, len(found) + 1)]
    try:
        for name, each in zip(names, found, strict=True):
            records.write(folder, {name: plots.png(plots.diagnosis(each))})
    except OSError as error:
        raise CommandError(f"the pictures could not be written: {error}", 1) from error
    return [str(folder / name) for name in names]


def _pair(text: str) -> tuple[str, str]:
    what, equals, name = text.partition("=")
    if not equals or not what or not name:
        raise argparse.ArgumentTypeError(f"must be WHAT=NAME, as in loss=objective, got {text!r}")
    return what, name
