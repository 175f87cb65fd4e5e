"""The batch of runs: a row is what it would be alone, whatever becomes of the others."""

from dataclasses import replace

import numpy as np
import pytest

import fastlr
from fastlr.lab import (
    MLP,
    Configuration,
    Quadratic,
    Rosenbrock,
    Row,
    Workload,
    batch,
    blobs,
    choose,
    compare,
    load,
    prepare,
    train,
    workload,
)
from fastlr.lab.rows import CURVES
from fastlr.rules import SGD, Adagrad, Adam, AdamW, RMSprop
from fastlr.schedules import Cosine, InverseTime, Plateau

RULES = [
    SGD(0.1),
    SGD(0.01, momentum=0.9),
    SGD(InverseTime(0.05, 0.01), momentum=0.5, nesterov=True),
    RMSprop(0.001),
    RMSprop(0.002, like="keras", momentum=0.5),
    Adagrad(0.01),
    Adam(Cosine(0.01, 30)),
    AdamW(0.003, weight_decay=0.1),
    SGD(Plateau(0.1, patience=0)),
]


class Own:
    """A line through points, as somebody would write it who knows of one run only."""

    def __init__(self):
        self.calls = 0

    def init(self, seed):
        return {"slope": np.random.default_rng(seed).standard_normal(1), "offset": np.zeros(())}

    def loss_and_grad(self, params, grads, batch):
        self.calls += 1
        x, y = batch
        assert np.isfinite(params["slope"]).all(), "a run that diverged is asked no more"
        error = x[:, 0] * params["slope"] + params["offset"] - y
        grads["slope"][:] = 2 * np.mean(error * x[:, 0])
        grads["offset"][...] = 2 * np.mean(error)
        return float(np.mean(error**2))


def own_workload(epochs=5):
    return Workload("own", Own(), epochs, prepare(load("diabetes"), dtype="float64"))


WORKLOADS = [blobs().for_epochs(4), workload(load("diabetes"), Configuration(epochs=3, batch=100)), own_workload()]
WORKLOADS += [Workload("bowl", Quadratic([1, 10], "float32"), 30), Workload("valley", Rosenbrock(), 30)]


def same(one, other, columns):
    for name in CURVES:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name)[:, columns], err_msg=name)
    np.testing.assert_array_equal(one.diverged, other.diverged[columns])


@pytest.mark.parametrize("task", WORKLOADS, ids=lambda task: task.name)
def test_a_row_has_the_same_bits_alone(task):
    rows = [Row(rule, seed) for rule in RULES for seed in (0, 3)]
    among = train(task, rows)
    for r, row in enumerate(rows):
        same(train(task, [row]), among, [r])
    same(train(task, rows[::-1]), among, np.arange(len(rows))[::-1])
    assert among.only([2, 5]).rows == (rows[2], rows[5])
    same(train(task, [rows[2], rows[5]]), among.only([2, 5]), [0, 1])


def test_blocks_change_nothing(monkeypatch):
    rows = [Row(SGD(0.1 / (k + 1)), k) for k in range(7)]
    whole = train(WORKLOADS[0], rows)
    monkeypatch.setattr(batch, "BLOCK", 3)
    same(train(WORKLOADS[0], rows), whole, slice(None))


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_update_is_the_optimizers(rule):
    """The loop once more, for one run, with an optimizer of its own: equal bits."""
    problem = Quadratic([1, 10, 30])
    found = train(Workload("bowl", problem, 25), [Row(SGD(0.01), 0), Row(rule, 3), Row(Adam(), 5)])
    w, g = problem.init(3)["w"], np.empty(3)
    lr = rule.lr
    rule = replace(rule, lr=replace(lr)) if isinstance(lr, Plateau) else rule
    opt = fastlr.Optimizer(w, rule)
    losses = [problem.loss_and_grad({"w": w}, {"w": g}, None)]
    for _ in range(25):
        problem.loss_and_grad({"w": w}, {"w": g}, None)
        opt.step(g)
        losses.append(problem.loss_and_grad({"w": w}, {"w": g}, None))
        if isinstance(lr, Plateau):
            rule.lr.observe(losses[-1])
    np.testing.assert_array_equal(found.train_loss[:, 1], losses)


