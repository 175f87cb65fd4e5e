import dataclasses
import math
import time

import numpy as np
import pytest
from sklearn import metrics

from fastlr.lab import MLP, OPTIMIZERS, Configuration, Part, Scores, choose, compare, evaluate, load, training


def train(name="iris", optimizer="adam", configuration=None, settings=None, **options):
    (choice,) = choose([optimizer], **(settings or {}))
    return compare(load(name), [choice], configuration or Configuration(epochs=3), **options)


@pytest.mark.parametrize(
    ("name", "optimizer", "epochs", "metric", "reached"),
    [
        ("digits", "adam", 15, "accuracy", 0.93),
        ("digits", "momentum@0.01", 10, "accuracy", 0.93),
        ("digits", "rmsprop", 5, "accuracy", 0.93),
        ("digits", "adagrad@0.05", 5, "accuracy", 0.93),
        ("wine", "adamw@0.01", 20, "accuracy", 0.9),
        ("iris", "nesterov@0.05", 30, "accuracy", 0.85),
        ("breast_cancer", "amsgrad", 20, "accuracy", 0.93),
        ("diabetes", "adam", 50, "r2", 0.35),
        ("diabetes", "sgd@0.05", 20, "r2", 0.35),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_real_data_are_learnt(name, optimizer, epochs, metric, reached, seed):
    (run,) = train(name, optimizer, Configuration(epochs=epochs, seed=seed)).runs
    assert run.status == "finished"
    first, last = run.history[0], run.history[-1]
    assert last.test.metrics[metric] > reached > first.test.metrics[metric] + 0.1
    assert last.train.loss < first.train.loss / 2


def test_default_epochs_make_a_thousand_steps_or_are_50():
    assert Configuration().epochs_of(112) == 250
    assert Configuration().epochs_of(1348) == 50
    assert Configuration(epochs=3).epochs_of(112) == 3
    result = train("iris", configuration=Configuration(batch=8))
    assert result.epochs == 72
    assert (result.runs[0].history[-1].epoch, result.runs[0].steps) == (72, 72 * 14)


def test_history_has_an_entry_for_every_epoch():
    (run,) = train(configuration=Configuration(epochs=4, batch=30), settings={"lr": 0.25}).runs
    assert [entry.epoch for entry in run.history] == [0, 1, 2, 3, 4]
    assert [entry.step for entry in run.history] == [0, 4, 8, 12, 16]
    assert {entry.lr for entry in run.history} == {0.25}
    seconds = [entry.seconds for entry in run.history]
    assert seconds == sorted(set(seconds))
    assert seconds[0] == 0
    assert run.seconds == seconds[-1]
    assert run.steps == 16
    assert run.steps_per_second == pytest.approx(16 / run.seconds)


def test_the_last_entry_belongs_to_the_parameters():
    result = train("diabetes")
    (run,) = result.runs
    for part in ("train", "test"):
        again = evaluate(result.model, run.parameters, getattr(result.split, part), float(result.split.target.scale))
        assert again == getattr(run.history[-1], part)


def test_parameters_are_those_of_plain_training():
    """The loop once more, with neither buffers nor a fast optimizer."""
    configuration = Configuration(epochs=3, batch=50, dtype="float64", seed=7)
    result = train("wine", "sgd@0.1", configuration)
    params = result.model.init(7)
    grads = {name: np.empty_like(value) for name, value in params.items()}
    shuffle = np.random.default_rng((7, 1))
    part = result.split.train
    for _ in range(3):
        order = shuffle.permutation(len(part))
        for first in range(0, len(part), 50):
            rows = order[first : first + 50]
            result.model.loss_and_grad(params, grads, (part.x[rows], part.y[rows]))
            for name, grad in grads.items():
                params[name] -= 0.1 * grad
    for name, value in result.runs[0].parameters.items():
        np.testing.assert_allclose(value, params[name], rtol=1e-13, atol=1e-15)


def same(one, other):
    return all((value == other.runs[0].parameters[name]).all() for name, value in one.runs[0].parameters.items())


def test_the_result_depends_on_the_seed_and_not_on_the_backend():
    one = train()
    assert same(one, train())
    assert same(one, train(settings={"backend": "numpy"}))
    assert not same(one, train(configuration=Configuration(epochs=3, seed=1)))


def test_optimizers_start_alike():
    result = compare(load("wine"), choose(["sgd", "adam", "sgd@0.1"]), Configuration(epochs=1))
    starts = [dataclasses.replace(run.history[0], lr=0) for run in result.runs]
    assert starts[0] == starts[1] == starts[2]
    assert len({run.history[-1].train.loss for run in result.runs}) == 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_reference_agrees_and_both_are_timed(optimizer, dtype):
    (run,) = train("wine", optimizer, Configuration(epochs=5, dtype=dtype)).runs
    # AdamW's decay, w (1 - lr wd), loses the same rounding error at every step
    assert run.difference < (2e-5 if dtype == "float32" else 1e-13)
    assert 0 < run.optimizer_step < run.optimizer_seconds < run.seconds
    assert 0 < run.reference_step < run.reference_seconds
    assert run.speedup == run.reference_step / run.optimizer_step


def test_a_difference_from_the_reference_is_seen(monkeypatch):
    monkeypatch.setattr(
        training.Choice, "reference", lambda self, theta, gradients: (theta + 0.5 for _ in iter(int, None))
    )
    (run,) = train().runs
    assert run.difference > 0.1


def test_only_training_counts_as_training_time(monkeypatch):
    def slow(self, theta, gradients):
        while True:
            time.sleep(0.02)
            yield theta

    monkeypatch.setattr(training.Choice, "reference", slow)
    (run,) = train(report=lambda progress: time.sleep(0.02)).runs
    assert run.reference_step >= 0.02
    assert run.reference_seconds >= 12 * 0.02
    assert run.seconds < 0.1


@pytest.mark.parametrize("name", ["diabetes", "wine"])
@pytest.mark.parametrize("backend", ["cython", "numpy"])
def test_a_run_that_diverges_keeps_its_finite_epochs(name, backend):
    rate = 1e30 if name == "wine" else 0.9
    settings = {"lr": rate, "backend": backend}
    result = train(name, "sgd", Configuration(epochs=200), settings)
    (run,) = result.runs
    assert run.status == "diverged"
    assert run.history[-1].train.loss == evaluate(result.model, run.parameters, result.split.train).loss
    assert 0 < run.steps < 200
    assert all(math.isfinite(entry.train.loss) for entry in run.history)
    assert all(np.isfinite(value).all() for value in run.parameters.values())
    assert run.history[-1].step <= run.steps
    assert run.history[-1].epoch == len(run.history) - 1


def test_a_run_that_diverges_in_its_last_step_is_seen():
    data = load("iris")
    (run,) = compare(data, choose(["sgd@1e38"]), Configuration(epochs=1, batch=1000)).runs
    assert (run.status, run.steps, run.history[-1].epoch) == ("diverged", 1, 0)


def test_data_too_large_to_start_with():
    data = load("iris")
    data = dataclasses.replace(data, x=data.x * 4e37)
    (run,) = compare(data, choose(["sgd"]), Configuration(epochs=1, standardise=False)).runs
    assert (run.status, run.steps, len(run.history)) == ("diverged", 0, 1)
    assert math.isnan(run.steps_per_second)
    assert math.isnan(run.speedup)


def test_the_next_optimizer_is_trained_after_one_diverged():
    result = compare(load("diabetes"), choose(["sgd@10", "adam"]), Configuration(epochs=20))
    assert [run.status for run in result.runs] == ["diverged", "finished"]
    assert not result.interrupted


@pytest.mark.parametrize(("asked", "epoch"), [(0, 0), (4, 1), (6, 1.5)])
def test_stop_keeps_what_was_trained(asked, epoch):
    calls = iter(range(1000))
    result = compare(load("iris"), choose(["adam", "sgd"]), Configuration(epochs=5), stop=lambda: next(calls) >= asked)
    (run,) = result.runs
    assert result.interrupted
    assert run.status == "interrupted"
    assert run.steps == asked
    assert run.history[-1].epoch == epoch
    assert run.history[-1].step == asked
    assert run.history[-1].train == evaluate(result.model, run.parameters, result.split.train)
    shorter = train(configuration=Configuration(epochs=1)).runs[0]
    if asked == 4:
        for name, value in run.parameters.items():
            np.testing.assert_array_equal(value, shorter.parameters[name])


def test_progress_is_reported():
    reports = []
    compare(load("iris"), choose(["sgd", "adam"]), Configuration(epochs=3), report=reports.append)
    ends = [progress for progress in reports if progress.step % 4 == 0]
    assert [(p.run, p.name, p.epoch, p.step) for p in ends] == [
        (run, name, epoch, 4 * epoch) for run, name in enumerate(["sgd", "adam"]) for epoch in (1, 2, 3)
    ]
    assert {(p.epochs, p.steps) for p in reports} == {(3, 12)}
    assert all(math.isfinite(p.loss) for p in reports)
    assert ends[2].loss < ends[0].loss


def test_a_reporter_that_fails_is_heard():
    def report(progress):
        raise RuntimeError("no more paper")

    with pytest.raises(RuntimeError, match="no more paper"):
        train(report=report)


def test_hidden_layers_and_activation():
    result = train(configuration=Configuration(epochs=1, hidden=(7, 5), activation="tanh"))
    assert (result.model.sizes, result.model.activation) == ((4, 7, 5, 3), "tanh")
    assert train(configuration=Configuration(epochs=1, hidden=())).model.sizes == (4, 3)
    assert train("diabetes", configuration=Configuration(epochs=1)).model.loss == "mse"


def test_metrics_are_scikit_learns():
    result = train("diabetes", configuration=Configuration(epochs=20, dtype="float64"))
    (run,), part, target = result.runs, result.split.test, result.split.target
    predicted = target.undo(result.model.predict(run.parameters, part.x))
    y = target.undo(part.y)
    scores = run.history[-1].test.metrics
    assert scores["r2"] == pytest.approx(metrics.r2_score(y, predicted), rel=1e-12)
    assert scores["rmse"] == pytest.approx(metrics.root_mean_squared_error(y, predicted), rel=1e-12)

    result = train("wine")
    (run,), part = result.runs, result.split.test
    predicted = result.model.predict(run.parameters, part.x)
    assert run.history[-1].test.metrics["accuracy"] == metrics.accuracy_score(part.y, predicted)


def test_r2_of_equal_targets_is_not_a_number():
    model = MLP((1, 1), loss="mse", dtype="float64")
    params = {"w1": np.array([[0.0]]), "b1": np.array([3.0])}
    scores = evaluate(model, params, Part(np.ones((2, 1)), np.array([1.0, 1.0])), scale=10.0)
    assert scores == Scores(4.0, {"r2": pytest.approx(math.nan, nan_ok=True), "rmse": 20.0})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, r"Configuration\(epochs=0\): epochs must be a whole number, at least 1"),
        ({"batch": 2.5}, r"Configuration\(batch=2.5\): batch must be"),
        ({"seed": -1}, r"Configuration\(seed=-1\): seed must be a whole number, at least 0"),
    ],
)
def test_bad_configurations_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Configuration(**arguments)
