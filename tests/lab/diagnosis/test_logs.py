"""Logs as frameworks write them, and as nobody should."""

import json

import numpy as np
import pytest

from fastlr.lab import DataError, diagnose
from fastlr.lab.diagnosis import read_log
from fastlr.lab.diagnosis.columns import guessed


def csv(tmp_path, text, name="log.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["epoch", "loss", "accuracy", "val_loss", "lr"], {"step": "epoch", "loss": "loss", "lr": "lr"}),  # Keras
        (["epoch", "lr-AdamW", "step", "train_loss_step"], {"step": "step", "lr": "lr-AdamW"}),  # Lightning
        (["loss", "grad_norm", "learning_rate", "epoch", "step"], {"lr": "learning_rate", "step": "step"}),  # HF
        (["Step", "Train/Loss", "Eval/Loss"], {"loss": "Train/Loss", "val_loss": "Eval/Loss", "step": "Step"}),
        (["optimizer", "epoch", "step", "seconds", "lr", "train_loss", "test_loss"], {"run": "optimizer"}),  # ours
        (["iter", "nothing"], {"step": "iter"}),
    ],
)
def test_columns_are_guessed_by_name(names, expected):
    found = guessed(names)
    assert {what: found[what] for what in expected} == expected


def test_separators_and_blank_lines(tmp_path):
    for separator in (",", ";", "\t"):
        lines = [separator.join(("epoch", "loss")), *(separator.join((str(k), str(1 / (k + 1)))) for k in range(5)), ""]
        (trace,) = read_log(csv(tmp_path, "\n".join(lines))).traces
        np.testing.assert_allclose(trace["loss"], 1 / (np.arange(5) + 1))
        assert trace.unit == "epoch"


@pytest.mark.parametrize(
    "write",
    [
        lambda rows: "\n".join(map(json.dumps, rows)),
        json.dumps,
        lambda rows: json.dumps({"best": 1, "log_history": rows}),
        lambda rows: json.dumps({"history": {name: [row[name] for row in rows] for name in rows[0]}}),
        lambda rows: json.dumps({name: [row[name] for row in rows] for name in rows[0]}),
    ],
    ids=["lines", "list", "hugging face", "keras", "columns"],
)
def test_json_in_its_shapes(tmp_path, write):
    rows = [{"step": 10 * k, "loss": 3.0 - k / 10, "lr": 0.1} for k in range(12)]
    (trace,) = read_log(csv(tmp_path, write(rows), "log.json")).traces
    np.testing.assert_array_equal(trace["step"], 10 * np.arange(12))
    np.testing.assert_allclose(trace["loss"], 3.0 - np.arange(12) / 10)


def test_nested_records(tmp_path):
    rows = "\n".join(json.dumps({"train": {"loss": k}, "optim": {"lr": 0.5}, "step": k}) for k in range(4))
    log = read_log(csv(tmp_path, rows, "log.jsonl"), {"lr": "optim/lr"})
    assert log.told == "loss is 'train/loss', step is 'step', lr is 'optim/lr'"
    np.testing.assert_array_equal(log.traces[0]["lr"], 0.5)


def test_records_of_one_step_are_one(tmp_path):
    """Lightning writes the validation loss in a line of its own, and the rate in another."""
    text = "step,train_loss,val_loss,lr\n" + "".join(f"{k},{k}.5,,\n{k},,{k}.25,\n{k},,,0.1\n" for k in range(6))
    (trace,) = read_log(csv(tmp_path, text)).traces
    np.testing.assert_array_equal(trace["loss"], np.arange(6) + 0.5)
    np.testing.assert_array_equal(trace["val_loss"], np.arange(6) + 0.25)
    np.testing.assert_array_equal(trace["lr"], 0.1)


def test_several_runs_are_told_apart(tmp_path):
    text = "optimizer,epoch,train_loss\n" + "".join(f"{o},{k},{k + n}\n" for n, o in enumerate("ab") for k in range(12))
    path = csv(tmp_path, text)
    assert [(trace.name, trace["loss"][0]) for trace in read_log(path).traces] == [("a", 0), ("b", 1)]
    with pytest.raises(ValueError, match=r"run must be one of 'a', 'b'"):
        diagnose(path)
    with pytest.raises(ValueError, match=r"run='c'.*unknown.*there are 'a', 'b'"):
        diagnose(path, run="c")
    assert diagnose(path, run="b").trace.name == "b"


