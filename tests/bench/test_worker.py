"""The protocol, without a process; and with one."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastlr.bench import worker as workers
from fastlr.bench.cases import Case
from fastlr.bench.peers import base
from fastlr.bench.process import ContestantError, MissingError, Process, environment

ROOT = Path(__file__).parents[2]
CASE = Case("sgd", 10)
FAKES = "tests.bench.fakes"


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def conversation(*requests, source=FAKES):
    answers = []
    workers.serve(workers.Worker(base.load(source)), io.StringIO("\n".join(map(json.dumps, requests))), answers.append)
    return answers


def prepare(name):
    return {"do": "prepare", "contestant": name, "case": {"optimizer": "sgd", "weights": 10}}


def test_a_conversation():
    turn = {"do": "turn", "contestant": "sleeps"}
    hello, prepared, first, second, forgotten, late = conversation(
        prepare("sleeps"), turn, turn, {"do": "forget"}, turn
    )
    assert hello.keys() == {"version"}
    assert prepared == forgotten == {}
    assert 0.001 <= first["seconds"] < 0.1
    assert 0.001 <= second["seconds"] < 0.1
    assert late == {"error": "KeyError: 'sleeps'"}


def test_failures_are_answers():
    answers = conversation(prepare("lacks"), prepare("raises"), {"do": "dance"})[1:]
    assert answers == [
        {"unsupported": "there is no sgd"},
        {"error": "ValueError: what a peer may say"},
        {"error": "KeyError: 'dance'"},
    ]


def test_a_library_that_is_missing_or_broken_says_so():
    assert conversation(source="tests.bench.absent") == [{"missing": "no_such_module"}]
    assert conversation(source="tests.bench.broken") == [{"error": "AttributeError: a newer one is needed"}]


@pytest.fixture
def start():
    started = []

    def start(source):
        started.append(Process(source, base.load(source), 1))
        return started[-1]

    yield start
    for process in started:
        process.close()
        assert process.ended


def test_a_process(start):
    process = start(FAKES)
    assert process.version()
    for name in ("sleeps", "prints"):
        process.prepare(name, CASE)
        assert 0.001 <= process.turn(name) < 0.1
    with pytest.raises(ContestantError, match=r"^there is no sgd$"):
        process.prepare("lacks", CASE)
    with pytest.raises(ContestantError, match=r"^ValueError: what a peer may say$"):
        process.prepare("raises", CASE)
    process.forget()
    with pytest.raises(ContestantError, match="KeyError"):
        process.turn("sleeps")


def test_a_process_without_its_library(start):
    with pytest.raises(MissingError, match=r"^no_such_module is not installed$"):
        start("tests.bench.absent").version()
    with pytest.raises(ContestantError, match="a newer one is needed") as caught:
        start("tests.bench.broken").version()
    assert not isinstance(caught.value, MissingError)


def test_a_process_that_dies_says_how_and_what_it_said_last(start):
    process = start("tests.bench.dying")
    with pytest.raises(ContestantError, match="its process ended with code 3: no more memory"):
        process.prepare("dies", CASE)
    assert process.ended
    with pytest.raises(ContestantError, match="ended with code 3"):
        process.prepare("dies", CASE)


def test_the_environment_is_the_same_for_all_but_for_what_a_library_asks():
    inherited = {"PATH": "/bin", "HOME": "/h", "OMP_WAIT_POLICY": "active", "OPENBLAS_NUM_THREADS": "9", "GOMP_X": "1"}
    found = environment(inherited, base.load(FAKES), 3)
    assert found == {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}/bin",
        "HOME": "/h",
        "FAKE": "1",
        "OMP_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "3",
        "OPENBLAS_NUM_THREADS": "3",
    }


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux limits processors")
def test_a_worker_keeps_to_as_many_processors_as_it_has_threads():
    code = (
        "import os; from fastlr.bench import worker; before = len(os.sched_getaffinity(0));"
        "worker._limit_processors(1000); same = len(os.sched_getaffinity(0)); worker._limit_processors(1);"
        "print(before == same, len(os.sched_getaffinity(0)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True 1\n"
