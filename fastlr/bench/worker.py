"""The process of one library: it waits for a line of JSON, does what it says, and answers with one.

    {"do": "prepare", "contestant": "torch fused", "case": {...}}   -> {} or {"unsupported": "..."}
    {"do": "turn", "contestant": "torch fused"}                     -> {"seconds": 3.1e-05}
    {"do": "forget"}                                                -> {}

The first line is its own: {"version": "2.13.0"} or {"missing": "torch"}.  Whatever raises answers {"error": "..."}.

    python -m fastlr.bench.worker fastlr.bench.peers.pytorch 2
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from fastlr.bench.cases import Case
from fastlr.bench.peers import base
from fastlr.bench.timing import Step, calibrate, rest, turn

Answer = dict[str, Any]


class Worker:
    """Answers requests.

    Parameters
    ----------
    library : Library
    """

    def __init__(self, library: base.Library) -> None:
        self._library = library
        self._prepared: dict[str, tuple[Step, int]] = {}

    def hello(self) -> Answer:
        """Load the library."""
        try:
            return {"version": self._library.load()}
        except ModuleNotFoundError as error:
            return {"missing": error.name}
        except Exception as error:  # an installed library that cannot be used, for whatever reason
            return {"error": _described(error)}

    def answer(self, request: dict[str, Any]) -> Answer:
        """Do what a request says."""
        does: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "prepare": self._prepare,
            "turn": self._turn,
            "forget": self._forget,
        }
        try:
            return does[request["do"]](request)
        except base.UnsupportedError as error:
            return {"unsupported": str(error)}
        except Exception as error:  # a peer may raise anything, and the race goes on without it
            return {"error": _described(error)}

    def _prepare(self, request: dict[str, Any]) -> Answer:
        name, case = request["contestant"], Case(**request["case"])
        base.check(case, self._library)
        step = self._library.contestants[name](case)
        self._prepared[name] = step, calibrate(step)
        rest()
        return {}

    def _turn(self, request: dict[str, Any]) -> Answer:
        seconds = turn(*self._prepared[request["contestant"]])
        rest()
        return {"seconds": seconds}

    def _forget(self, request: dict[str, Any]) -> Answer:
        self._prepared.clear()
        return {}


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def serve(worker: Worker, requests: Iterable[str], send: Callable[[Answer], None]) -> None:
    """Answer each line until there are no more."""
    send(worker.hello())
    for line in requests:
        send(worker.answer(json.loads(line)))


def _limit_processors(threads: int) -> None:
    """Keep this process on so many processors: some runtimes ask only how many there are."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if threads < len(allowed):
            os.sched_setaffinity(0, allowed[:threads])


def main(source: str, threads: int) -> None:
    """Serve standard input.

    Parameters
    ----------
    source : str
        The module that describes the library.
    threads : int
        How many processors to use.
    """
    _limit_processors(threads)
    # libraries print to standard output, so the answers get a channel of their own
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)

        def send(answer: Answer) -> None:
            print(json.dumps(answer), file=answers, flush=True)

        serve(Worker(base.load(source)), sys.stdin, send)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
