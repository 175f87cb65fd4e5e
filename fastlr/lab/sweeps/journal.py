"""The results file of a sweep: a line of JSON that says which sweep it is, then one for each optimizer and each run.

Design: lines are only ever added and each block of runs is on the disk before the next begins, so whatever ends the
process costs the block under way and no more.  A last line that was cut off is dropped.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from fastlr.lab.plain import plain
from fastlr.lab.problems import Problem
from fastlr.lab.workloads import Workload

Key: TypeAlias = tuple[str, float, int]
VERSION = 1
HEAD = b'{"sweep"'
"""How the file begins."""
FOREIGN = "it is no results file of a sweep"


@dataclass(frozen=True)
class Trial:
    """How one run ended.

    Attributes
    ----------
    optimizer : str
    lr : float
    seed : int
    start, loss : dict of str to float
        By part, "train" and "test", before and after; NaN where it diverged.
    metric : dict of str to float
        By part, after: accuracy or R2; NaN where there is none.
    diverged : int
        After how many steps, or -1.
    """

    optimizer: str
    lr: float
    seed: int
    start: Mapping[str, float]
    loss: Mapping[str, float]
    metric: Mapping[str, float]
    diverged: int

    @property
    def key(self) -> Key:
        """What tells it from the other runs of a sweep."""
        return self.optimizer, self.lr, self.seed


def identity(workload: Workload) -> dict[str, Any]:
    """What must be the same for runs to belong to one sweep; optimizers, rates and seeds may be added."""
    return {
        "version": VERSION,
        "workload": workload.name,
        "problem": _described(workload.problem),
        "data": _fingerprint(workload),
        "epochs": workload.epochs,
        "batch": workload.batch,
    }


class Journal:
    """A results file, open for reading what is there and for adding to it.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    identity : dict
        Of the sweep that wants to write.
    optimizers : dict of str to str
        Its optimizers with their settings, by name.

    Raises
    ------
    ValueError
        If the file holds another sweep, or something else; it is left alone then.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any], optimizers: Mapping[str, str]) -> None:
        self.path = path
        self.trials: dict[Key, Trial] = {}
        known: dict[str, str] = {}
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if whole:
            head, *lines = whole.decode("utf-8", errors="replace").splitlines()
            self._check(_parsed(head), identity)
            known = self._read(lines)
            self._check_same("optimizer ", known, {name: text for name, text in optimizers.items() if name in known})
        elif not HEAD.startswith(content[: len(HEAD)]):
            raise self._error(FOREIGN)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.truncate(len(whole))  # without a line that was cut off
        new = [{"optimizer": name, "settings": text} for name, text in optimizers.items() if name not in known]
        self._append(new if whole else [{"sweep": dict(identity)}, *new])

    def add(self, trials: Iterable[Trial]) -> None:
        """Write runs, and return when they are on the disk."""
        found = list(trials)
        self._append([asdict(trial) for trial in found])
        self.trials |= {trial.key: trial for trial in found}

    def _check(self, head: Any, identity: Mapping[str, Any]) -> None:
        there = head.get("sweep") if isinstance(head, dict) else None
        if not isinstance(there, dict):
            raise self._error(FOREIGN)
        self._check_same("", there, identity)

    def _check_same(self, kind: str, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
        for name, value in here.items():
            if (other := there.get(name)) != value:
                raise self._error(f"it holds another sweep: {kind}{name} is {other} there and {value} here")

    def _read(self, lines: Sequence[str]) -> dict[str, str]:
        """Take in the runs; the settings of the optimizers by name."""
        known = {}
        for number, line in enumerate(lines, start=2):
            values = _parsed(line)
            try:
                if values.keys() == {"optimizer", "settings"}:
                    known[values["optimizer"]] = values["settings"]
                else:
                    trial = Trial(**{name: _numbers(value) for name, value in values.items()})
                    self.trials[trial.key] = trial
            except (AttributeError, TypeError) as error:
                raise self._error(f"line {number} is no run: {line[:60]!r}") from error
        return known

    def _error(self, problem: str) -> ValueError:
        return ValueError(f"sweep(results={str(self.path)!r}): {problem}; name another file, or remove this one")

    def _append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(plain(line), allow_nan=False) + "\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: math.nan if item is None else item for key, item in value.items()}
    return value


def _described(problem: Problem) -> str:
    """The problem in words that are the same in the next process: an address is not."""
    default = type(problem).__repr__ is object.__repr__
    return type(problem).__qualname__ if default else repr(problem)


def _fingerprint(workload: Workload) -> str | None:
    if workload.split is None:
        return None
    digest = hashlib.sha256()
    for part in (workload.split.train, workload.split.test):
        for array in (part.x, part.y):
            digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()[:16]
