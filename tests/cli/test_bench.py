"""`fastlr bench`."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fastlr
from fastlr import bench
from fastlr.cli import bench as command
from fastlr.cli import main
from fastlr.engine.threads import available
from tests.bench.test_results import RACE

FILES = ["bench.json", "bench.md", "bench.png"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def asked(monkeypatch):
    """What the race was asked for; it answers at once."""
    seen = {}

    def race(cases, peers, **options):
        seen.update(options, cases=cases, peers=[source.rpartition(".")[2] for source in peers])
        options["report"](bench.Progress(0, len(cases), 0.5, "doing it"))
        return RACE

    monkeypatch.setattr(bench, "race", race)
    return seen


def test_a_race(capsys):
    arguments = ["bench", "--optimizers", "sgd", "--sizes", "10,2x100", "--peers", "numpy", "--rounds", "2"]
    assert main([*arguments, "--threads", "1", "--json", "--out", "there"]) == 0
    out, err = capsys.readouterr()
    race = bench.from_json(out)
    assert [str(result.case) for result in race.results] == [
        "sgd, 10 weights, float32, 1 thread",
        "sgd, 2 x 100 weights, float32, 1 thread",
    ]
    assert race.contestants == ["fastlr", "limit", "numpy"]
    assert sorted(os.listdir("there")) == FILES
    with open("there/bench.json") as file:
        assert file.read() == out
    with open("there/bench.md") as file:
        assert file.read() == bench.markdown(race)
    with open("there/bench.png", "rb") as file:
        assert file.read(4) == b"\x89PNG"
    assert "written to there: bench.json, bench.md, bench.png" in err


def test_what_is_shown(asked, capsys):
    assert main(["bench"]) == 0
    out = capsys.readouterr().out
    (row,) = [line.split() for line in out.splitlines() if line.startswith("adamw  ") and "1,000,000" in line]
    assert row == ["adamw", "1,000,000", "2.00", "ms", "0.500", "100", "3.00", "-", "torch", "fused", "3.00"]
    assert "Abacus" in out
    assert "optax did not take part: jax is not installed: pip install jax" in out
    assert sorted(os.listdir("runs/bench")) == FILES


def test_no_cell_is_cut(asked, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    main(["bench"])
    assert "\N{HORIZONTAL ELLIPSIS}" not in capsys.readouterr().out


def test_defaults(asked):
    main(["bench"])
    assert asked["cases"] == bench.standard([fastlr.get_num_threads()])
    assert asked["peers"] == [source.rpartition(".")[2] for source in bench.PEERS]
    assert (asked["rounds"], asked["slow"]) == (9, True)
    main(["bench", "--no-compiled"])
    assert not asked["slow"]


def test_quick(asked):
    main(["bench", "--quick", "--dtype", "float64"])
    assert asked["cases"] == bench.quick([fastlr.get_num_threads()], ["float64"])
    assert (asked["rounds"], asked["slow"]) == (5, False)
    main(["bench", "--quick", "--compiled"])
    assert asked["slow"]


def test_sizes(asked):
    main(["bench", "--sizes", "1000,64M, 100x1k", "--threads", "1", "--rounds", "4", "--peers", "torch,sklearn"])
    layouts = [(case.optimizer, case.arrays, case.weights) for case in asked["cases"]]
    assert layouts == [("adamw", 1, 1000), ("adamw", 1, 64_000_000), ("adamw", 100, 1000)]
    assert {case.threads for case in asked["cases"]} == {1}
    assert (asked["rounds"], asked["peers"]) == (4, ["pytorch", "sklearn"])


def test_optimizers_alone_get_all_sizes(asked):
    main(["bench", "--optimizers", "momentum,centered+momentum"])
    assert [case.weights for case in asked["cases"]] == [*bench.SIZES] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--optimizers adamm", "--optimizers adamm: unknown, did you mean 'adam'? there are adagrad, adam,"),
        ("--peers tourch", "--peers tourch: unknown, did you mean 'torch'? there are numpy, torch,"),
        ("--quick --sizes 10", "--quick: has its own optimizers and sizes"),
        ("--quick --optimizers sgd", "--quick: has its own optimizers and sizes"),
        ("--sizes ten", "must be as in 1000, 64M or 100x1k, got 'ten'"),
        ("--sizes 10,0", "got '0'"),
        ("--sizes 0x10", "got '0x10'"),
        ("--dtype float16", "must be float32, float64 or float32,float64, got 'float16'"),
        (f"--threads 1,{available() + 1}", f"must be at most {available()}, the processors there are"),
        ("--threads 0", "must be a whole number, at least 1, got '0'"),
        ("--rounds 0", "must be a whole number, at least 1, got '0'"),
        ("--out file", "--out file: "),
    ],
)
def test_what_it_cannot_use(arguments, message, asked, capsys):
    with open("file", "w"):
        pass
    try:
        code = main(["bench", *arguments.split()])
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert not asked


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the processes")
def test_ctrl_c_ends_it_and_all_its_processes():
    """A real one, in the middle of a race that would take much longer."""
    command = [sys.executable, "-m", "fastlr", "bench", "--sizes", "10,100", "--peers", "numpy", "--rounds", "100000"]
    environment = {**os.environ, "PYTHONPATH": str(Path(fastlr.__file__).parents[1])}
    race = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while not (workers := children(race.pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(2)  # the race has begun
        race.send_signal(signal.SIGINT)
        _, err = race.communicate(timeout=60)
    finally:
        race.kill()
    assert race.returncode == 130
    assert "Traceback" not in err
    assert workers
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def test_interrupted(asked, monkeypatch, capsys):
    monkeypatch.setattr(bench, "race", lambda *a, **b: dataclasses.replace(RACE, interrupted=True))
    assert main(["bench"]) == 130
    assert sorted(os.listdir("runs/bench")) == FILES


def test_interrupted_before_the_first_case(monkeypatch, capsys):
    nothing = dataclasses.replace(RACE, interrupted=True, results=(), missing=(), left_out=())
    monkeypatch.setattr(bench, "race", lambda *a, **b: nothing)
    assert main(["bench", "--json"]) == 130
    out, _ = capsys.readouterr()
    assert json.loads(out)["results"] == []
    assert os.listdir("runs/bench") == []


def test_results_that_cannot_be_written_are_shown(asked, monkeypatch, capsys):
    def write(folder, contents):
        raise OSError("the disk is full")

    monkeypatch.setattr(command.records, "write", write)
    assert main(["bench"]) == 1
    out, err = capsys.readouterr()
    assert "torch fused 3.00" in out
    assert "written to" not in out
    assert "fastlr bench: the results could not be written: the disk is full" in err


def test_when_fastlr_cannot_race(monkeypatch, capsys):
    def race(*cases, **options):
        raise bench.ContestantError("its process ended with code 1")

    monkeypatch.setattr(bench, "race", race)
    assert main(["bench"]) == 1
    assert "fastlr itself cannot race: its process ended with code 1" in capsys.readouterr().err


def test_help(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert "fastlr bench --quick" in out
    assert "exit codes" in out
