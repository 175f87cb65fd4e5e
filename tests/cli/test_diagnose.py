import json
import os

import matplotlib.image
import numpy as np
import pytest

from fastlr.cli import main
from fastlr.lab import diagnose

HEALTHY = 2.3 * np.exp(-np.arange(1000) / 100) + 0.01
SLOW = 2.3 - np.arange(1000) / 1e4


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")


def write(name, losses, **columns):
    with open(name, "w") as file:
        for k, loss in enumerate(losses):
            file.write(json.dumps({"step": k, "loss": float(loss), **columns}) + "\n")


def test_says_what_the_library_says(capsys):
    write("log.jsonl", SLOW, lr=0.001)
    assert main(["diagnose", "log.jsonl"]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("log.jsonl: loss is 'loss', lr is 'lr', step is 'step'")
    assert str(diagnose("log.jsonl")) in out
    assert "too low" in out
    assert os.listdir() == ["log.jsonl"]


def test_a_healthy_run_ends_with_zero(capsys):
    write("log.jsonl", HEALTHY, lr=0.1)
    assert main(["diagnose", "log.jsonl"]) == 0
    assert "healthy" in capsys.readouterr().out


def test_json_and_pictures_of_several_runs(capsys):
    with open("all.csv", "w") as file:
        file.write("run,it,objective,eta\n")
        for name, losses in (("fine", HEALTHY), ("slow", SLOW)):
            file.writelines(f"{name},{k},{loss},0.01\n" for k, loss in enumerate(losses))
    given = ["--column", "loss=objective", "--column", "lr=eta", "--column", "step=it"]
    assert main(["diagnose", "all.csv", *given, "--out", "here", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [(run["run"], run["fault"]) for run in document["runs"]] == [("fine", "healthy"), ("slow", "too low")]
    assert document["runs"][1]["lr"] > 0.02
    assert document["pictures"] == ["here/diagnosis-1.png", "here/diagnosis-2.png"]
    assert matplotlib.image.imread("here/diagnosis-2.png").shape[1] > 1000
    assert main(["diagnose", "all.csv", *given, "--run", "fine"]) == 0


def test_the_trainers_own_history(capsys):
    assert main(["train", "digits", "--compare", "sgd@0.00001,adam", "--epochs", "30", "--out", "run"]) == 0
    capsys.readouterr()
    assert main(["diagnose", "run/history.csv"]) == 1
    out = capsys.readouterr().out
    assert "sgd@0.00001: too low" in out
    assert "adam: healthy" in out


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("a,b\n1,2\n", [], "log.csv: no column of losses: there are 'a', 'b'; name it, as in loss=COLUMN"),
        ("step,loss\n1,2\n", ["--column", "lr=eta"], "log.csv: no column 'eta' for the lr"),
        ("step,loss\n1,2\n", ["--column", "rate=loss"], "columns='rate'"),
        ("run,step,loss\na,1,2\n", ["--run", "b"], "--run='b'): unknown, there are 'a'"),
    ],
)
def test_what_cannot_be_done(text, arguments, message, capsys):
    with open("log.csv", "w") as file:
        file.write(text)
    assert main(["diagnose", "log.csv", *arguments]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""


def test_no_file(capsys):
    assert main(["diagnose", "nothing.csv"]) == 2
    assert "nothing.csv: No such file" in capsys.readouterr().err


@pytest.mark.parametrize("column", ["loss", "=x", "loss="])
def test_arguments_that_cannot_be_parsed(column, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["diagnose", "log.csv", "--column", column])
    assert "must be WHAT=NAME" in capsys.readouterr().err
