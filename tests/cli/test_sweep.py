import json
import os
import signal
import subprocess
import sys
import time

import matplotlib.image
import pytest

from fastlr.cli import main
from fastlr.lab import Adaptive, Configuration, load, rates, sweep, workload

FILES = ["runs.jsonl", "sweep.json", "sweep.png"]
SMALL = ["--epochs", "2", "--seeds", "2", "--count", "5"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")


def lines(path):
    with open(path) as file:
        return len(file.read().splitlines())


def test_a_table_advice_and_a_folder(capsys):
    assert main(["sweep", "iris", "--optimizers", "sgd,adam", *SMALL]) == 0
    out, _ = capsys.readouterr()
    task = workload(load("iris"), Configuration(epochs=2))
    result = sweep(task, ["sgd", "adam"], rates=Adaptive(1e-5, 10, 5), seeds=2)
    assert "iris: test cross-entropy (nats) after 2 epochs, 20 runs" in out
    for curve in result.curves:
        assert f"\n{curve.advice}\n" in out
        (row,) = [line for line in out.splitlines() if line.startswith(f"{curve.optimizer} ")]
        assert f"{curve.best_loss:.4g}" in row.split()
        assert f"{curve.best:.3g}" in row.split()
    assert "written to runs/sweep-iris: sweep.png, sweep.json, runs.jsonl" in out
    assert sorted(os.listdir("runs/sweep-iris")) == FILES
    assert matplotlib.image.imread("runs/sweep-iris/sweep.png").shape[1] > 1000
    assert lines("runs/sweep-iris/runs.jsonl") == 1 + 2 + 20


@pytest.mark.parametrize(("how", "tried"), [("grid", rates.grid), ("random", rates.log_random)])
def test_json_is_the_whole_of_it(how, tried, capsys):
    given = ["--low", "0.001", "--high", "100", "--how", how, "--part", "train", "--no-standardise", "--json"]
    assert main(["sweep", "iris", *SMALL, *given]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out, parse_constant=pytest.fail)
    task = workload(load("iris"), Configuration(epochs=2, standardise=False))
    curve = sweep(task, rates=tried(1e-3, 100, 5), seeds=2, part="train")["sgd"]
    (found,) = document["curves"]
    assert found["rates"] == curve.rates.tolist()
    assert found["losses"] == curve.medians.tolist()
    assert (found["best"], found["cliff"], found["basin"]) == (curve.best, curve.cliff, list(curve.basin))
    assert len(document["runs"]) == 10
    assert curve.advice in err


def test_the_same_command_goes_on_where_it_was(capsys):
    main(["sweep", "iris", *SMALL, "--how", "grid"])
    first = os.stat("runs/sweep-iris/runs.jsonl")
    main(["sweep", "iris", *SMALL, "--how", "grid"])
    assert os.stat("runs/sweep-iris/runs.jsonl").st_size == first.st_size
    main(["sweep", "iris", *SMALL, "--how", "grid", "--seeds", "3"])
    assert lines("runs/sweep-iris/runs.jsonl") == 1 + 1 + 15


def test_ctrl_c_keeps_what_was_run():
    command = [sys.executable, "-m", "fastlr", "sweep", "digits", "--epochs", "30", "--seeds", "8", "--how", "grid"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    path, end = "runs/sweep-digits/runs.jsonl", time.monotonic() + 60
    while time.monotonic() < end and not (os.path.exists(path) and lines(path) > 5):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.endswith("fastlr sweep: interrupted; the same command goes on where it was\n")
    assert out == ""
    kept = lines(path)
    assert 5 < kept < 2 + 8 * 15
    assert (kept - 2) % 20 == 0


def test_nothing_that_learns_is_an_error(capsys):
    given = ["--low", "1e20", "--high", "1e30", "--no-standardise"]
    assert main(["sweep", "wine", *SMALL, *given]) == 1
    assert "sgd: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["iris", "--low", "-1"], "Adaptive(low=-1.0): low must be a number above 0"),
        (["iris", "--low", "2", "--high", "1"], "Adaptive(low=2.0, high=1.0): high must be above low"),
        (["iris", "--count", "2"], "Adaptive(count=2): count must be at least 3"),
        (["iris", "--optimizers", "adan"], "optimizer 'adan': unknown, did you mean 'adam'?"),
        (["iris", "--optimizers", "adam@1"], "'adam@1' must be without a rate"),
        (["irid"], "irid: no such file or data set: did you mean 'iris'?"),
        (["blobs", "--batch", "5"], "--batch: blobs is as the articles have it"),
    ],
)
def test_says_what_to_do(arguments, message, capsys):
    assert main(["sweep", *arguments]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("fastlr sweep: ")
    assert message in err
    assert out == ""


def test_results_of_another_sweep(capsys):
    main(["sweep", "iris", *SMALL])
    assert main(["sweep", "iris", *SMALL, "--epochs", "3"]) == 2
    message = "it holds another sweep: epochs is 2 there and 3 here; name another file, or remove this one"
    assert message in capsys.readouterr().err
