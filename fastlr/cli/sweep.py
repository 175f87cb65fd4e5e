"""`fastlr sweep`: which learning rate to use, from full-length runs."""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastlr import plots
from fastlr.cli import tasks, terminal
from fastlr.cli.arguments import add_output, check_output, positive
from fastlr.cli.command import CommandError, Commands
from fastlr.lab import Adaptive, Choice, Curve, Sweep, rates, records, sweep
from fastlr.lab.plain import plain
from fastlr.lab.sweeps import tables
from fastlr.lab.sweeps.driver import choices_of
from fastlr.lab.sweeps.rates import Rates

if TYPE_CHECKING:
    from rich.table import Table

EXAMPLES = """\
examples:
  fastlr sweep wine
  fastlr sweep digits --optimizers sgd,momentum,adam --epochs 20 --jobs 2
  fastlr sweep blobs --low 1e-4 --high 1 --count 13 --how grid
  fastlr sweep houses.csv --target price --seeds 10

Every rate is trained with every seed, to the end.  The runs are kept in DIR/runs.jsonl, and those that are there are
not trained again: after Ctrl-C, or to add seeds and rates, give the same command.

The basin: the rates around the best that do about as well.  The cliff: the first rate above it at which half of the
runs are no better than before training.  Sensitivity: by how much the loss exceeds the best on average over the rates.

exit codes: 0 swept; 1 no rate does better than no training, or the results could not be written; 2 the command or the
data cannot be used; 130 interrupted
"""


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "sweep",
        help="find the learning rate: loss by rate, with its basin, its cliff and what to do",
        description="Train with many rates and seeds.  Shows what the U curve says; writes sweep.png, sweep.json and\n"
        "runs.jsonl.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_sweep)
    tasks.add_search(parser)
    parser.add_argument("--low", type=float, default=1e-5, metavar="X", help="the lowest rate (default: %(default)s)")
    parser.add_argument("--high", type=float, default=10.0, metavar="X", help="the highest (default: %(default)s)")
    parser.add_argument("--count", type=positive, default=15, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument(
        "--how",
        choices=("adaptive", "grid", "random"),
        default="adaptive",
        help="where the minimum and the cliff are, in equal ratios, or at random in the logarithm (default: adaptive)",
    )
    tasks.add_seeds(parser)
    parser.add_argument("--epochs", type=positive, metavar="N", help="default: 200 for blobs, else as in fastlr train")
    parser.add_argument("--jobs", type=positive, default=1, metavar="N", help="processes (default: %(default)s)")
    tasks.add_task(parser)
    add_output(parser, "runs/sweep-DATA")


def _sweep(args: argparse.Namespace) -> int:
    errors = terminal.console(stderr=True)
    shown = errors if args.json else terminal.console()
    choices, tried = _chosen(args)
    task = tasks.task(args)
    folder = args.out or Path("runs") / f"sweep-{task.name}"
    check_output(folder)
    options = {"seeds": args.seeds, "part": args.part, "jobs": args.jobs, "results": folder / "runs.jsonl"}
    try:
        with tasks.bar(task.name, errors) as told:
            result = sweep(task, choices, rates=tried, report=told, **options)
    except ValueError as error:
        raise CommandError(error) from error
    except OSError as error:
        raise CommandError(f"the results could not be written: {error}", 1) from error
    except KeyboardInterrupt as error:
        raise CommandError("interrupted; the same command goes on where it was", 130) from error
    failure = _write(folder, result)
    shown.print(f"{task.name}: {result.measured}, {len(result.trials):,} runs\n")
    shown.print(_table(result))
    shown.print("\n" + result.advice)
    if failure is None:
        shown.print(f"written to {folder}: sweep.png, sweep.json, runs.jsonl")
    if args.json:
        print(json.dumps({**_document(result), "folder": str(folder)}, indent=2, allow_nan=False), flush=True)
    if failure is not None:
        raise failure
    return 0 if any(curve.learns for curve in result.curves) else 1


def _chosen(args: argparse.Namespace) -> tuple[tuple[Choice, ...], Rates]:
    ways: dict[str, Callable[[float, float, int], Rates]]
    ways = {"adaptive": Adaptive, "grid": rates.grid, "random": rates.log_random}
    try:
        return choices_of(args.optimizers), ways[args.how](args.low, args.high, args.count)
    except ValueError as error:
        raise CommandError(error) from error


def _write(folder: Path, result: Sweep) -> CommandError | None:
    """Write the results, or say why not: they are still shown then."""
    try:
        text = json.dumps(_document(result), indent=2, allow_nan=False) + "\n"
        records.write(folder, {"sweep.json": text.encode(), "sweep.png": plots.png(plots.sweep(result))})
    except OSError as error:
        return CommandError(f"the results could not be written: {error}", 1)
    return None


def _document(result: Sweep) -> dict[str, Any]:
    found: dict[str, Any] = plain(
        {
            "workload": result.workload,
            "measured": result.measured,
            "curves": [_curve(curve) for curve in result.curves],
            "runs": [asdict(trial) for trial in result.trials],
        }
    )
    return found


def _curve(curve: Curve) -> dict[str, Any]:
    return {
        "optimizer": curve.optimizer,
        "rates": curve.rates.tolist(),
        "losses": curve.medians.tolist(),
        "best": curve.best,
        "interval": curve.interval,
        "basin": curve.basin,
        "decades": curve.decades,
        "cliff": curve.cliff,
        "edge": curve.edge or None,
        "sensitivity": curve.sensitivity,
        "advice": curve.advice,
    }


def _table(result: Sweep) -> "Table":
    table = terminal.plain_table()
    for header in tables.HEADER:
        table.add_column(header, justify="left" if header == "optimizer" else "right")
    for row in tables.summary(result.curves):
        table.add_row(*row)
    return table
