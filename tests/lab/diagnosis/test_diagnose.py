"""Verdicts on real runs, with their numbers followed; and what is said of them."""

import json
import re

import numpy as np
import pytest

from fastlr.lab import Configuration, Row, choose, compare, diagnose, load, train, workload
from fastlr.lab.diagnosis.advice import dropped, time_decay
from fastlr.schedules import Cosine, InverseTime, StepDrop
from tests.lab.diagnosis.runs import bowl, trace, trained

RUNS = [
    ("digits", "sgd@0.2", {}, "healthy"),
    ("digits", "adam@0.003", {}, "healthy"),
    ("digits", "adam@0.003", {"schedule": Cosine(0.003, total=860)}, "healthy"),
    ("digits", "sgd@0.0003", {}, "too low"),
    ("digits", "momentum@0.00003", {}, "too low"),
    ("digits", "adam@0.000003", {}, "too low"),
    ("digits", "adam@0.1", {}, "too high"),
    ("digits", "rmsprop@0.1", {}, "too high"),
    ("digits", "sgd@30", {}, "diverging"),
    ("digits", "momentum@3", {}, "diverging"),
    ("digits", "sgd", {"schedule": InverseTime(0.1, decay=1.0)}, "too aggressive"),
    ("digits", "adam", {"schedule": StepDrop(0.001, every=20)}, "too aggressive"),
    ("wine", "sgd@0.01", {"scaled": False}, "features"),
    ("wine", "adam@0.001", {"scaled": False}, "features"),
]


@pytest.mark.parametrize(("data", "name", "settings", "fault"), RUNS)
def test_verdicts_on_real_runs(data, name, settings, fault):
    found = trained(data, name, **settings)
    assert found.fault == fault, str(found)
    assert 0.3 < found.confidence <= 1
    assert found.evidence
    assert found.healthy == (fault == "healthy")
    assert all(first in str(found) for first in (fault, found.advice, *[each.words for each in found.evidence]))


@pytest.mark.parametrize(("data", "name", "settings", "fault"), [run for run in RUNS if run[3] != "healthy"])
def test_following_the_number_ends_lower(data, name, settings, fault):
    found = trained(data, name, **settings)
    (choice,) = choose([name.partition("@")[0]])
    lr = found.schedule or found.lr
    assert lr is not None
    task = workload(load(data), Configuration(epochs=20))
    from dataclasses import replace

    after = train(task, [Row(replace(choice.rule, lr=lr), 0)], every=20).train_loss[-1, 0]
    before = np.nan_to_num(found.trace["loss"][-20:].mean(), nan=np.inf)
    assert after < before or found.trace.broke is not None
    assert np.isfinite(after)


def test_raw_features_are_named_with_their_spread():
    found = trained("wine", "sgd@0.01", scaled=False)
    assert "standardise" in found.advice
    spread = float(re.search(r"largest feature is ([\d.]+) times", found.evidence[0].words)[1])
    assert 250 < spread < 400


def test_the_rate_in_words_and_numbers():
    found = trained("digits", "sgd@0.0003")
    about, new = re.fullmatch(r"lr 0.0003 is about ([\d.,]+) times too low: use ([\d.e-]+)", found.advice).groups()
    assert float(new) == found.lr
    assert found.lr / 0.0003 == pytest.approx(float(about.replace(",", "")), rel=0.1)
    assert found.factor == pytest.approx(found.lr / 0.0003, rel=0.1)


def test_a_schedule_is_advised_with_half_of_the_budget():
    found = trained("digits", "sgd", schedule=InverseTime(0.1, decay=1.0))
    assert isinstance(found.schedule, Cosine)
    assert found.schedule(np.arange(860)).mean() / 0.1 == pytest.approx(0.5, abs=0.01)
    decay = float(re.search(r"time-based decay of ([\d.e-]+) rather than 1 a step", found.advice)[1])
    assert InverseTime(0.1, decay=decay)(np.arange(860)).mean() / 0.1 == pytest.approx(0.5, abs=0.02)
    drops = trained("digits", "adam", schedule=StepDrop(0.001, every=20))
    assert re.search(r"wait [\d.]+ times as long with the first of the \d+ drops \(it came at 20\)", drops.advice)


