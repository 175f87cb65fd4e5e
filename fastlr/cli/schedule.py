"""`fastlr schedule`: what a run gets of a learning-rate schedule, as a table and a picture, before it is trained."""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastlr import plots
from fastlr.cli import terminal
from fastlr.cli.arguments import positive, whole
from fastlr.cli.command import CommandError, Commands
from fastlr.extras import extra
from fastlr.schedules import Landmarks, Remark, Schedule, check, from_dict, landmarks
from fastlr.schedules.typed import described, typed

if TYPE_CHECKING:
    from rich.table import Table

SHOWN_JUMPS = 3
"""How many jumps the table names; the JSON document has all."""
EXAMPLES = """\
examples:
  fastlr schedule cosine --lr 0.1 --steps 1000 --warmup 100
  fastlr schedule cosine wsd:decay=200 one-cycle --steps 1000 --out schedules.png
  fastlr schedule step-drop:every=300 step-drop:every=300,gamma=0.5
  fastlr schedule piecewise:values=0.1,0.01,milestones=800 mine.json

A schedule is NAME, or NAME:FIELD=VALUE,FIELD=VALUE, or a file with the JSON of `schedule.to_dict()`.  Every one takes
warmup=N too, a linear rise in front of it; --warmup gives one to all but those that go up by themselves (one-cycle,
slanted-triangular, cyclic, interpolated).  Below, LR and STEPS are filled from --lr and --steps, less the warm-up;
"..." must be given; the other fields have the defaults shown, of words with | between them the first.  Steps are
counted from 0, t is the step.  (Plateau and Greedy follow a metric, so there is nothing to show before a run.)

"""
CODES = """

exit codes: 0 shown; 1 the picture could not be written; 2 the command cannot be used
"""


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    command = commands.add_parser(
        "schedule",
        help="show learning-rate schedules, before a single step is trained",
        description="Show what a run gets of one schedule or several: a table, remarks about what is probably wrong,\n"
        "and a picture.",
        epilog=EXAMPLES + described() + CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(command=_schedule)
    command.add_argument(
        "schedules", metavar="SCHEDULE", nargs="+", help="NAME, NAME:FIELD=VALUE,... or FILE.json, see below"
    )
    command.add_argument(
        "--lr", type=float, default=0.1, metavar="X", help="the rate at the peak (default: %(default)s)"
    )
    command.add_argument(
        "--steps",
        type=positive,
        default=1000,
        metavar="N",
        help="the length of the run, its warm-up included (default: %(default)s)",
    )
    command.add_argument(
        "--warmup",
        type=whole,
        default=0,
        metavar="N",
        help="the steps of a rise at its beginning (default: none)",
    )
    command.add_argument(
        "--out", type=Path, default=Path("schedule.png"), metavar="FILE", help="the picture (default: %(default)s)"
    )
    command.add_argument("--json", action="store_true", help="print one JSON document, and nothing else, to stdout")


def _schedule(args: argparse.Namespace) -> int:
    if repeated := [name for i, name in enumerate(args.schedules) if name in args.schedules[:i]]:
        raise CommandError(f"schedule {repeated[0]!r}: must be given once, got it twice")
    try:
        named = {text: _made(text, args) for text in args.schedules}
        seen = {text: landmarks(schedule, args.steps) for text, schedule in named.items()}
        remarks = {text: check(schedule, args.steps) for text, schedule in named.items()}
    except (TypeError, ValueError) as error:
        raise CommandError(error) from error
    with extra("lab"):
        picture = plots.png(plots.schedules(named, args.steps))
    failure = _write(args.out, picture)
    if args.json:
        print(json.dumps(_document(args, named, seen, remarks), indent=2, allow_nan=False), flush=True)
    else:
        console = terminal.console()
        console.print(_table(seen))
        for line in [f"{text}: {remark}" for text, found in remarks.items() for remark in found]:
            console.print(line)
        if failure is None:
            console.print(f"written to {args.out}")
    if failure is not None:
        raise failure
    return 0


def _write(path: Path, picture: bytes) -> CommandError | None:
    """Write the picture, or say why not: the table is still shown then."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
    except OSError as error:
        return CommandError(f"--out {path}: {error.strerror or error}", 1)
    return None


def _made(text: str, args: argparse.Namespace) -> Schedule:
    """The schedule that someone typed, or the one in a file."""
    if text.endswith(".json"):
        return _read(Path(text))
    return typed(text, lr=args.lr, steps=args.steps, warmup=args.warmup)


def _read(path: Path) -> Schedule:
    try:
        made: Schedule = from_dict(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise CommandError(f"{path}: {error}") from error
    return made


def _document(
    args: argparse.Namespace,
    named: Mapping[str, Schedule],
    seen: Mapping[str, Landmarks],
    remarks: Mapping[str, Sequence[Remark]],
) -> dict[str, Any]:
    return {
        "steps": args.steps,
        "schedules": [
            {
                "name": text,
                "schedule": schedule.to_dict(),
                "landmarks": {key: _finite(value) for key, value in asdict(seen[text]).items()},
                "remarks": [asdict(remark) for remark in remarks[text]],
            }
            for text, schedule in named.items()
        ],
        "picture": str(args.out),
    }


def _finite(value: Any) -> Any:
    """JSON has no infinity and no NaN; a remark says where they are."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(seen: Mapping[str, Landmarks]) -> "Table":
    """A row for each schedule."""
    table = terminal.plain_table()
    table.add_column("schedule", overflow="fold")
    for header in ("first", "peak", "at\nstep", "end", "mean", "area", "under a tenth\nof the peak", "jumps"):
        table.add_column(header, justify="right", no_wrap=True)
    for text, marks in seen.items():
        table.add_row(text, *_row(marks))
    return table


def _row(marks: Landmarks) -> list[str]:
    named = ", ".join(f"{step:,}" for step in marks.jumps[:SHOWN_JUMPS])
    more = f" and {len(marks.jumps) - SHOWN_JUMPS:,} more" if len(marks.jumps) > SHOWN_JUMPS else ""
    return [
        f"{marks.first:.4g}",
        f"{marks.peak:.4g}",
        f"{marks.peak_step:,}",
        f"{marks.end:.4g}",
        f"{marks.mean:.4g}",
        f"{marks.area:.4g}",
        f"{marks.low_share:.0%}",
        f"{named}{more}" or "none",
    ]
