"""`fastlr bench`: fastlr against other libraries and the memory bus, on this machine."""

import argparse
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastlr
from fastlr import bench, plots
from fastlr.bench import RACED, Case, Progress, Race, picture, tables
from fastlr.bench.peers.base import load
from fastlr.cli import terminal
from fastlr.cli.arguments import check_output, comma_separated, positive
from fastlr.cli.command import CommandError, Commands
from fastlr.lab import records
from fastlr.lab.tables import closest

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PEERS = {load(source).name: source for source in bench.PEERS}
SUFFIXES = {"": 1, "k": 1_000, "m": 1_000_000}
EXAMPLES = """\
examples:
  fastlr bench --quick
  fastlr bench
  fastlr bench --optimizers adamw,momentum --sizes 1k,1M,64M
  fastlr bench --optimizers rmsprop --sizes 10M --peers torch,optax --no-compiled
  fastlr bench --sizes 100x1000 --threads 1,2 --json

Each library runs in a process of its own, with the same number of threads; they take turns, and all but the one
whose turn it is sleep.  A step is a whole step of the optimizer, called from Python.  The limit is a loop with the
same reads and writes and an addition instead of an optimizer.  Libraries that are not installed are listed with
the way to get them; nothing is estimated.

Without --optimizers and --sizes: AdamW from 10 to 64 million weights, in 100 arrays of 1,000, and on one thread, and
every other optimizer at 1,000 and at 64 million.  That takes ten minutes or more, and 17 GB of memory if all
libraries are there; cases that do not fit are left out, and named.

Ctrl-C keeps the cases that were finished until then; a second one ends at once.

exit codes: 0 raced; 1 the results could not be written; 2 the command cannot be used; 130 interrupted
"""


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    parser = commands.add_parser(
        "bench",
        help="race against NumPy, PyTorch, optax, DeepSpeed, thinc, scikit-learn and the memory bus",
        description="How fast are optimizer steps on this machine?  Shows a table; writes bench.json, bench.md and\n"
        "bench.png.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=_bench)
    what = parser.add_argument_group("what to race")
    what.add_argument("--quick", action="store_true", help="at most a million weights, in less than a minute")
    what.add_argument("--optimizers", type=comma_separated, metavar="NAMES", help=f"known: {', '.join(RACED)}")
    what.add_argument(
        "--sizes", type=_layouts, metavar="SIZES", help="weights: 1000,64M; or 100x1000 for 100 arrays of 1,000"
    )
    what.add_argument("--dtype", type=_dtypes, default=("float32",), metavar="D", help="float32 (default), float64")
    what.add_argument(
        "--threads", type=_counts, metavar="N", help="for every library; 1,2 races both (default: all processors)"
    )
    what.add_argument(
        "--peers", type=comma_separated, metavar="NAMES", help=f"known: {', '.join(PEERS)} (default: all)"
    )
    what.add_argument(
        "--compiled",
        action=argparse.BooleanOptionalAction,
        help="with torch.compile, which needs seconds to a minute for each case (default: unless --quick)",
    )
    what.add_argument("--rounds", type=positive, metavar="N", help="turns of each (default: 9, with --quick 5)")
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", type=Path, default=Path("runs/bench"), metavar="DIR", help="folder to write to (default: %(default)s)"
    )
    output.add_argument("--json", action="store_true", help="print one JSON document, and nothing else, to stdout")


def _bench(args: argparse.Namespace) -> int:
    errors = terminal.console(stderr=True)
    shown = errors if args.json else terminal.console()
    cases, peers = _cases(args), _peers(args.peers)
    rounds = args.rounds or (5 if args.quick else 9)
    compiled = not args.quick if args.compiled is None else args.compiled
    check_output(args.out)
    with terminal.interruptible() as stop:
        with _bar(errors) as report:
            race = _raced(cases, peers, rounds=rounds, slow=compiled, report=report, stop=stop)
        failure = _write(args.out, race) if race.results else None
        _show(race, shown)
        if race.results and failure is None:
            shown.print(f"written to {args.out}: bench.json, bench.md, bench.png")
        if args.json:
            print(bench.to_json(race), flush=True)
    if failure is not None:
        raise failure
    return 130 if race.interrupted else 0


