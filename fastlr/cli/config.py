"""`fastlr config`: what is installed."""

import argparse
import json

import fastlr
from fastlr.cli.command import Commands


def add_to(commands: Commands) -> None:
    """Add the command and its arguments."""
    config = commands.add_parser(
        "config",
        help="show versions, instruction set, threads and backends",
        description="What to put in a bug report.",
    )
    config.add_argument("--json", action="store_true", help="as a JSON document")
    config.set_defaults(command=_config)


def _config(args: argparse.Namespace) -> int:
    if args.json:
        print(json.dumps(fastlr.show_config("dicts"), indent=2))
    else:
        fastlr.show_config()
    return 0
