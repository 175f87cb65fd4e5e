import json
import os

import matplotlib.image
import pytest

from fastlr.cli import main
from fastlr.lab import STUDIES, Configuration, blobs, load, study, workload

DOCUMENTS = ["report.html", "report.md", "study.json"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")


def test_a_table_and_a_folder(capsys):
    assert main(["study", "momentum", "--epochs", "40", "--seeds", "4,2"]) in (0, 1)
    out, _ = capsys.readouterr()
    result = study("momentum", blobs().for_epochs(40), seeds=[4, 2])
    assert "Momentum of SGD: blobs: 4 settings x 2 seeds (4, 2), 40 epochs of 16 steps, defaults 2019" in out
    for claim in result.claims:
        (line,) = [line for line in out.splitlines() if claim.measured in line]
        assert line.rstrip().endswith("holds" if claim.holds else "does not")
    holding = sum(claim.holds for claim in result.claims)
    assert f"{holding} of 2 claims hold" in out
    folder = "runs/study-blobs"
    assert f"written to {folder}: momentum.png, report.md, report.html" in out
    assert sorted(os.listdir(folder)) == ["momentum.png", *DOCUMENTS]
    assert matplotlib.image.imread(f"{folder}/momentum.png").shape[1] > 1000
    with open(f"{folder}/report.md") as file:
        text = file.read()
    assert all(claim.measured in text for claim in result.claims)


def test_all_of_them_as_json(capsys):
    code = main(["study", "all", "--epochs", "3", "--seeds", "1", "--out", "here", "--json"])
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert [entry["name"] for entry in document["studies"]] == list(STUDIES)
    claims = [claim for entry in document["studies"] for claim in entry["claims"]]
    assert code == (0 if all(claim["holds"] for claim in claims) else 1) == 1
    assert f"{sum(claim['holds'] for claim in claims)} of {len(claims)} claims hold" in err
    assert sorted(os.listdir("here")) == sorted([f"{name}.png" for name in STUDIES] + DOCUMENTS)
    with open("here/study.json") as file:
        assert json.load(file)["studies"] == document["studies"]


def test_other_data_network_and_preset(capsys):
    given = ["--data", "wine", "--epochs", "2", "--hidden", "7,5", "--batch", "50", "--preset", "torch", "--json"]
    main(["study", "adaptive", *given, "--seeds", "1"])
    (entry,) = json.loads(capsys.readouterr().out)["studies"]
    task = workload(load("wine"), Configuration(hidden=(7, 5), epochs=2, batch=50))
    result = study("adaptive", task, seeds=1, preset="torch")
    assert entry["data"] == "wine"
    assert [claim["measured"] for claim in entry["claims"]] == [claim.measured for claim in result.claims]
    assert os.path.exists("runs/study-wine/adaptive.png")


def test_a_csv_file(capsys, tmp_path):
    (tmp_path / "points.csv").write_text("a,b,y\n" + "".join(f"{i},{i * i % 7},{i / 4}\n" for i in range(40)))
    main(["study", "momentum", "--data", "points.csv", "--target", "y", "--ignore", "b", "--epochs", "2", "--json"])
    (entry,) = json.loads(capsys.readouterr().out)["studies"]
    assert (entry["data"], entry["seeds"]) == ("points", [0, 1, 2, 3, 4])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["momentum", "--data", "whine"], "whine: no such file or data set: did you mean 'wine'?"),
        (["momentum", "--hidden", "5"], "--hidden: blobs is as the articles have it; leave it out, or take other data"),
        (["momentum", "--no-standardise"], "--no-standardise: blobs is as the articles have it"),
    ],
)
def test_says_what_to_do(arguments, message, capsys):
    assert main(["study", *arguments]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert out == ""
    assert not os.path.exists("runs")


@pytest.mark.parametrize(
    "arguments", [["momentun"], ["all", "--seeds", "0"], ["all", "--seeds", "1,1"], ["all", "--preset", "2018"]]
)
def test_arguments_that_cannot_be_parsed(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["study", *arguments])
    assert arguments[-1] in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(capsys):
    with open("file", "w"):
        pass
    assert main(["study", "momentum", "--epochs", "1", "--out", "file/folder"]) == 2
    assert "--out file/folder: " in capsys.readouterr().err
