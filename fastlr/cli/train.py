"""`fastlr train`: a network on a data set, with one optimizer or several."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import fastlr
from fastlr import plots
from fastlr.cli import terminal
from fastlr.cli.arguments import add_data, check_output, comma_separated, positive, sizes, whole
from fastlr.cli.command import CommandError, Commands
from fastlr.lab import (
    BUILT_IN,
    OPTIMIZERS,
    Choice,
    Comparison,
    Configuration,
    DataSet,
    Monitor,
    choose,
    compare,
    load,
    records,
)
from fastlr.lab.tables import counted
from fastlr.rules.base import BACKENDS
from fastlr.rules.settings import LIBRARIES

EXAMPLES = """\
examples:
  fastlr train digits
  fastlr train wine --optimizer momentum --lr 0.01 --hidden 100,50
  fastlr train digits --compare sgd,momentum,adagrad,rmsprop,adam
  fastlr train digits --compare adam@0.1,adam@0.01,adam@0.001
  fastlr train houses.csv --target price --ignore id,street --json

A CSV file is UTF-8 text with the columns' names in the first line, separated by comma, semicolon or tab.  All
columns but the target hold numbers, and nothing is missing.  Whether the target is a class or a quantity:
text is a class; numbers are a class if all are whole and there are two distinct ones, or at most 20 distinct
ones and ten rows for each on average; otherwise they are a quantity.  What was decided is shown, and --task
overrides it.

The NumPy reference takes every step too, on its own copy of the weights, to compare times; its time does not
count in the steps per second.

Ctrl-C keeps what was trained until then; a second one ends at once.

