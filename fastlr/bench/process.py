"""The parent's end of a library's process."""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fastlr.bench.cases import Case
from fastlr.bench.peers.base import Library

RUNTIMES = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "XLA_")
"""Beginnings of the variables by which a user tunes runtimes: all contestants run without."""


class ContestantError(Exception):
    """A contestant cannot take part, or not any more; the message says why."""


class MissingError(ContestantError):
    """Its library is not installed."""


class Process:
    """A library in a process of its own, which sleeps unless it is asked.

    Parameters
    ----------
    source : str
        The module that describes the library.
    library : Library
    threads : int
        What its runtimes may use.
    """

    def __init__(self, source: str, library: Library, threads: int) -> None:
        self.library = library
        self._hello: dict[str, Any] | None = None
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - see close
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fastlr.bench.worker", source, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
            env=environment(os.environ, library, threads),
            start_new_session=True,  # Ctrl-C is the parent's: it ends the processes when it is done
        )

    def version(self) -> str:
        """Wait until the library is loaded, and return its version.

        Raises
        ------
        MissingError
            If it is not installed.
        ContestantError
            If it cannot be loaded, or has ended since.
        """
        if self._hello is None:
            self._hello = self._read()
        if "missing" in self._hello:
            raise MissingError(f"{self._hello['missing']} is not installed")
        return str(_checked(self._hello)["version"])

    def prepare(self, contestant: str, case: Case) -> None:
        """Lay out a case; ContestantError if it cannot be."""
        self._ask(do="prepare", contestant=contestant, case=dataclasses.asdict(case))

    def turn(self, contestant: str) -> float:
        """Seconds of a step of a contestant that is prepared."""
        return float(self._ask(do="turn", contestant=contestant)["seconds"])

    def forget(self) -> None:
        """Give the memory of what is prepared back."""
        self._ask(do="forget")

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.communicate()
        self._said.close()

    @property
    def ended(self) -> bool:
        """Whether the process is no more."""
        return self._process.poll() is not None

    def _ask(self, **request: Any) -> dict[str, Any]:
        self.version()
        assert self._process.stdin
        with suppress(OSError):  # it has ended, which reading finds and explains
            print(json.dumps(request), file=self._process.stdin, flush=True)
        return _checked(self._read())

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        code = self._process.wait()
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        self._said.seek(0)
        lines = self._said.read().split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        raise ContestantError(f"its process {how}" + (f": {last}" if last else ""))


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    for failure in ("unsupported", "error"):
        if failure in answer:
            raise ContestantError(answer[failure])
    return answer


def environment(inherited: Mapping[str, str], library: Library, threads: int) -> dict[str, str]:
    """The variables of a library's process: the same for all, but for what the library itself asks for.

    The programs beside this Python come first in the path, for libraries that compile (with ninja).
    """
    kept = {key: value for key, value in inherited.items() if not key.startswith(RUNTIMES)}
    programs = str(Path(sys.executable).parent)
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    path = os.pathsep.join(filter(None, (programs, kept.get("PATH"))))
    return {**kept, "PATH": path, **counts, **library.environment}