def _raced(cases: Sequence[Case], peers: Sequence[str], **options: Any) -> Race:
    try:
        return bench.race(cases, peers, **options)
    except bench.ContestantError as error:
        raise CommandError(f"fastlr itself cannot race: {error}", 1) from error


def _show(race: Race, shown: "Console") -> None:
    if race.results:
        shown.print(tables.described(race) + "\n")
        shown.width = max(shown.width, 200)  # a line that runs over is easier to read than cells that are cut
        shown.print(_table(race))
        for remark in tables.remarks(race):
            shown.print(remark)
    for absence in tables.absences(race):
        shown.print(absence)


def _table(race: Race) -> "Table":
    header, rows = tables.summary(race, speed=False)  # which would not fit
    table = terminal.plain_table()
    for name in header:
        left = name in ("optimizer", "dtype", "best peer")
        table.add_column(name, justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def _write(folder: Path, race: Race) -> CommandError | None:
    """Write the results, or say why not: they are still shown then."""
    try:
        texts = {"bench.json": bench.to_json(race) + "\n", "bench.md": bench.markdown(race)}
        records.write(folder, {name: text.encode() for name, text in texts.items()})
        records.write(folder, {"bench.png": plots.png(picture.curves(race))})
    except OSError as error:
        return CommandError(f"the results could not be written: {error}", 1)
    return None


@contextmanager
def _bar(where: "Console") -> Iterator[Callable[[Progress], None]]:
    """One bar over all cases, with what is being done; the function moves it."""
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Bars(*columns, console=where, transient=True) as bars:
        task = bars.add_task("starting", total=1.0)

        def show(progress: Progress) -> None:
            done = (progress.case + progress.share) / progress.cases
            bars.update(task, completed=done, description=progress.doing)

        yield show


def _cases(args: argparse.Namespace) -> list[Case]:
    for name in args.optimizers or ():
        if name not in RACED:
            raise CommandError(f"--optimizers {name}: unknown, {_guess(name, RACED)}there are {', '.join(RACED)}")
    if args.quick and (args.optimizers or args.sizes):
        raise CommandError("--quick: has its own optimizers and sizes; leave it out, or --optimizers and --sizes")
    threads = args.threads or (fastlr.get_num_threads(),)
    if args.optimizers or args.sizes:
        layouts = args.sizes or [(1, size) for size in bench.SIZES]
        return bench.chosen(args.optimizers or ("adamw",), layouts, args.dtype, threads)
    return (bench.quick if args.quick else bench.standard)(threads, args.dtype)


def _peers(wanted: Sequence[str] | None) -> list[str]:
    for name in wanted or ():
        if name not in PEERS:
            raise CommandError(f"--peers {name}: unknown, {_guess(name, PEERS)}there are {', '.join(PEERS)}")
    return [source for name, source in PEERS.items() if not wanted or name in wanted]


def _guess(name: str, known: Any) -> str:
    close = closest(name, known)
    return f"did you mean {close!r}? " if close else ""


def _layouts(text: str) -> list[tuple[int, int]]:
    """Of "64M,100x1k": [(1, 64000000), (100, 1000)]."""
    layouts = []
    for part in text.split(","):
        found = re.fullmatch(r"(?:(\d+)x)?(\d+)([km]?)", part.strip().lower())
        arrays, weights = (int(found[1] or 1), int(found[2]) * SUFFIXES[found[3]]) if found else (0, 0)
        if not arrays * weights:
            raise argparse.ArgumentTypeError(f"must be as in 1000, 64M or 100x1k, got {part!r}")
        layouts.append((arrays, weights))
    return layouts


def _dtypes(text: str) -> tuple[str, ...]:
    found = comma_separated(text)
    if not set(found) <= {"float32", "float64"}:
        raise argparse.ArgumentTypeError(f"must be float32, float64 or float32,float64, got {text!r}")
    return found


def _counts(text: str) -> tuple[int, ...]:
    """Numbers of threads, of which no library may use more than there are processors."""
    from fastlr.engine.threads import available

    counts = tuple(map(positive, text.split(",")))
    if max(counts) > available():
        raise argparse.ArgumentTypeError(f"must be at most {available()}, the processors there are, got {text!r}")
    return counts