exit codes: 0 trained; 1 every run diverged, or the results could not be written; 2 the command or the data
cannot be used; 130 interrupted
"""


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    train = commands.add_parser(
        "train",
        help="train a network on a data set, with one optimizer or several",
        description="Train a multilayer perceptron on DATA.  Shows how well it does and how long the steps take;\n"
        "writes history.csv, curves.png, parameters.npz and run.json.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    default = Configuration()
    train.set_defaults(command=_train)
    train.add_argument("data", metavar="DATA", help=f"{', '.join(BUILT_IN)}, or the path of a CSV file")

    data = train.add_argument_group("data")
    add_data(data)
    data.add_argument(
        "--test-share", type=_share, default=default.test_share, metavar="X", help="of the rows (default: %(default)s)"
    )

    optimizer = train.add_argument_group("optimizer")
    which = optimizer.add_mutually_exclusive_group()
    known = ", ".join(OPTIMIZERS)
    which.add_argument("--optimizer", metavar="NAME", default="adam", help=f"default: adam; known: {known}")
    which.add_argument(
        "--compare",
        metavar="NAMES",
        type=comma_separated,
        help="several, in one picture: sgd,adam; or with rates: sgd@0.1,adam",
    )
    optimizer.add_argument("--lr", type=float, metavar="X", help="learning rate (default: the optimizer's own)")
    optimizer.add_argument("--momentum", type=float, metavar="X", help="for optimizers that have it")
    optimizer.add_argument("--weight-decay", type=float, metavar="X")
    optimizer.add_argument("--like", choices=LIBRARIES, help="whose formulas and defaults (default: torch)")
    optimizer.add_argument("--backend", choices=BACKENDS, help="who computes the step; the result is the same")
    optimizer.add_argument("--threads", type=positive, metavar="N", help="threads of a step (default: all)")

    network = train.add_argument_group("network and training")
    network.add_argument(
        "--hidden",
        type=sizes,
        default=default.hidden,
        metavar="N,N",
        help="units of each hidden layer, or none (default: 50)",
    )
    network.add_argument("--activation", choices=("relu", "tanh"), default=default.activation)
    network.add_argument("--dtype", choices=("float32", "float64"), default=default.dtype)
    network.add_argument(
        "--epochs", type=positive, metavar="N", help="default: 50, or as many as make 1,000 steps if that is more"
    )
    network.add_argument(
        "--batch", type=positive, default=default.batch, metavar="N", help="rows in a step (default: %(default)s)"
    )
    network.add_argument(
        "--seed", type=whole, default=default.seed, metavar="N", help="of everything random (default: %(default)s)"
    )

    output = train.add_argument_group("output")
    output.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder to write to; files of the same names are replaced (default: runs/DATA-OPTIMIZERS)",
    )
    output.add_argument("--json", action="store_true", help="print one JSON document, and nothing else, to stdout")


def _train(args: argparse.Namespace) -> int:
    errors = terminal.console(stderr=True)
    shown = errors if args.json else terminal.console()
    choices, configuration = _choices(args), _configuration(args)
    data = load(args.data, target=args.target, task=args.task, ignore=args.ignore or ())
    names = [choice.name for choice in choices]
    folder = args.out or Path("runs") / "-".join([data.name, *names])
    check_output(folder)
    shown.print(_described(data, "; --task overrides" if args.target and not args.task else ""))
    # until everything is written: Ctrl-C in the last second must not lose what was trained
    with terminal.interruptible() as stop:
        with _threads(args.threads), terminal.progress_bars(names, errors) as report:
            comparison = compare(
                data,
                choices,
                configuration,
                report=report,
                stop=stop,
                watch=lambda choice, optimizer: Monitor(optimizer=optimizer),
            )
        # before anything is printed: who reads may have gone (as in `fastlr train digits | head -1`)
        failure = _write(folder, comparison)
        shown.print(terminal.described(comparison) + "\n")
        shown.print(terminal.results(comparison))
        for remark in terminal.remarks(comparison, names):
            shown.print(remark)
        if failure is None:
            shown.print(f"written to {folder}: history.csv, curves.png, parameters.npz, run.json")
        if args.json:
            found = {**records.document(comparison), "folder": None if failure else str(folder)}
            print(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False), flush=True)
    if failure is not None:
        raise failure
    return _code(comparison)


def _write(folder: Path, comparison: Comparison) -> CommandError | None:
    """Write the results, or say why not: they are still shown then."""
    try:
        records.write(folder, records.files(comparison))
        records.write(folder, {"curves.png": plots.png(plots.curves(comparison))})
    except OSError as error:
        return CommandError(f"the results could not be written: {error}", 1)
    return None


def _code(comparison: Comparison) -> int:
    if comparison.interrupted:
        return 130
    return 1 if all(run.status == "diverged" for run in comparison.runs) else 0


def _choices(args: argparse.Namespace) -> tuple[Choice, ...]:
    settings = {name: getattr(args, name) for name in ("lr", "momentum", "weight_decay", "like", "backend")}
    try:
        return choose(args.compare or [args.optimizer], **settings)
    except (TypeError, ValueError) as error:
        raise CommandError(error) from error


def _configuration(args: argparse.Namespace) -> Configuration:
    names = ("hidden", "activation", "epochs", "batch", "seed", "test_share", "standardise", "dtype")
    return Configuration(**{name: getattr(args, name) for name in names})


def _described(data: DataSet, hint: str) -> str:
    rows, features = data.x.shape
    kind = f"classification, {len(data.classes)} classes" if data.classes else "regression"
    return (
        f"{data.name}: {counted(rows, 'row')}, {counted(features, 'feature')}, target {data.target!r}: "
        f"{kind} ({data.reason}{hint})"
    )


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    """Set the number of threads, and put it back for whoever called `main` from Python."""
    before = fastlr.get_num_threads()
    try:
        if count is not None:
            try:
                fastlr.set_num_threads(count)
            except ValueError as error:
                raise CommandError(f"--threads {count}: {error}") from error
        yield
    finally:
        fastlr.set_num_threads(before)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0.0 < share < 1.0:
        raise argparse.ArgumentTypeError(f"must be above 0 and below 1, got {text!r}")
    return share
