"""What every command needs: how it ends when it cannot go on, and what it is added to."""

import argparse
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""What a command adds itself to."""


class CommandError(Exception):
    """What ends the command: a message for the user, and the exit code."""

    def __init__(self, message: object, code: int = 2) -> None:
        super().__init__(str(message))
        self.code = code