def test_a_step_that_begins_anew_is_another_run(tmp_path):
    text = "step,loss\n" + "".join(f"{k},{n}\n" for n in range(3) for k in range(20))
    log = read_log(csv(tmp_path, text))
    assert [trace.name for trace in log.traces] == ["part 1", "part 2", "part 3"]
    assert [trace["loss"][0] for trace in log.traces] == [0, 1, 2]
    assert "the step begins anew 2 times: 3 runs" in log.traces[0].remarks


def test_a_resumed_run_keeps_what_was_done_last(tmp_path):
    steps = [*range(10), *range(6, 15)]
    text = "step,loss\n" + "".join(f"{step},{k}\n" for k, step in enumerate(steps))
    (trace,) = read_log(csv(tmp_path, text)).traces
    np.testing.assert_array_equal(trace["step"], np.arange(15))
    np.testing.assert_array_equal(trace["loss"], [*range(6), *range(10, 19)])
    assert any("the step goes back 1 time" in remark for remark in trace.remarks)


def test_gaps_and_text_are_told(tmp_path):
    steps = [*range(20), *range(500, 520)]
    text = "step,loss\n" + "".join(f"{k},{'oops' if k == 7 else 1.0}\n" for k in steps)
    (trace,) = read_log(csv(tmp_path, text)).traces
    assert len(trace) == 39
    assert "1 value of 'loss' are no numbers: record 8 has 'oops'" in trace.remarks
    assert "nothing was logged between step 19 and 500" in trace.remarks
    assert set(diagnose(trace).remarks) >= set(trace.remarks)


@pytest.mark.parametrize("word", ["nan", "NaN", "inf", "-Infinity"])
def test_what_is_not_finite_is_a_divergence(tmp_path, word):
    text = "step,loss\n" + "".join(f"{k},{1 / (k + 1)}\n" for k in range(20)) + f"20,{word}\n21,0.1\n"
    found = diagnose(csv(tmp_path, text))
    assert (found.fault, found.trace.broke) == ("diverging", 20)
    assert found.evidence[0].words == "not finite at step 20"
    assert len(found.trace) == 20


def test_a_rate_that_is_told_now_and_then_holds_until_the_next(tmp_path):
    text = "step,loss,lr\n" + "".join(f"{k},1.0,{0.1 if k == 2 else 0.01 if k == 5 else ''}\n" for k in range(8))
    (trace,) = read_log(csv(tmp_path, text)).traces
    np.testing.assert_array_equal(trace["lr"], [0.1] * 5 + [0.01] * 3)


def test_without_a_training_loss_the_validation_loss_is_judged():
    log = read_log([{"epoch": k, "val_loss": 1.0} for k in range(12)])
    assert "there is no training loss: judged by 'val_loss'" in log.traces[0].remarks


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", r"no column of losses: there are 'a', 'b'; name it, as in loss=COLUMN"),
        ("step,loss\n", r"no records"),
        ("", r"no records"),
        ("step,loss\n1,x\n2,y\n", r"column 'loss' holds no number"),
        ('{"loss": 1}\n{"loss"\n', r"line 2: not JSON"),
        ('{"loss": 1}\n3\n', r"line 2: must be a record"),
        ("[1, 2]", r"a JSON log must be a list of records"),
        ('{"loss": [1, 2], "lr": 3}', r"holds no number"),
    ],
)
def test_what_cannot_be_read(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_log(csv(tmp_path, text))


def test_files_that_are_none(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_log(tmp_path / "nothing.csv")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00loss")
    with pytest.raises(DataError, match="not UTF-8"):
        read_log(tmp_path / "binary")


def test_columns_that_are_wrongly_named():
    rows = [{"step": k, "loss": 1.0} for k in range(3)]
    with pytest.raises(DataError, match=r"no column 'eta' for the lr: there are 'step', 'loss'"):
        read_log(rows, {"lr": "eta"})
    with pytest.raises(ValueError, match=r"columns='rat'.*unknown"):
        read_log(rows, {"rat": "loss"})