@pytest.mark.parametrize(("data", "optimizer"), [("wine", "sgd@0.1"), ("iris", "adam@0.01"), ("diabetes", "sgd@0.01")])
def test_a_network_learns_as_in_compare(data, optimizer):
    configuration = Configuration(epochs=4, dtype="float64")
    (choice,) = choose([optimizer])
    (run,) = compare(load(data), [choice], configuration).runs
    found = train(workload(load(data), configuration), [Row(SGD(1.0), 9), Row(choice.rule, 0)])
    for name, part in (("train", "train"), ("test", "test")):
        scores = [getattr(entry, part) for entry in run.history]
        np.testing.assert_allclose(getattr(found, f"{name}_loss")[:, 1], [s.loss for s in scores], rtol=1e-10)
        metrics = [next(iter(s.metrics.values())) for s in scores]
        np.testing.assert_allclose(getattr(found, f"{name}_metric")[:, 1], metrics, rtol=1e-10)


def test_networks_that_the_stack_does_not_know_are_trained_one_by_one():
    task = workload(load("iris"), Configuration(epochs=3))
    model = MLP((4, 5, 3), activation="identity")
    found = train(replace(task, problem=model), [Row(SGD(0.1), seed) for seed in (0, 1)])
    assert (found.train_loss[-1] < 0.9 * found.train_loss[0]).all()
    assert np.isnan(found.train_metric).all()
    assert replace(task, problem=model).metric == ""


def test_rows_that_diverge_are_recorded_and_leave_the_others_alone():
    for task, rate, ok in ((WORKLOADS[3], 0.5, 0.1), (own_workload(60), 3.0, 0.05), (WORKLOADS[1], 1e20, 0.01)):
        rows = [Row(SGD(ok), 0), Row(SGD(rate, momentum=0.9), 0), Row(Adam(ok), 1)]
        long = task.for_epochs(200) if task.name == "bowl" else task
        found = train(long, rows)
        steps = long.epochs * long.steps_per_epoch
        assert found.diverged[0] == found.diverged[2] == -1
        assert 0 < found.diverged[1] <= steps
        assert np.isfinite(found.train_loss[:, [0, 2]]).all()
        line = found.diverged[1] // long.steps_per_epoch
        assert np.isfinite(found.train_loss[:line, 1]).all()
        assert np.isnan(found.train_loss[line + 1 :, 1]).all()
        assert np.isnan(found.test_loss[-1, 1])
        same(train(long, rows[::2]), found, [0, 2])


def test_training_ends_early_where_every_row_diverged():
    task = own_workload(epochs=200)
    found = train(task, [Row(SGD(1e200), 0)])
    assert found.diverged[0] < 5
    assert task.problem.calls < 10
    assert found.train_loss.shape == (201, 1)


def test_schedules_that_follow_a_metric_follow_their_own_row():
    plateau = Plateau(0.05, patience=1)
    rows = [Row(SGD(plateau), seed) for seed in range(6)]
    found = train(blobs().for_epochs(15), rows)
    assert plateau.state == replace(plateau).state
    assert len({tuple(column) for column in found.rates.T}) > 1
    for r in range(6):
        own, expected = replace(plateau), [0.05]
        for loss in found.test_loss[1:, r]:
            own.observe(loss)
            expected.append(own(0))
        np.testing.assert_array_equal(found.rates[:, r], expected)


def test_the_same_seed_has_the_same_start_and_order():
    found = train(blobs().for_epochs(2), [Row(SGD(0.1), 4), Row(SGD(0.1), 4), Row(SGD(0.1), 5), Row(SGD(0.2), 4)])
    assert (found.train_loss[:, 0] == found.train_loss[:, 1]).all()
    assert found.train_loss[0, 0] == found.train_loss[0, 3]
    assert found.train_loss[0, 0] != found.train_loss[0, 2]


def test_a_row_is_clipped_by_its_own_norm():
    """Alone as among others, whose gradients are larger."""
    options = [{}, {"max_norm": 0.01}, {"max_norm": 0.01, "norm": "parameter"}, {"clip_value": 0.001}]
    rows = [Row(SGD(0.1, **case), 1) for case in options] + [Row(SGD(1.0, max_norm=0.01), 2)]
    found = train(blobs().for_epochs(3), rows).train_loss
    assert len({tuple(column) for column in found.T}) == len(rows)
    for r, row in enumerate(rows):
        np.testing.assert_allclose(found[:, r], train(blobs().for_epochs(3), [row]).train_loss[:, 0], rtol=1e-6)


