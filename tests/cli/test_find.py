import json
import os

import matplotlib.image
import pytest

from fastlr.cli import main
from fastlr.lab import Configuration, find_lr, load, workload

SMALL = ["--epochs", "5", "--seeds", "2", "--steps", "100"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")


def test_a_table_advice_and_a_folder(capsys):
    assert main(["find", "iris", "--optimizers", "sgd,adam", *SMALL]) == 0
    out, _ = capsys.readouterr()
    task = workload(load("iris"), Configuration(epochs=5))
    for name in ("sgd", "adam"):
        found = find_lr(task, name, seeds=2, steps=100)
        assert f"\n{found.advice}\n" in out
        (row,) = [line for line in out.splitlines() if line.startswith(f"{name} ")]
        assert row.split()[1:4] == [f"{rate:.3g}" for rate in (found.suggestion, *found.bracket)]
    assert "written to runs/find-iris: find.json, find-sgd.png, find-adam.png" in out
    assert sorted(os.listdir("runs/find-iris")) == ["find-adam.png", "find-sgd.png", "find.json"]
    assert matplotlib.image.imread("runs/find-iris/find-sgd.png").shape[1] > 1000


def test_json_is_the_whole_of_it(capsys):
    assert main(["find", "iris", *SMALL, "--check", "0", "--part", "train", "--json"]) == 0
    out, err = capsys.readouterr()
    (entry,) = json.loads(out, parse_constant=pytest.fail)["findings"]
    task = workload(load("iris"), Configuration(epochs=5))
    found = find_lr(task, seeds=2, steps=100, part="train", verify=False)
    assert entry["suggestion"] == found.suggestion == entry["ramp_alone"]
    assert entry["bracket"] == list(found.bracket)
    assert entry["check"] is None
    assert len(entry["ramp"]["losses"]) == 101
    assert found.advice in err
    main(["find", "iris", *SMALL, "--check", "9", "--json"])
    (entry,) = json.loads(capsys.readouterr().out)["findings"]
    assert entry["check"]["steps"] == 9


def test_no_suggestion_is_an_error(capsys):
    assert main(["find", "iris", *SMALL, "--max-lr", "1e-4", "--json"]) == 1
    out, err = capsys.readouterr()
    (entry,) = json.loads(out)["findings"]
    assert entry["suggestion"] is None
    assert entry["refusal"] in err
    assert "raise max_lr" in entry["refusal"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["iris", "--min-lr", "-1"], "min_lr must be a number above 0"),
        (["iris", "--min-lr", "2", "--max-lr", "1"], "max_lr must be above min_lr"),
        (["iris", "--optimizers", "adan"], "optimizer 'adan': unknown, did you mean 'adam'?"),
        (["iris", "--check", "1"], "verify must be True, False, or at least 2 steps"),
        (["irid"], "irid: no such file or data set: did you mean 'iris'?"),
    ],
)
def test_says_what_to_do(arguments, message, capsys):
    assert main(["find", *arguments]) == 2
    out, err = capsys.readouterr()
    assert err.lstrip().startswith("fastlr find: ")
    assert message in err
    assert out == ""
