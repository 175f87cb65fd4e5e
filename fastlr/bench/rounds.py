"""The race: contestants take turns, round by round, so that whatever else the machine does meets all of them alike."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby

from fastlr.bench import machine
from fastlr.bench.cases import Case
from fastlr.bench.peers import LIMIT, OURS, PEERS
from fastlr.bench.peers.base import Library, load
from fastlr.bench.process import ContestantError, MissingError, Process
from fastlr.bench.results import Absence, LeftOut, Missing, Race, Result, Timing


@dataclass(frozen=True)
class Progress:
    """How far the race is: `case` of `cases` (from 0), `share` of that case, and what is done now."""

    case: int
    cases: int
    share: float
    doing: str


Report = Callable[[Progress], None]


class Stopped(Exception):  # noqa: N818 - nothing is wrong
    """The race is to end now."""


def race(
    cases: Sequence[Case],
    peers: Sequence[str] = PEERS,
    *,
    rounds: int = 9,
    slow: bool = False,
    report: Report = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> Race:
    """Race fastlr against every peer that is installed, and against the physical limit.

    Parameters
    ----------
    cases : sequence of Case
        Best in the order of their threads: each number of threads takes new processes.
    peers : sequence of str
        Modules that describe a library in their `LIBRARY`, as those of `fastlr.bench.peers` do.
    rounds : int
        Turns of each contestant in each case.
    slow : bool
        With the contestants that take a minute to prepare.
    report : callable
        Told about the progress.
    stop : callable
        Asked before each turn; what was raced entirely until then is returned.

    Returns
    -------
    Race

    Raises
    ------
    ContestantError
        If fastlr or the limit cannot take part.
    """
    begin = time.perf_counter()
    run = _Run([OURS, LIMIT, *peers], rounds, slow, report, stop, len(cases))
    interrupted = False
    try:
        for threads, group in groupby(cases, key=lambda case: case.threads):
            with run.processes(threads):
                for case in group:
                    run.case(case)
    except Stopped:
        interrupted = True
    return Race(
        machine.facts(),
        run.versions,
        tuple(name for _, names in run.entered() for name in names),
        rounds,
        time.perf_counter() - begin,
        tuple(run.results),
        tuple(run.missing.values()),
        tuple(run.left_out),
        interrupted,
    )


def order(names: Sequence[str], number: int) -> list[str]:
    """Whose turn it is in a round: each begins one round, and always follows the same neighbour.

    >>> order(["a", "b", "c"], 1)
    ['b', 'c', 'a']
    """
    first = number % len(names) if names else 0
    return [*names[first:], *names[:first]]


class _Run:
    """A race while it goes on: its processes and what has been found."""

    def __init__(
        self, sources: Sequence[str], rounds: int, slow: bool, report: Report, stop: Callable[[], bool], cases: int
    ) -> None:
        self._libraries: dict[str, Library] = {source: load(source) for source in sources}
        self._rounds, self._slow, self._report, self._stop, self._cases = rounds, slow, report, stop, cases
        self._processes: dict[str, Process] = {}
        self._begun = 0
        self.versions: dict[str, str] = {}
        self.missing: dict[str, Missing] = {}
        self.results: list[Result] = []
        self.left_out: list[LeftOut] = []

    def entered(self) -> Iterator[tuple[str, list[str]]]:
        """The modules of the libraries that are there, with the names of their contestants."""
        for source, library in self._libraries.items():
            if source not in self.missing:
                yield source, [name for name in library.contestants if self._slow or name not in library.slow]

    @contextmanager
    def processes(self, threads: int) -> Iterator[None]:
        """A process for each library, until the end; they load at the same time."""
        self._tell(0, "starting")
        with ExitStack() as stack:
            stack.callback(self._close)
            for source, _ in self.entered():
                self._processes[source] = Process(source, self._libraries[source], threads)
            for source, process in list(self._processes.items()):
                self._greet(source, process)
            yield

    def _greet(self, source: str, process: Process) -> None:
        library = self._libraries[source]
        self._tell(0, f"loading {library.name}")
        try:
            self.versions[library.name] = process.version()
        except ContestantError as error:
            if source in (OURS, LIMIT):
                raise
            install = library.install if isinstance(error, MissingError) else ""
            self.missing[source] = Missing(library.name, str(error), install)
            self._processes.pop(source).close()

    def _close(self) -> None:
        for process in self._processes.values():
            process.close()
        self._processes.clear()

    def case(self, case: Case) -> None:
        """Race in a case, or say why not."""
        reason = self._no_room(case)
        if reason:
            self.left_out.append(LeftOut(case, reason))
        else:
            self.results.append(self._raced(case))
        self._begun += 1

    def _no_room(self, case: Case) -> str:
        """Why a case does not fit into memory: all contestants hold theirs, and the one whose turn it is uses more."""
        contestants = sum(len(names) for _, names in self.entered())
        needed, free = case.memory * (contestants + 2), machine.available()
        if free is None or needed < free:
            return ""
        return f"{contestants} contestants need {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free"

    def _raced(self, case: Case) -> Result:
        runners: dict[str, str] = {}
        absences: dict[str, str] = {}
        entered = [(name, source) for source, names in self.entered() for name in names]
        for k, (name, source) in enumerate(entered):
            self._tell(0.5 * k / len(entered), f"{case}: preparing {name}")
            try:
                self._awake(source, case.threads).prepare(name, case)
                runners[name] = source
            except ContestantError as error:
                absences[name] = str(error)
        seconds: dict[str, list[float]] = {name: [] for name in runners}
        for number in range(self._rounds):
            self._tell(0.5 + 0.5 * number / self._rounds, f"{case}: round {number + 1} of {self._rounds}")
            for name in order([name for name in runners if name not in absences], number):
                self._turn(name, runners[name], seconds, absences)
        self._forget()
        timings = [
            Timing(name, self._libraries[source].name, tuple(seconds[name]))
            for name, source in runners.items()
            if name not in absences
        ]
        return Result(case, tuple(timings), tuple(Absence(name, reason) for name, reason in absences.items()))

    def _turn(self, name: str, source: str, seconds: dict[str, list[float]], absences: dict[str, str]) -> None:
        if self._stop():
            raise Stopped
        try:
            seconds[name].append(self._processes[source].turn(name))
        except ContestantError as error:
            absences[name] = str(error)

    def _awake(self, source: str, threads: int) -> Process:
        """A library's process; a new one if it has ended, as after running out of memory."""
        if self._stop():
            raise Stopped
        if self._processes[source].ended:
            self._processes[source].close()
            self._processes[source] = Process(source, self._libraries[source], threads)
        return self._processes[source]

    def _forget(self) -> None:
        for process in self._processes.values():
            if not process.ended:
                process.forget()

    def _tell(self, share: float, doing: str) -> None:
        self._report(Progress(self._begun, self._cases, share, doing))
