import csv
import dataclasses
import io
import json
import os

import numpy as np
import pytest

from fastlr.lab import MLP, Configuration, choose, compare, load, prepare, records


@pytest.fixture(scope="module")
def two():
    return compare(load("wine"), choose(["adam", "sgd@0.1"]), Configuration(epochs=3))


@pytest.fixture(scope="module")
def diverged():
    return compare(load("diabetes"), choose(["sgd@10"]), Configuration(epochs=20))


def test_history_has_every_number_exactly(two):
    rows = list(csv.DictReader(io.StringIO(records.history(two))))
    entries = [(run.name, entry) for run in two.runs for entry in run.history]
    assert len(rows) == len(entries) == 8
    for row, (name, entry) in zip(rows, entries, strict=True):
        assert row["optimizer"] == name
        assert (float(row["epoch"]), int(row["step"]), float(row["lr"])) == (entry.epoch, entry.step, entry.lr)
        assert float(row["seconds"]) == pytest.approx(entry.seconds, abs=1e-6)
        for part in ("train", "test"):
            scores = getattr(entry, part)
            assert float(row[f"{part}_loss"]) == scores.loss
            assert float(row[f"{part}_accuracy"]) == scores.metrics["accuracy"]


def test_history_of_a_regression_has_both_metrics(diverged):
    header = records.history(diverged).splitlines()[0].split(",")
    assert header[-4:] == ["train_r2", "test_r2", "train_rmse", "test_rmse"]


def test_parameters_are_named(two):
    with np.load(io.BytesIO(records.files(two)["parameters.npz"])) as arrays:
        assert set(arrays) == {f"{name}/{key}" for name in ("adam", "sgd@0.1") for key in ("w1", "b1", "w2", "b2")}
        np.testing.assert_array_equal(arrays["sgd@0.1/w2"], two.runs[1].parameters["w2"])


def test_files_are_enough_to_use_the_network(tmp_path):
    data = load("diabetes")
    result = compare(data, choose(["adam"]), Configuration(epochs=5, dtype="float64"))
    records.write(tmp_path / "new" / "folder", records.files(result))
    described = json.loads((tmp_path / "new/folder/run.json").read_text())
    network, about = described["network"], described["data"]
    scaling, target = about["feature_scaling"], about["target_scaling"]
    with np.load(tmp_path / "new/folder/parameters.npz") as arrays:
        parameters = dict(arrays)
    model = MLP(network["sizes"], network["activation"], network["loss"], network["dtype"])
    predicted = model.predict(parameters, (data.x - scaling["mean"]) / scaling["scale"])
    error = predicted * target["scale"] + target["mean"] - data.y
    # of all rows, so between those of the two parts
    found = np.sqrt(np.mean(error**2))
    run = described["runs"][0]
    assert run["train"]["rmse"] < found < run["test"]["rmse"] or run["test"]["rmse"] < found < run["train"]["rmse"]
    assert network["weights"] == sum(array.size for array in parameters.values()) == 10 * 50 + 50 + 50 + 1


def test_document_says_what_was_done(two):
    found = records.document(two)
    assert found == json.loads(json.dumps(found, allow_nan=False))
    assert (found["data"]["name"], found["data"]["rows"], found["data"]["train_rows"]) == ("wine", 178, 134)
    assert found["data"]["classes"] == ["class_0", "class_1", "class_2"]
    assert found["data"]["target_scaling"] is None
    split = prepare(load("wine"))
    assert found["data"]["feature_scaling"]["mean"] == split.features.mean.tolist()
    assert found["training"] == {"epochs": 3, "batch": 32, "seed": 0, "test_share": 0.25}
    assert not found["interrupted"]
    adam, sgd = found["runs"]
    assert (adam["name"], adam["status"], adam["steps"], adam["epochs"]) == ("adam", "finished", 15, 3)
    assert adam["settings"]["betas"] == [0.9, 0.999]
    assert adam["settings"]["backend"] == "cython"
    assert adam["optimizer"].startswith("Adam(lr=0.001, betas=(0.9, 0.999)")
    assert sgd["settings"]["lr"] == 0.1
    assert sgd["test"]["accuracy"] == two.runs[1].history[-1].test.metrics["accuracy"]
    assert sgd["speedup"] == two.runs[1].speedup


def test_what_is_not_finite_is_null():
    data = load("iris")
    data = dataclasses.replace(data, x=data.x * 4e37)
    result = compare(data, choose(["sgd"]), Configuration(epochs=1, standardise=False))
    found = json.loads(records.files(result)["run.json"], parse_constant=pytest.fail)
    (run,) = found["runs"]
    assert (run["status"], run["steps"], run["train"]["loss"], run["speedup"]) == ("diverged", 0, None, None)


def test_the_same_run_gives_the_same_parameters_file(two):
    again = compare(load("wine"), choose(["adam", "sgd@0.1"]), Configuration(epochs=3))
    assert records.files(again)["parameters.npz"] == records.files(two)["parameters.npz"]


def test_files_are_replaced(tmp_path):
    (tmp_path / "other").write_text("stays")
    for content in (b"long ago", b"now"):
        records.write(tmp_path, {"a": content, "b": b"b"})
        assert (tmp_path / "a").read_bytes() == content
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "other"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    records.write(tmp_path, {"a": b"old"})

    def fail(self, content):
        with open(self, "wb") as file:
            file.write(content[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(OSError, match="No space left"):
        records.write(tmp_path, {"a": b"new"})
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"
