"""The command `fastlr`: it parses, calls, shows; everything else is done elsewhere.  A file here is a command.

Exit codes: 0 done; 1 every run diverged, or the results could not be written; 2 the command or the data cannot
be used; 130 interrupted (what was trained until then is kept).
"""

import argparse
import sys
from collections.abc import Callable, Sequence

import fastlr
from fastlr.cli import bench, config, diagnose, find, schedule, study, sweep, train
from fastlr.cli.command import CommandError
from fastlr.lab import DataError

COMMANDS = (train, study, find, sweep, diagnose, schedule, bench, config)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    SystemExit
        For arguments that cannot be parsed (2), and after `--help` (0).
    """
    args = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except CommandError as failure:
        message, code = str(failure), failure.code
    except (DataError, ImportError) as error:
        message, code = str(error), 2
    except KeyboardInterrupt:
        message, code = "interrupted", 130
    print(f"fastlr {args.name}: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastlr",
        description="Optimizer steps on the CPU: train with them, see how fast they are.",
        epilog="fastlr train --help says how to train.  First example: fastlr train digits",
    )
    parser.add_argument("--version", action="version", version=f"fastlr {fastlr.__version__}")
    commands = parser.add_subparsers(title="commands", dest="name", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_to(commands)
    return parser
