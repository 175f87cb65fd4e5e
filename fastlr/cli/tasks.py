"""What `fastlr study`, `fastlr find` and `fastlr sweep` share: the data and network they train, the seeds, the bar."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastlr.cli.arguments import add_data, comma_separated, positive, sizes, whole
from fastlr.cli.command import CommandError
from fastlr.lab import BUILT_IN, OPTIMIZERS, Configuration, Workload, blobs, load, workload

if TYPE_CHECKING:
    from rich.console import Console

KNOWN = ("blobs", *BUILT_IN)
OF_DATA = ("target", "task", "ignore", "hidden", "activation", "batch")
"""Options that blobs, which is as the articles have it, does not take."""


def add_task(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say what is trained; `--data` or DATA is the command's own."""
    group = parser.add_argument_group("data and network (but for blobs)")
    add_data(group)
    group.add_argument("--hidden", type=sizes, metavar="N,N", help="units of each hidden layer, or none (default: 50)")
    group.add_argument("--activation", choices=("relu", "tanh"), help="default: relu")
    group.add_argument("--batch", type=positive, metavar="N", help="rows in a step (default: 32)")


def add_search(parser: argparse.ArgumentParser) -> None:
    """Add what a search for a rate is about: the data, the optimizers, and whose loss is to be low."""
    parser.add_argument("data", metavar="DATA", help=f"{', '.join(KNOWN)}, or the path of a CSV file")
    parser.add_argument(
        "--optimizers",
        type=comma_separated,
        default=("sgd",),
        metavar="NAMES",
        help=f"default: sgd; known: {', '.join(OPTIMIZERS)}",
    )
    parser.add_argument(
        "--part", choices=("test", "train"), default="test", help="whose loss is to be low (default: test)"
    )


def add_seeds(parser: argparse.ArgumentParser) -> None:
    """Add `--seeds`."""
    parser.add_argument(
        "--seeds", type=_seeds, default=5, metavar="N", help="how many (default: %(default)s), or which: 5,6,7,8,9"
    )


def task(args: argparse.Namespace) -> Workload:
    """The workload that was asked for."""
    given = {name: getattr(args, name) for name in OF_DATA if getattr(args, name) is not None}
    if args.data == "blobs":
        if given or not args.standardise:
            name = next(iter(given), "no-standardise")
            raise CommandError(f"--{name}: blobs is as the articles have it; leave it out, or take other data")
        return blobs().for_epochs(args.epochs)
    chosen = {name: given.pop(name) for name in ("hidden", "activation", "batch") if name in given}
    configuration = Configuration(**chosen, standardise=args.standardise, epochs=args.epochs)
    return workload(load(args.data, **given), configuration)


@contextmanager
def bar(name: str, where: "Console") -> Iterator[Callable[[float], None]]:
    """A progress bar that goes away at its end; the function is told the share that is done."""
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Bars(*columns, console=where, transient=True) as bars:
        running = bars.add_task(name, total=1.0)
        yield lambda share: bars.update(running, completed=share)


def _seeds(text: str) -> int | Sequence[int]:
    """Of "5": five of them; of "5,6": these two."""
    if "," not in text:
        return positive(text)
    seeds = tuple(map(whole, text.rstrip(",").split(",")))
    if len(set(seeds)) < len(seeds):
        raise argparse.ArgumentTypeError(f"must be different seeds, got {text!r}")
    return seeds