def test_shapes_of_schedules_are_recognised():
    t = np.arange(500.0)
    assert time_decay(t, InverseTime(0.3, decay=0.02)(t.astype(int))) == pytest.approx(0.02)
    for other in (Cosine(0.3, total=500), StepDrop(0.3, every=100)):
        assert time_decay(t, other(t.astype(int))) is None
    np.testing.assert_array_equal(dropped(t, StepDrop(0.3, every=100)(t.astype(int))), [100, 200, 300, 400])
    assert len(dropped(t, Cosine(0.3, total=500)(t.astype(int)))) == 0


def test_without_rates_the_number_is_a_factor_and_less_is_sure():
    full = trained("digits", "sgd@0.0003")
    losses = diagnose([{"step": k, "loss": loss} for k, loss in enumerate(full.trace.given("loss")[1])])
    assert (losses.fault, losses.lr) == ("too low", None)
    assert losses.factor > 3
    assert "multiply it by" in losses.advice
    assert any("less sure" in remark for remark in losses.remarks)
    assert not any("less sure" in remark for remark in full.remarks)


def test_mean_confidence_falls_with_what_is_told():
    from fastlr.lab.diagnosis import Trace

    sure = {"all": [], "loss": []}
    for data, name, settings, fault in RUNS:
        if fault in ("features", "diverging"):
            continue
        full = trained(data, name, **settings)
        sure["all"].append(full.confidence)
        columns = {column: full.trace[column] for column in ("step", "loss")}
        sure["loss"].append(diagnose(Trace(columns)).confidence)
    assert np.mean(sure["loss"]) < np.mean(sure["all"])


def test_alpha_is_in_the_evidence_of_a_bowl():
    found = diagnose(bowl(0.0001))
    assert found.fault == "too low"
    assert any(each.words.startswith("alpha -1 over steps") for each in found.evidence)


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 9])
def test_few_losses_are_unclear(steps):
    assert diagnose(trace(np.linspace(2, 1, steps))).fault == "unclear"


@pytest.mark.parametrize("losses", [np.zeros(300), np.full(300, 2.3), -np.arange(300.0), np.full(300, 1e300)])
def test_odd_losses_are_diagnosed_somehow(losses):
    found = diagnose(trace(losses, lr=0.1))
    assert found.fault != "unclear"
    assert np.isfinite(found.confidence)
    json.dumps(found.document(), allow_nan=False)


def test_rates_that_are_zero_have_no_number():
    found = diagnose(trace(np.linspace(2, 1, 300), lr=0.0))
    assert found.lr is None


def test_as_a_document():
    document = trained("digits", "sgd", schedule=InverseTime(0.1, decay=1.0)).document()
    again = json.loads(json.dumps(document, allow_nan=False))
    assert again["fault"] == "too aggressive"
    assert again["schedule"]["schedule"] == "Cosine"
    assert sum(again["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert again["judged_by"] == "losses, rates and gradients along the steps"


def test_the_trainers_runs_have_names_validation_and_no_diagnosis_unless_watched():
    (run,) = compare(load("iris"), choose(["sgd"]), Configuration(epochs=2)).runs
    assert run.diagnosis is None
    found = trained("digits", "sgd@0.2")
    assert found.trace.name == "sgd@0.2"
    assert np.isfinite(found.trace["val_loss"]).sum() == 21
    assert np.isfinite(found.trace["loss"]).sum() == 860


def test_the_less_sure_the_smaller_the_rise():
    from fastlr.lab.diagnosis.advice import advise
    from fastlr.lab.diagnosis.signals import signals

    seen = trained("digits", "sgd@0.0003").trace
    factors = [advise("too low", seen, signals(seen), "steps", sure).factor for sure in (0.5, 0.75, 1.0)]
    assert 2 <= factors[0] < factors[1] < factors[2]
    lower = [advise("too high", seen, signals(seen), "steps", sure).factor for sure in (0.5, 1.0)]
    assert lower[0] == lower[1] <= 0.5


@pytest.mark.parametrize(("end", "fault"), [(0.5, "healthy"), (50.0, "too high")])
def test_a_validation_loss_that_is_lost_tells_a_rate_that_is_too_high(end, fault):
    """Where the training loss does not: far too high a rate fits separable data all the same."""
    full = trained("digits", "sgd@0.2").trace
    columns = dict(full.columns)
    there = np.isfinite(columns["val_loss"])
    columns["val_loss"] = np.where(there, end, np.nan)
    from dataclasses import replace

    found = diagnose(replace(full, columns=columns))
    assert found.fault == fault
    assert any("validation loss ends at 50" in each.words for each in found.evidence) == (fault == "too high")
