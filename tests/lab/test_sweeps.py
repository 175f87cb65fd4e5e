import json
import math
import subprocess
import sys
from dataclasses import replace

import joblib
import numpy as np
import pytest

from fastlr.lab import (
    Adaptive,
    Configuration,
    Objective,
    Quadratic,
    Rosenbrock,
    Row,
    Workload,
    choose,
    load,
    rates,
    sweep,
    train,
    workload,
)
from fastlr.lab.sweeps import driver
from fastlr.rules import SGD

BOWL = Workload("bowl", Quadratic([1, 10]), 40)
IRIS = workload(load("iris"), Configuration(epochs=3))
GRID = rates.grid(1e-3, 1, 4)


def figures(result):
    return [(c.optimizer, c.rates.tolist(), c.losses.tolist(), c.interval, c.cliff) for c in result.curves]


@pytest.mark.parametrize("curvature", [2.0, 10.0, 300.0])
def test_the_cliff_of_a_bowl_is_at_two_over_its_curvature(curvature):
    curve = sweep(Workload("bowl", Quadratic([0.1 * curvature, curvature]), 60), rates=Adaptive(1e-5, 10, 20))["sgd"]
    known = 2 / curvature
    below = curve.rates[curve.rates < curve.cliff][-1]
    assert below < 1.01 * known < 1.1 * curve.cliff
    assert curve.cliff / below < 1.4
    # the rate that shrinks both ends of the spectrum alike
    assert curve.best == pytest.approx(2 / (1.1 * curvature), rel=0.2)
    assert curve.edge == ""


def test_losses_are_those_of_the_runs():
    result = sweep(IRIS, ["sgd", "adam"], rates=GRID, seeds=[4, 2])
    for name in ("sgd", "adam"):
        (choice,) = choose([name])
        rows = [Row(replace(choice.rule, lr=lr), seed) for lr in GRID for seed in (4, 2)]
        found = train(IRIS, rows)
        np.testing.assert_array_equal(result[name].losses.ravel(), found.test_loss[-1])
        np.testing.assert_array_equal(result[name].starts, found.test_loss[0, :2])
    assert [c.optimizer for c in result.curves] == ["sgd", "adam"]
    assert result.best == result.winner.best
    assert result.winner.best_loss == min(curve.best_loss for curve in result.curves)
    assert len(result.trials) == 16
    other = sweep(IRIS, "sgd", rates=GRID, seeds=[4, 2], part="train")
    assert (other["sgd"].losses != result["sgd"].losses).any()
    assert (result.measured, other.measured) == (
        "test cross-entropy (nats) after 3 epochs",
        "train cross-entropy (nats) after 3 epochs",
    )
    with pytest.raises(KeyError, match="'rmsprop': there are 'sgd', 'adam'"):
        result["rmsprop"]


def test_words_and_a_table_for_notebooks():
    result = sweep(BOWL, ["sgd", "momentum"], rates=GRID, seeds=2)
    assert repr(result) == f"Sweep('bowl', 16 runs, loss after 40 steps)\n{result.advice}"
    page = result._repr_html_()
    assert page.count("<tr>") == 3
    for curve in result.curves:
        assert f"<td>{curve.optimizer}</td><td>{curve.best:.3g}</td>" in page
        assert f"<li>{curve.advice}</li>" in page


@pytest.mark.parametrize("way", [GRID, Adaptive(1e-4, 10, 9)])
def test_results_are_the_same_in_other_processes_and_pieces(way, monkeypatch):
    here = figures(sweep(IRIS, ["sgd", "adam"], rates=way, seeds=3))
    assert figures(sweep(IRIS, ["sgd", "adam"], rates=way, seeds=3, jobs=2)) == here
    with joblib.parallel_config(backend="threading", n_jobs=3):
        assert figures(sweep(IRIS, ["sgd", "adam"], rates=way, seeds=3, jobs=None)) == here
    monkeypatch.setattr(driver, "SMALL", 2)
    assert figures(sweep(IRIS, ["sgd", "adam"], rates=way, seeds=3)) == here


def counted(monkeypatch):
    """How many runs are trained from now on."""
    rows = []

    def counting(task, block, **options):
        rows.extend(block)
        return train(task, block, **options)

    monkeypatch.setattr(driver, "train", counting)
    return rows


@pytest.mark.parametrize("way", [GRID, Adaptive(1e-4, 10, 9)])
@pytest.mark.parametrize("blocks", [0, 1, 2, 3])
def test_an_interrupted_sweep_goes_on(way, blocks, tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "SMALL", 4)
    path = tmp_path / "new" / "runs.jsonl"
    whole = figures(sweep(BOWL, ["sgd", "adam"], rates=way, seeds=2))
    told = []

    def interrupting(share):
        told.append(share)
        if sum(share > before for before, share in zip([0, *told], told, strict=False)) > blocks:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(BOWL, ["sgd", "adam"], rates=way, seeds=2, results=path, report=interrupting)
    kept = len(path.read_text().splitlines()) - 1
    kept -= 2  # the optimizers' lines
    assert kept == 4 * (blocks + 1)
    trained = counted(monkeypatch)
    assert figures(sweep(BOWL, ["sgd", "adam"], rates=way, seeds=2, results=path)) == whole
    total = 2 * 2 * (len(way) if isinstance(way, tuple) else way.count)
    assert len(trained) == total - kept
    assert figures(sweep(BOWL, ["sgd", "adam"], rates=way, seeds=2, results=path)) == whole
    assert len(trained) == total - kept


