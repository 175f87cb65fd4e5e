"""`fastlr study`: what articles teach about learning rates, trained again and checked."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fastlr import plots
from fastlr.cli import tasks, terminal
from fastlr.cli.arguments import add_output, check_output, positive
from fastlr.cli.command import CommandError, Commands
from fastlr.lab import PRESETS, STUDIES, StudyResult, records, study
from fastlr.lab.studies import report

if TYPE_CHECKING:
    from rich.table import Table

EXAMPLES = """\
examples:
  fastlr study all
  fastlr study momentum --seeds 5,6,7,8,9
  fastlr study adaptive --preset torch
  fastlr study all --data wine --epochs 100
  fastlr study learning-rate --data houses.csv --target price

Each setting is trained with every seed.  Progress is 0 for guessing and 1 for the best of the study; seeds are summed
up by their median.  blobs is the experiment of the articles: two features, three classes, 50 units, 200 epochs.

exit codes: 0 every claim holds; 1 some do not, or the results could not be written; 2 the command or the data cannot
be used; 130 interrupted
"""


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "study",
        help="check what articles claim about learning rates, momentum, decay and adaptive optimizers",
        description="Train the five studies that everybody teaches, and check each of their claims.  Writes a picture "
        "for\neach, report.md, report.html and study.json.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_study)
    parser.add_argument("name", metavar="NAME", choices=(*STUDIES, "all"), help=f"{', '.join(STUDIES)}, or all")
    parser.add_argument(
        "--data",
        default="blobs",
        metavar="DATA",
        help=f"{', '.join(tasks.KNOWN)}, or the path of a CSV file (default: %(default)s)",
    )
    parser.add_argument(
        "--preset", choices=tuple(PRESETS), default="2019", help="whose defaults (default: Keras' of 2019)"
    )
    tasks.add_seeds(parser)
    parser.add_argument("--epochs", type=positive, metavar="N", help="default: 200 for blobs, else as in fastlr train")
    tasks.add_task(parser)
    add_output(parser, "runs/study-DATA")


def _study(args: argparse.Namespace) -> int:
    errors = terminal.console(stderr=True)
    shown = errors if args.json else terminal.console()
    task = tasks.task(args)
    folder = args.out or Path("runs") / f"study-{task.name}"
    check_output(folder)
    results: list[StudyResult] = []
    for name in STUDIES if args.name == "all" else [args.name]:
        with tasks.bar(name, errors) as told:
            results.append(study(name, task, seeds=args.seeds, preset=args.preset, report=told))
        # after each, so that Ctrl-C costs the one under way only
        _write(folder, results)
        shown.print(f"{results[-1].title}: {report.described(results[-1])}")
        shown.print(_table(results[-1]))
        shown.print()
    claims = [claim for result in results for claim in result.claims]
    holding = sum(claim.holds for claim in claims)
    shown.print(f"{holding} of {len(claims)} claims hold")
    shown.print(f"written to {folder}: {', '.join(f'{result.name}.png' for result in results)}, report.md, report.html")
    if args.json:
        print(json.dumps({**report.document(results), "folder": str(folder)}, indent=2, allow_nan=False), flush=True)
    return 0 if holding == len(claims) else 1


def _write(folder: Path, results: Sequence[StudyResult]) -> None:
    last = results[-1]
    texts = {
        "report.md": report.markdown(results),
        "report.html": report.html(results),
        "study.json": json.dumps(report.document(results), indent=2, allow_nan=False) + "\n",
    }
    try:
        records.write(folder, {f"{last.name}.png": plots.png(plots.study(last))})
        records.write(folder, {name: text.encode() for name, text in texts.items()})
    except OSError as error:
        raise CommandError(f"the results could not be written: {error}", 1) from error


def _table(result: StudyResult) -> "Table":
    table = terminal.plain_table()
    for header in report.HEADER:
        table.add_column(header, overflow="fold", no_wrap=header == "")
    for claim in result.claims:
        table.add_row(*report.cells(claim))
    return table