def test_scores_are_taken_every_so_many_epochs_and_at_the_end():
    task = blobs().for_epochs(7)
    rows = [Row(SGD(Plateau(0.1, patience=0)), 0), Row(SGD(0.1), 0)]
    whole, some = train(task, rows), train(task, rows, every=3)
    np.testing.assert_array_equal(some.epochs, [0, 3, 6, 7])
    for name in CURVES:
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[some.epochs])


def test_the_rate_is_that_of_the_next_step():
    schedule = InverseTime(0.1, 0.5)
    found = train(blobs().for_epochs(3), [Row(SGD(schedule), 0), Row(Adam(0.25), 1)])
    np.testing.assert_array_equal(found.rates[:, 0], [schedule(step) for step in (0, 16, 32, 48)])
    assert (found.rates[:, 1] == 0.25).all()


def test_progress_is_reported(monkeypatch):
    monkeypatch.setattr(batch, "BLOCK", 2)
    shares = []
    train(WORKLOADS[3].for_epochs(4), [Row(SGD(0.01), seed) for seed in range(4)], report=shares.append)
    assert shares == [k / 8 for k in range(1, 9)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: train(WORKLOADS[0], []), r"train\(rows=\(\)\): rows must be at least one Row"),
        (lambda: train(WORKLOADS[0], [Row(SGD(), 0)], every=0), r"train\(every=0\): every must be a whole number"),
        (
            lambda: train(WORKLOADS[0], [Row(AdamW(no_decay=["b*"]), 0)]),
            r"train\(rows=...\): a row's settings must be the same for all its parameters, got Row\(rule=AdamW",
        ),
        (
            lambda: train(WORKLOADS[0], [Row(AdamW(average=fastlr.EMA()), 0)]),
            r"of a step's options a row may have max_norm, .*, grad_scale, got average in Row\(rule=AdamW",
        ),
        (lambda: Workload("x", MLP((2, 3)), 5), r"Workload\(split=None\): MLP\(.*\) needs data: pass split=prepare"),
        (lambda: Workload("x", Rosenbrock(), 0), r"Workload\(epochs=0\): epochs must be a whole number, at least 1"),
        (lambda: blobs().for_epochs(-1), r"Workload\(epochs=-1\)"),
        (lambda: replace(blobs(), batch=0), r"Workload\(batch=0\): batch must be a whole number, at least 1"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_blobs_are_those_of_the_articles():
    task = blobs()
    assert (len(task.split.train), len(task.split.test)) == (500, 500)
    assert task.epochs * task.steps_per_epoch == 3200
    assert sum(array.size for array in task.problem.init(0).values()) == 303
    assert task.split.train.x.std() > 3  # as they are
    assert task.metric == "accuracy"
    from sklearn.linear_model import LogisticRegression

    part = task.split
    reached = LogisticRegression(max_iter=1000).fit(part.train.x, part.train.y).score(part.test.x, part.test.y)
    assert 0.7 < reached < 0.87


def test_a_watcher_is_shown_every_step_of_every_row():
    """Between the gradient and the step: the weights then move by lr times the gradient."""
    from fastlr.lab import Quadratic, Row, Workload
    from fastlr.lab.batch import BLOCK
    from fastlr.rules import SGD

    rows = [Row(SGD(lr=0.1), seed) for seed in range(BLOCK + 3)]
    task = Workload("bowl", Quadratic([1.0, 3.0]), epochs=4)
    seen = {}

    def watch(moment):
        seen[moment.rows.start, moment.step] = (moment.losses.copy(), moment.params.copy(), moment.grads.copy())

    histories = train(task, rows, watch=watch)
    assert sorted(seen) == [(first, step) for first in (0, BLOCK) for step in range(4)]
    for (first, step), (losses, params, _) in seen.items():
        places = slice(first, first + BLOCK)
        np.testing.assert_allclose(losses, histories.train_loss[step, places])
        if step:
            _, before, slope = seen[first, step - 1]
            np.testing.assert_allclose(params, before - 0.1 * slope)
    np.testing.assert_array_equal(train(task, rows).train_loss, histories.train_loss)
