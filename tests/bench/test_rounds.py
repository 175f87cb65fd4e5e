"""The race: who takes part, whose turn it is, and what becomes of those who fail."""

import itertools
from pathlib import Path

import pytest

from fastlr.bench import PEERS, Absence, Case, ContestantError, machine, race, rounds
from fastlr.bench.rounds import order

FAKES = ("tests.bench.fakes",)


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def test_each_begins_as_often_as_the_others():
    names = ["a", "b", "c"]
    assert [order(names, number) for number in range(4)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    assert order([], 3) == []


class Recorder:
    """A process that notes what it is asked, and answers at once."""

    log: list[tuple[str, ...]] = []  # noqa: RUF012 - shared by all, for the order among them

    def __init__(self, source, library, threads):
        self.library, self.ended = library, False
        self.log.append(("start", library.name, threads))

    def version(self):
        return "1.0"

    def prepare(self, contestant, case):
        self.log.append(("prepare", contestant, str(case)))

    def turn(self, contestant):
        self.log.append(("turn", contestant))
        return 1e-3

    def forget(self):
        self.log.append(("forget", self.library.name))

    def close(self):
        self.log.append(("close", self.library.name))


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setattr(rounds, "Process", Recorder)
    monkeypatch.setattr(Recorder, "log", [])
    return Recorder.log


def test_turns_are_interleaved(log):
    race([Case("sgd", 10)], ["fastlr.bench.peers.sklearn"], rounds=3)
    turns = [contestant for what, contestant, *_ in log if what == "turn"]
    names = ["fastlr", "limit", "sklearn"]
    assert turns == [*names, "limit", "sklearn", "fastlr", "sklearn", "fastlr", "limit"]
    assert [contestant for what, contestant, *_ in log if what == "prepare"] == names


def test_all_of_a_case_is_forgotten_before_the_next_and_threads_get_their_own_processes(log):
    race([Case("sgd", 10), Case("adam", 10), Case("adam", 10, threads=2)], [], rounds=1)
    assert [what for what, _ in itertools.groupby(entry[0] for entry in log)] == [
        "start", "prepare", "turn", "forget", "prepare", "turn", "forget", "close",
        "start", "prepare", "turn", "forget", "close",
    ]  # fmt: skip
    assert [threads for what, *_, threads in log if what == "start"] == [1, 1, 2, 2]


def test_those_who_fail_are_listed_and_the_race_goes_on():
    peers = (*FAKES, "tests.bench.absent", "tests.bench.broken", "tests.bench.dying")
    found = race([Case("sgd", 10), Case("momentum", 10)], peers, rounds=3)
    for result in found.results:
        assert [timing.contestant for timing in result.timings] == ["fastlr", "limit", "sleeps", "prints"]
        assert all(len(timing.seconds) == 3 and min(timing.seconds) > 0 for timing in result.timings)
        assert set(result.absences) == {
            Absence("lacks", f"there is no {result.case.optimizer}"),
            Absence("raises", "ValueError: what a peer may say"),
            Absence("breaks", "RuntimeError: broken"),
            Absence("dies", "its process ended with code 3: no more memory"),
        }
    absent, broken = found.missing
    assert (absent.library, absent.install) == ("absent", "pip install absent")
    assert absent.reason == "no_such_module is not installed"
    assert (broken.library, broken.install) == ("broken", "")
    assert "a newer one is needed" in broken.reason
    assert list(found.versions) == ["fastlr", "limit", "fake", "dying"]
    assert found.contestants == ["fastlr", "limit", "sleeps", "prints"]


def test_slow_ones_race_on_request():
    assert "waits" not in race([Case("sgd", 10)], FAKES, rounds=1).contestants
    assert "waits" in race([Case("sgd", 10)], FAKES, rounds=1, slow=True).contestants


def test_without_fastlr_there_is_no_race(monkeypatch):
    monkeypatch.setattr(rounds, "OURS", "tests.bench.absent")
    with pytest.raises(ContestantError, match="no_such_module is not installed"):
        race([Case("sgd", 10)], [])


def test_what_does_not_fit_into_memory_is_left_out(log, monkeypatch):
    small, large = Case("sgd", 10), Case("sgd", 10**9)
    monkeypatch.setattr(machine, "available", lambda: 20 * 10**9)
    found = race([small, large], [], rounds=1)
    assert [result.case for result in found.results] == [small]
    (left,) = found.left_out
    assert left.case == large
    assert left.reason == "2 contestants need 32.0 GB of memory, and 20.0 GB are free"
    monkeypatch.setattr(machine, "available", lambda: None)
    assert len(race([small, large], [], rounds=1).results) == 2


def test_it_can_be_stopped(log):
    cases = [Case("sgd", 10), Case("adam", 10)]
    found = race(cases, [], rounds=5, stop=lambda: sum(entry[0] == "turn" for entry in log) == 13)
    assert found.interrupted
    assert [result.case for result in found.results] == cases[:1]
    assert [entry[0] for entry in log[-2:]] == ["close", "close"]


def test_progress_goes_up_to_the_end(log):
    seen = []
    race([Case("sgd", 10), Case("adam", 10)], [], rounds=4, report=seen.append)
    places = [progress.case + progress.share for progress in seen]
    assert places == sorted(places)
    assert places[0] == 0
    assert 1.5 < places[-1] < 2
    assert "adam, 10 weights, float32, 1 thread: round 4 of 4" in [progress.doing for progress in seen]


def test_a_race_with_libraries():
    """The whole way, on a small scale."""
    peers = [source for source in PEERS if source.rpartition(".")[2] in ("reference", "pytorch")]
    found = race([Case("adamw", 1000)], peers, rounds=3)
    (result,) = found.results
    assert found.contestants == ["fastlr", "limit", "numpy", "torch", "torch foreach", "torch fused"]
    assert not found.missing
    assert result.ratio(result.timing("numpy")) > 5
    assert result.ratio(result.timing("torch fused")) > 5
    assert result.ratio(result.timing("limit")) < 1
    assert result.best_peer.contestant != "limit"
    assert found.versions["torch"].startswith("2.")
