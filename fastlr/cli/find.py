"""`fastlr find`: a learning rate from a few hundred steps."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastlr import plots
from fastlr.cli import tasks, terminal
from fastlr.cli.arguments import add_output, check_output, positive, whole
from fastlr.cli.command import CommandError, Commands
from fastlr.lab import Choice, Finding, find_lr, records
from fastlr.lab.finding.result import HEADER, summary
from fastlr.lab.plain import plain
from fastlr.lab.sweeps.driver import choices_of

if TYPE_CHECKING:
    from rich.table import Table

EXAMPLES = """\
examples:
  fastlr find wine
  fastlr find digits --optimizers sgd,momentum,adam
  fastlr find houses.csv --target price --seeds 10
  fastlr find digits --check 0

The rate grows by the same factor each step, for several seeds at once; a fixed probe batch is scored after each step.
Useful from: a tenth of the gain is reached.  Too high from: the loss turns up.  Short runs at rates around what this
suggests then decide, as long as a third of the runs that are planned (--epochs).  A curve that says nothing gives no
suggestion, but the reason.  fastlr sweep, eight times as long, trains to the end.

exit codes: 0 found; 1 no suggestion for any optimizer, or the results could not be written; 2 the command or the data
cannot be used; 130 interrupted
"""


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "find",
        help="find the learning rate quickly: a range test, checked by short runs",
        description="Find a learning rate by a range test and short runs.  Shows what it says, and why; writes "
        "find.json\nand a picture for each optimizer.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_find)
    tasks.add_search(parser)
    parser.add_argument(
        "--min-lr", type=float, default=1e-6, metavar="X", help="the lowest rate (default: %(default)s)"
    )
    parser.add_argument("--max-lr", type=float, default=100.0, metavar="X", help="the highest (default: %(default)s)")
    parser.add_argument("--steps", type=positive, default=300, metavar="N", help="of the ramp (default: %(default)s)")
    parser.add_argument(
        "--check", type=whole, metavar="N", help="steps of the short runs, 0 for none (default: a third of a full run)"
    )
    tasks.add_seeds(parser)
    parser.add_argument(
        "--epochs", type=positive, metavar="N", help="of the runs the rate is for; default: as in fastlr train"
    )
    tasks.add_task(parser)
    add_output(parser, "runs/find-DATA")


def _find(args: argparse.Namespace) -> int:
    errors = terminal.console(stderr=True)
    shown = errors if args.json else terminal.console()
    task = tasks.task(args)
    folder = args.out or Path("runs") / f"find-{task.name}"
    options = {
        "min_lr": args.min_lr,
        "max_lr": args.max_lr,
        "steps": args.steps,
        "seeds": args.seeds,
        "part": args.part,
        "verify": args.check if args.check else args.check is None,
    }
    found: list[Finding] = []
    try:
        choices = choices_of(args.optimizers)
        check_output(folder)
        with tasks.bar(task.name, errors) as told:
            for index, choice in enumerate(choices):

                def tell(share: float, index: int = index) -> None:
                    told((index + share) / len(choices))

                found += [find_lr(task, choice, report=tell, **options)]
    except ValueError as error:
        raise CommandError(error) from error
    failure = _write(folder, choices, found)
    shown.print(f"{task.name}: {found[0].measured}, {sum(finding.steps for finding in found):,} steps\n")
    shown.print(_table(found))
    shown.print("\n" + "\n".join(finding.advice for finding in found))
    if failure is None:
        shown.print(f"written to {folder}: {', '.join(('find.json', *map(_picture, choices)))}")
    if args.json:
        print(json.dumps({**_document(found), "folder": str(folder)}, indent=2, allow_nan=False), flush=True)
    if failure is not None:
        raise failure
    return 0 if any(finding.suggestion is not None for finding in found) else 1


def _picture(choice: Choice) -> str:
    return f"find-{choice.name}.png"


def _write(folder: Path, choices: Sequence[Choice], found: Sequence[Finding]) -> CommandError | None:
    """Write the results, or say why not: they are still shown then."""
    text = json.dumps(_document(found), indent=2, allow_nan=False) + "\n"
    pictures = {_picture(c): plots.png(plots.finding(finding)) for c, finding in zip(choices, found, strict=True)}
    try:
        records.write(folder, {"find.json": text.encode(), **pictures})
    except OSError as error:
        return CommandError(f"the results could not be written: {error}", 1)
    return None


def _document(found: Sequence[Finding]) -> dict[str, Any]:
    document: dict[str, Any] = plain({"findings": [_entry(finding) for finding in found]})
    return document


def _entry(finding: Finding) -> dict[str, Any]:
    check = finding.check
    return {
        "workload": finding.name,
        "optimizer": finding.optimizer,
        "measured": finding.measured,
        "suggestion": finding.suggestion,
        "bracket": finding.bracket,
        "ramp_alone": finding.ramped,
        "refusal": finding.reading.refusal or None,
        "advice": finding.advice,
        "steps": finding.steps,
        "seeds": finding.seeds,
        "by_seed": finding.by_seed,
        "deviation": finding.spread,
        "ramp": {"rates": finding.rates, "losses": finding.losses},
        "check": check
        and {"steps": check.steps, "planned": check.planned, "rates": check.rates, "losses": check.losses},
    }


def _table(found: Sequence[Finding]) -> "Table":
    table = terminal.plain_table()
    for header in HEADER:
        table.add_column(header, justify="left" if header == "optimizer" else "right")
    for finding in found:
        table.add_row(*summary(finding))
    return table
