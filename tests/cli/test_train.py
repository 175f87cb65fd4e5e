import csv
import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import fastlr
from fastlr.cli import main
from fastlr.cli.terminal import interruptible

FILES = ["curves.png", "history.csv", "parameters.npz", "run.json"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def flowers(tmp_path):
    rng = np.random.default_rng(0)
    with open(tmp_path / "flowers.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "petal", "sepal", "kind"])
        for i in range(60):
            kind = i % 2
            writer.writerow([f"f{i}", *rng.normal(3 * kind, 1, 2), ["rose", "lily"][kind]])
    return "flowers.csv"


def test_train_shows_a_table_and_writes_a_folder(capsys):
    assert main(["train", "digits", "--epochs", "15"]) == 0
    out, err = capsys.readouterr()
    assert "digits: 1,797 rows, 64 features, target 'class': classification, 10 classes (built in)" in out
    assert "network 64-50-10, relu, float32; trained on 1,348 rows, 43 steps an epoch; tested on 449" in out
    (row,) = [line.split() for line in out.splitlines() if line.startswith("adam ")]
    name, epochs, train, test, step, reference, faster, rate = row
    assert (name, epochs) == ("adam", "15")
    assert float(train) >= float(test) > 0.93
    assert float(faster) == pytest.approx(float(reference) / float(step), rel=0.1)
    assert float(rate.replace(",", "")) > 0
    assert "written to runs" in out
    assert "epoch 15/15" in err
    assert "loss 0." in err
    folder = "runs/digits-adam"
    assert sorted(os.listdir(folder)) == FILES
    with np.load(f"{folder}/parameters.npz") as arrays:
        assert {name: array.shape for name, array in arrays.items()} == {
            "w1": (64, 50),
            "b1": (50,),
            "w2": (50, 10),
            "b2": (10,),
        }
    with open(f"{folder}/history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(16)]
    assert f"{float(rows[-1]['test_accuracy']):.4f}" == test
    with open(f"{folder}/run.json") as file:
        assert json.load(file)["runs"][0]["test"]["accuracy"] == float(rows[-1]["test_accuracy"])


def test_compare(capsys):
    names = "sgd,momentum,adagrad,rmsprop,adam"
    assert main(["train", "wine", "--compare", names, "--epochs", "5", "--out", "here/there"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if line.split()[1:2] == ["5"]] == names.split(",")
    assert sorted(os.listdir("here/there")) == FILES
    with np.load("here/there/parameters.npz") as arrays:
        assert {name.split("/")[0] for name in arrays} == set(names.split(","))


def test_json_prints_one_document_and_nothing_else(capsys):
    assert main(["train", "diabetes", "--compare", "sgd@0.05,adam", "--epochs", "50", "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out, parse_constant=pytest.fail)
    assert found["folder"] == os.path.join("runs", "diabetes-sgd@0.05-adam")
    assert [run["name"] for run in found["runs"]] == ["sgd@0.05", "adam"]
    assert found["runs"][1]["test"]["r2"] > 0.35
    assert found["runs"][1]["test"]["rmse"] < 65
    assert "RMSE" in err
    assert "epoch 50/50" in err
    with open(os.path.join(found.pop("folder"), "run.json")) as file:
        assert json.load(file) == found


def test_options_reach_the_training(capsys):
    command = (
        "train iris --optimizer momentum --lr 0.02 --momentum 0.8 --weight-decay 0.01 --like keras --backend numpy"
    )
    command += " --hidden 7,5 --activation tanh --dtype float64 --epochs 2 --batch 20 --seed 3 --test-share 0.5"
    command += " --no-standardise --threads 1 --json"
    threads = fastlr.get_num_threads()
    assert main(command.split()) == 0
    assert fastlr.get_num_threads() == threads
    found = json.loads(capsys.readouterr().out)
    settings = found["runs"][0]["settings"]
    expected = {
        "lr": 0.02,
        "momentum": 0.8,
        "weight_decay": 0.01,
        "like": "keras",
        "backend": "numpy",
        "nesterov": False,
    }
    assert expected.items() <= settings.items()
    assert found["network"]["sizes"] == [4, 7, 5, 3]
    assert (found["network"]["activation"], found["network"]["dtype"]) == ("tanh", "float64")
    assert found["training"] == {"epochs": 2, "batch": 20, "seed": 3, "test_share": 0.5}
    assert found["fastlr"]["threads"] == threads
    assert found["data"]["test_rows"] == 75
    assert found["data"]["feature_scaling"] is None
    assert found["runs"][0]["steps"] == 8


def test_a_linear_model(capsys):
    assert main(["train", "iris", "--hidden", "none", "--epochs", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["network"]["sizes"] == [4, 3]


def test_csv(flowers, capsys):
    assert main(["train", flowers, "--target", "kind", "--ignore", "id", "--lr", "0.05"]) == 0
    out = capsys.readouterr().out
    assert (
        "flowers: 60 rows, 2 features, target 'kind': classification, 2 classes (it holds text; --task overrides)"
        in out
    )
    (row,) = [line.split() for line in out.splitlines() if line.startswith("adam ")]
    assert float(row[3]) > 0.9
    assert os.path.exists("runs/flowers-adam/curves.png")


def test_csv_as_regression(flowers, capsys):
    assert (
        main(["train", flowers, "--target", "petal", "--ignore", "id,kind", "--task", "regression", "--epochs", "2"])
        == 0
    )
    assert "target 'petal': regression (as chosen)" in capsys.readouterr().out


def test_divergence_is_told_in_words(capfd):
    assert main(["train", "diabetes", "--compare", "sgd@10,adam", "--epochs", "20"]) == 0
    out, err = capfd.readouterr()
    assert "sgd@10: diverged at step" in out
    assert "try a lower --lr than 10; the row and the parameters are those after epoch" in out
    assert "Warning" not in out + err
    assert "Traceback" not in out + err
    assert main(["train", "diabetes", "--optimizer", "sgd", "--lr", "10"]) == 1


def test_features_too_large_are_told_in_words(tmp_path, capsys):
    (tmp_path / "big.csv").write_text("a,y\n" + "".join(f"{5 * (i % 7)}e37,{i % 2}\n" for i in range(40)))
    assert main(["train", "big.csv", "--target", "y", "--no-standardise", "--hidden", "9,9"]) == 1
    assert (
        "adam: diverged before the first step: the features are too large, standardise them" in capsys.readouterr().out
    )


ERRORS = {
    "unknown data": ("train digit", "digit: no such file or data set: did you mean 'digits'?"),
    "no file": ("train no.csv --target y", "no.csv: no such file or data set"),
    "no target": ("train flowers.csv", "the target must be named: it is one of 'id', 'petal', 'sepal', 'kind'"),
    "unknown target": ("train flowers.csv --target Kind", "no column 'Kind' for the target: did you mean 'kind'?"),
    "text feature": (
        "train flowers.csv --target kind",
        "flowers.csv, line 2, column 'id': 'f0' is not a number: encode",
    ),
    "built-in target": ("train iris --target y", "iris: target must be left out for a built-in data set"),
    "unknown optimizer": ("train iris --optimizer adan", "optimizer 'adan': unknown, did you mean"),
    "twice": ("train iris --compare sgd,sgd", "optimizer 'sgd': must be named once, got it twice"),
    "rate": ("train iris --lr -1", "Adam(lr=-1.0): lr must be in [0, inf), got -1.0"),
    "momentum": ("train iris --momentum 0.9", "optimizer 'adam': takes no momentum"),
    "like": ("train iris --optimizer adamw --like sklearn", "AdamW(like='sklearn'): like must be one of"),
    "threads": ("train iris --threads 5000", "--threads 5000: set_num_threads(5000): must be from 1 to 1024"),
    "out": ("train iris --out flowers.csv", "--out flowers.csv: "),
}


@pytest.mark.parametrize(("command", "message"), ERRORS.values(), ids=ERRORS)
def test_errors_are_one_line(flowers, capsys, command, message):
    before = set(os.listdir())
    assert main(command.split()) == 2
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("fastlr train: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in err
    assert "written" not in out
    assert set(os.listdir()) - before <= {"runs"}
    assert not os.path.exists("runs") or not any(files for _, _, files in os.walk("runs"))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("train", "the following arguments are required: DATA"),
        ("", "the following arguments are required: COMMAND"),
        ("train iris --epochs 0", "argument --epochs: must be a whole number, at least 1, got '0'"),
        ("train iris --epochs 1.5", "argument --epochs: must be a whole number, at least 1, got '1.5'"),
        ("train iris --seed -1", "argument --seed"),
        ("train iris --hidden 50,", "argument --hidden: must be a whole number, at least 1, got ''"),
        ("train iris --test-share 1", "argument --test-share: must be above 0 and below 1, got '1'"),
        ("train iris --test-share half", "argument --test-share: must be above 0 and below 1, got 'half'"),
        ("train iris --compare sgd,", "argument --compare: must be names separated by commas, got 'sgd,'"),
        ("train iris --optimizer adam --compare sgd", "not allowed with argument --optimizer"),
        ("train iris --backend cuda", "invalid choice: 'cuda'"),
    ],
)
def test_usage_errors(capsys, command, message):
    with pytest.raises(SystemExit) as stopped:
        main(command.split())
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_results_that_cannot_be_written_are_still_shown(capsys, monkeypatch):
    def fail(folder, contents):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fastlr.lab.records.write", fail)
    assert main(["train", "iris", "--epochs", "1", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["folder"] is None
    assert "fastlr train: the results could not be written: [Errno 28] No space left on device" in err


@pytest.mark.parametrize("package", ["rich", "sklearn", "matplotlib"])
def test_a_missing_extra_is_named(capsys, monkeypatch, package):
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["train", "iris"]) == 2
    assert f"fastlr train: {package} is missing: pip install 'fastlr-optim[lab]'" in capsys.readouterr().err
    assert not os.path.exists("runs")


def test_results_are_written_even_if_nobody_reads(tmp_path):
    command = [sys.executable, "-m", "fastlr", "train", "iris", "--epochs", "2", "--out", "kept"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait() in (0, 1)
    assert "Traceback" not in err
    assert sorted(os.listdir(tmp_path / "kept")) == FILES


def test_every_example_of_the_help_works(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    lines = capsys.readouterr().out.splitlines()
    examples = [line.split()[1:] for line in lines if line.startswith("  fastlr train ")]
    assert len(examples) >= 5
    with open("houses.csv", "w") as file:
        file.write("id,street,rooms,price\n" + "".join(f"{i},s{i},{i % 5},{1000 + 7.5 * (i % 5)}\n" for i in range(40)))
    for example in examples:
        assert main([*example, "--epochs", "1"]) == 0


def interrupted_after(monkeypatch, reports):
    """Press Ctrl-C in the middle of training."""
    from fastlr.cli import train as cli

    real = cli.compare

    def compare(*args, report, **options):
        count = iter(range(10**9))

        def reporting(progress):
            report(progress)
            if next(count) == reports:
                signal.raise_signal(signal.SIGINT)

        return real(*args, report=reporting, **options)

    monkeypatch.setattr(cli, "compare", compare)


def test_ctrl_c_keeps_what_was_trained(capsys, monkeypatch):
    interrupted_after(monkeypatch, 3)
    before = signal.getsignal(signal.SIGINT)
    assert main(["train", "iris", "--compare", "adam,sgd", "--epochs", "100000", "--out", "kept", "--json"]) == 130
    assert signal.getsignal(signal.SIGINT) is before
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["interrupted"]
    (run,) = found["runs"]
    assert run["status"] == "interrupted"
    assert 0 < run["epochs"] < 100000
    assert f"adam: interrupted at step {run['steps']} (epoch {run['epochs']:.4g} of 100000)" in err
    assert "not trained: sgd" in err
    assert sorted(os.listdir("kept")) == FILES
    with open("kept/history.csv") as file:
        assert int(list(csv.DictReader(file))[-1]["step"]) == run["steps"]


def test_ctrl_c_while_the_data_are_read(capsys, monkeypatch):
    def load(*args, **options):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("fastlr.cli.train.load", load)
    assert main(["train", "iris"]) == 130
    assert "fastlr train: interrupted" in capsys.readouterr().err


def test_the_second_ctrl_c_raises():
    def press_twice():
        with interruptible() as pressed:
            assert not pressed()
            signal.raise_signal(signal.SIGINT)
            assert pressed()
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        press_twice()
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_signals_are_left_alone():
    codes = []
    thread = threading.Thread(target=lambda: codes.append(main(["train", "iris", "--epochs", "1"])))
    thread.start()
    thread.join()
    assert codes == [0]


def test_an_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruptible() as pressed:
            signal.raise_signal(signal.SIGINT)
            assert not pressed()
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_in_a_process_of_its_own(tmp_path):
    # the test may run where Ctrl-C is ignored, as in the background of a shell, and processes inherit that
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    code = f"{listen}; import runpy; runpy.run_module('fastlr', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-u", "-c", code, "train", "digits", "--epochs", "1000000", "--out", "kept"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        # this line is printed just before training; should the signal come before it, what was trained is nothing
        assert "1,797 rows" in process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1.0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, err
    assert "adam: interrupted at step" in out
    assert "Traceback" not in err
    assert sorted(os.listdir(tmp_path / "kept")) == FILES
    with np.load(tmp_path / "kept" / "parameters.npz") as arrays:
        assert all(np.isfinite(array).all() for array in arrays.values())