def test_a_process_that_is_killed_loses_one_block(tmp_path):
    path = tmp_path / "runs.jsonl"
    code = (
        "import os, sys; from fastlr.lab import *\n"
        "die = lambda share: os._exit(9) if share > 0.5 else None\n"
        "sweep(Workload('bowl', Quadratic([1, 10]), 40), rates=rates.grid(1e-3, 1, 16), seeds=5, "
        "results=sys.argv[1], report=die)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)
    assert done.returncode == 9
    assert len(path.read_text().splitlines()) == 2 + 60
    assert len(sweep(BOWL, rates=rates.grid(1e-3, 1, 16), seeds=5, results=path).trials) == 80


@pytest.mark.parametrize("cut", [1, 30, 1000])
def test_a_line_that_was_cut_off_is_run_again(cut, tmp_path, monkeypatch):
    path = tmp_path / "runs.jsonl"
    whole = figures(sweep(BOWL, rates=GRID, seeds=2, results=path))
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    trained = counted(monkeypatch)
    assert figures(sweep(BOWL, rates=GRID, seeds=2, results=path)) == whole
    assert 0 < len(trained) < 8
    assert sorted(path.read_bytes().splitlines()) == sorted(content.splitlines())


@pytest.mark.parametrize("head", ["", "{", '{"sweep": {"vers'])
def test_a_head_that_was_cut_off_begins_anew(head, tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text(head)
    sweep(BOWL, rates=GRID, seeds=1, results=path)
    assert len(path.read_text().splitlines()) == 6


def test_optimizers_can_be_added(tmp_path, monkeypatch):
    path = tmp_path / "runs.jsonl"
    sweep(BOWL, ["sgd"], rates=GRID, seeds=2, results=path)
    trained = counted(monkeypatch)
    sweep(BOWL, ["adam", "sgd"], rates=GRID, seeds=2, results=path)
    assert len(trained) == 8
    assert figures(sweep(BOWL, "adam", rates=GRID, seeds=2, results=path)) == figures(
        sweep(BOWL, "adam", rates=GRID, seeds=2)
    )
    assert len(trained) == 16


def test_seeds_rates_and_parts_can_be_added(tmp_path, monkeypatch):
    path = tmp_path / "runs.jsonl"
    sweep(IRIS, rates=GRID, seeds=2, results=path)
    trained = counted(monkeypatch)
    more = (*GRID, 3.0)
    sweep(IRIS, rates=more, seeds=3, results=path)
    assert len(trained) == 15 - 8
    assert figures(sweep(IRIS, rates=more, seeds=3, results=path, part="train")) == figures(
        sweep(IRIS, rates=more, seeds=3, part="train")
    )


def test_runs_that_diverged_are_valid_json(tmp_path):
    path = tmp_path / "runs.jsonl"
    sweep(Workload("bowl", Quadratic([1]), 1000), rates=[10.0], seeds=1, results=path)
    head, _, run = (json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines())
    assert head["sweep"]["workload"] == "bowl"
    assert run["loss"] == {"train": None, "test": None}
    assert run["diverged"] > 0
    again = sweep(Workload("bowl", Quadratic([1]), 1000), rates=[10.0], seeds=1, results=path)
    assert math.isnan(again.trials[0].loss["train"])


class Custom:
    """Without a repr, so that its address would show."""

    def init(self, seed):
        return {"w": np.ones(1)}

    def loss_and_grad(self, params, grads, batch):
        grads["w"][:] = params["w"]
        return float(params["w"] @ params["w"]) / 2


def test_a_problem_of_ones_own_goes_on_with_another_object(tmp_path, monkeypatch):
    path = tmp_path / "runs.jsonl"
    sweep(Workload("own", Custom(), 5), rates=[0.1], seeds=1, results=path)
    trained = counted(monkeypatch)
    sweep(Workload("own", Custom(), 5), rates=[0.1], seeds=1, results=path)
    assert trained == []


ELSE = "name another file, or remove this one"


@pytest.mark.parametrize(
    ("task", "optimizer", "message"),
    [
        (replace(BOWL, epochs=41), "sgd", "it holds another sweep: epochs is 40 there and 41 here"),
        (replace(BOWL, name="cup"), "sgd", "it holds another sweep: workload is bowl there and cup here"),
        (replace(BOWL, problem=Rosenbrock()), "sgd", "it holds another sweep: problem is Quadratic("),
        (replace(IRIS, name="bowl", problem=BOWL.problem, epochs=40), "sgd", "another sweep: data is None there"),
        (BOWL, choose(["sgd"], momentum=0.5), "it holds another sweep: optimizer sgd is SGD(lr=0.0"),
    ],
)
def test_a_file_of_another_sweep_is_refused(task, optimizer, message, tmp_path):
    path = tmp_path / "runs.jsonl"
    sweep(BOWL, rates=GRID, seeds=1, results=path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"^sweep\(results='.*runs.jsonl'\): .*; {ELSE}$") as error:
        sweep(task, optimizer, rates=GRID, seeds=1, results=path)
    assert message in str(error.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "it is no results file of a sweep"),
        ("no line ends here", "it is no results file of a sweep"),
        ("a,b\n1,2", "it is no results file of a sweep"),
        ('{"a": 1}\n', "it is no results file of a sweep"),
        ("[1]\n", "it is no results file of a sweep"),
    ],
)
def test_other_files_are_refused_and_left_alone(content, message, tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text(content)
    with pytest.raises(ValueError, match=f"{message}; {ELSE}"):
        sweep(BOWL, rates=GRID, seeds=1, results=path)
    assert path.read_text() == content


@pytest.mark.parametrize("line", ["nonsense", "[1, 2]", '{"lr": 1}'])
def test_a_line_that_is_no_run_is_named(line, tmp_path):
    path = tmp_path / "runs.jsonl"
    sweep(BOWL, rates=GRID, seeds=1, results=path)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], line, *lines[3:]]) + "\n")
    with pytest.raises(ValueError, match=r"line 4 is no run: '" + line[:1].replace("[", r"\[")):
        sweep(BOWL, rates=GRID, seeds=1, results=path)


def test_progress_is_reported():
    shares = []
    sweep(BOWL, ["sgd", "adam"], rates=Adaptive(1e-3, 1, 7), seeds=3, report=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 0}, r"sweep\(seeds=0\): there must be at least one seed"),
        ({"rates": []}, r"sweep\(rates=\(\)\): there must be at least one rate: rates.grid\(1e-4, 1, 13\)"),
        ({"rates": [-0.1, 1]}, r"sweep\(rates=...\): rates must be numbers above 0, got -0.1"),
        ({"rates": [0.1, math.nan]}, r"rates must be numbers above 0, got nan"),
        ({"rates": [1, 0.1]}, r"sweep\(rates=...\): rates must increase, got 0.1 after 1.0: sort them"),
        ({"rates": [0.1, 0.1]}, r"rates must increase, got 0.1 after 0.1"),
        ({"optimizers": []}, r"sweep\(optimizers=\(\)\): there must be at least one: 'sgd'"),
        ({"optimizers": "adam@0.1"}, r"sweep\(optimizers=...\): 'adam@0.1' must be without a rate"),
        ({"optimizers": ["adan"]}, r"optimizer 'adan': unknown, did you mean 'adam'\?"),
        ({"optimizers": ["sgd", "sgd"]}, r"sweep\(optimizers=...\): 'sgd' must be there once"),
        ({"part": "val"}, r"sweep\(part='val'\): part must be 'train' or 'test'"),
    ],
)
def test_bad_arguments_are_refused(options, message, tmp_path):
    path = tmp_path / "runs.jsonl"
    with pytest.raises(ValueError, match=message):
        sweep(BOWL, results=path, **options)
    assert not path.exists()


class Suggestions:
    """What Optuna's trial does, from a list."""

    def __init__(self, *numbers):
        self.numbers, self.asked = list(numbers), []

    def suggest_float(self, name, low, high, *, step=None, log=False):
        self.asked.append((name, low, high, step, log))
        return self.numbers.pop(0)


def test_the_objective_is_the_median_of_the_clipped_losses():
    objective = Objective(BOWL, "sgd", low=1e-3, high=2.0, seeds=3)
    trial = Suggestions(0.01, 0.1, 2.0)
    values = [objective(trial) for _ in range(3)]
    curve = sweep(BOWL, rates=[0.01, 0.1, 2.0], seeds=3)["sgd"]
    assert values == curve.medians.tolist()
    assert trial.asked == [("lr", 1e-3, 2.0, None, True)] * 3
    assert values[2] == curve.start
    losses = train(IRIS, [Row(SGD(0.1), 0)]).train_loss
    assert Objective(IRIS, seeds=1, part="train")(Suggestions(0.1)) == losses[-1, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 0}, r"Objective\(low=0\): low must be a number above 0"),
        ({"seeds": 0}, r"Objective\(seeds=0\): there must be at least one seed"),
        ({"part": "both"}, r"Objective\(part='both'\): part must be 'train' or 'test'"),
    ],
)
def test_bad_objectives_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Objective(BOWL, **options)
