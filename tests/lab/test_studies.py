from dataclasses import replace

import numpy as np
import pytest

from fastlr.lab import (
    PRESETS,
    STUDIES,
    Claim,
    Configuration,
    Histories,
    Quadratic,
    Workload,
    blobs,
    load,
    study,
    workload,
)
from fastlr.lab.studies import report
from fastlr.lab.studies.outcome import WINDOW, StudyResult
from fastlr.rules import SGD, Adagrad, Adam, RMSprop


def hand_made(curves, *, metric="accuracy", test=None):
    """A result with given train metrics, {label: (epochs + 1, seeds)}."""
    task = blobs() if metric == "accuracy" else workload(load("diabetes"), Configuration(epochs=5))
    arrays = {label: np.asarray(curve, float) for label, curve in curves.items()}
    train = np.concatenate(list(arrays.values()), axis=1)
    seeds = train.shape[1] // len(arrays)
    nothing = np.zeros_like(train)
    histories = Histories(
        rows=(),
        epochs=np.arange(len(train)),
        train_loss=nothing,
        test_loss=nothing,
        train_metric=train,
        test_metric=train if test is None else np.asarray(test, float),
        rates=nothing,
        diverged=np.full(train.shape[1], -1),
    )
    settings = {label: SGD(0.1) for label in arrays}
    return StudyResult("x", "X", "rate", "2019", task, settings, tuple(range(seeds)), histories)


def measured(result, words):
    (found,) = [claim for claim in result.claims if words in claim.words]
    return [float(part.strip("(),")) for part in found.measured.split() if part.strip("(),").replace(".", "").isdigit()]


@pytest.mark.parametrize("name", STUDIES)
def test_every_claim_holds_on_five_seeds(name):
    result = study(name)
    assert {claim.words: claim.measured for claim in result.claims if not claim.holds} == {}
    assert result.holds
    assert len(result.claims) >= 2
    if name == "plateau":  # the figures of the articles: about 65 %, and under 75 %
        assert 0.6 < result.metric("2") < 0.7
        assert result.metric("5") < 0.75
    if name == "time-decay":
        assert measured(result, "budget") == [0.018, 0.109, 0.449, 0.868]
        assert result.curve("0.1", "rates")[-1, 0] == pytest.approx(3.1e-5, rel=0.01)
        assert result.curve("0.0001", "rates")[-1, 0] == pytest.approx(0.0075, rel=0.02)
    assert max(result.metric(label, part="test") for label in result.settings) == pytest.approx(0.83, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("first", [5, 10, 15, 100])
@pytest.mark.parametrize("name", STUDIES)
def test_every_claim_holds_on_other_seeds(name, first):
    result = study(name, seeds=range(first, first + 5))
    assert {claim.words: claim.measured for claim in result.claims if not claim.holds} == {}


def test_claims_can_fail():
    """After ten epochs nothing has decayed or collapsed, after two hardly anything has been learnt."""
    early = {name: study(name, blobs().for_epochs(10), seeds=2) for name in ("plateau", "time-decay")}
    assert not any(result.holds for result in early.values())
    slow = study("learning-rate", blobs().for_epochs(2), seeds=1)
    assert "0.1, 0.01 and 0.001 learn" in [claim.words for claim in slow.claims if not claim.holds]


@pytest.mark.parametrize("data", ["wine", "diabetes"])
@pytest.mark.parametrize("name", STUDIES)
def test_other_data_and_regression(name, data):
    task = workload(load(data), Configuration(epochs=8))
    result = study(name, task, seeds=[3, 1])
    assert result.seeds == (3, 1)
    for label in result.settings:
        assert result.curve(label, "test_metric").shape == (9, 2)
        assert result.progress(label) <= 1
    assert any(result.progress(label) == 1 for label in result.settings)
    # the seeds and settings are where they are said to be
    row = result.histories.rows[2 * len(result.settings) - 1]
    assert row.seed == 1
    assert row.rule == list(result.settings.values())[-1]


def test_presets_are_the_libraries_defaults():
    for name, preset in PRESETS.items():
        assert preset.rate == preset.sgd.lr
        assert [type(rule) for rule in vars(preset).values()] == [SGD, RMSprop, Adagrad, Adam]
        result = study("adaptive", blobs().for_epochs(1), seeds=1, preset=name)
        assert list(result.settings.values()) == list(vars(preset).values())
        assert result.preset == name
    then = PRESETS["2019"]
    assert (then.sgd.lr, then.rmsprop.lr, then.adagrad.lr, then.adam.lr) == (0.01, 0.001, 0.01, 0.001)
    assert (then.rmsprop.alpha, then.adagrad.initial_accumulator_value) == (0.9, 0.0)
    assert {then.rmsprop.eps, then.adagrad.eps, then.adam.eps} == {1e-7}


def test_progress_is_from_guessing_to_the_best():
    guess = max(np.bincount(blobs().split.train.y)) / 500
    best = np.full((30, 3), guess + 0.4)
    half = np.full((30, 3), guess + 0.2)
    half[:, 0] = 0.0  # one of three seeds: the median does not mind
    result = hand_made({"a": best, "b": half})
    assert result.progress("a") == pytest.approx(1)
    assert result.progress("b") == pytest.approx(0.5)
    assert result.guessing["train"] == guess


def test_an_epoch_stands_for_ten():
    curve = np.zeros((30, 1))
    curve[20:] = 0.9
    result = hand_made({"a": curve})
    assert [result.metric("a", epoch) for epoch in (0, 19, 24, 29)] == pytest.approx([0, 0, 0.45, 0.9])
    assert WINDOW == 10
    assert result.epochs_to("a", 1.0) == 29
    assert result.epochs_to("a", 1.1) == np.inf
    assert result.rise("a") == pytest.approx(0.9)


def test_the_faster_of_two_has_more_progress_on_average():
    fast = np.r_[np.full(5, 0.4), np.full(45, 0.8)][:, None]
    slow = np.r_[np.full(30, 0.4), np.full(20, 0.8)][:, None]
    result = hand_made({"fast": fast, "slow": slow})
    assert result.progress("fast") == pytest.approx(result.progress("slow"))
    assert result.mean_progress("fast") > result.mean_progress("slow") + 0.2


def test_volatility_is_the_mean_jump_after_the_first_quarter():
    curve = np.zeros((41, 2))
    curve[:10, :] = np.random.default_rng(0).uniform(size=(10, 2))  # does not count
    curve[11::2, 0] = 0.1
    result = hand_made({"a": curve})
    assert result.volatility("a") == pytest.approx(0.05)  # the median of 0.1 and 0


def test_a_run_that_diverged_guesses():
    result = hand_made({"a": np.full((20, 1), np.nan), "b": np.full((20, 1), 0.8)})
    assert result.progress("a") == pytest.approx(0)
    assert hand_made({"a": [[np.nan]], "b": [[0.5]]}, metric="r2").progress("a") == 0


def test_reports_have_every_claim():
    result = study("momentum", blobs().for_epochs(4), seeds=1)
    odd = Claim("a < b | c", "x & y", "1 & 2", False)
    result = replace(result, claims=(*result.claims, odd))
    text, page, document = report.markdown([result]), report.html([result]), report.document([result])
    for claim in result.claims[:-1]:
        assert f"| {claim.words} | {claim.needed} | {claim.measured} | {report.verdict(claim)} |" in text
        assert f"<td>{claim.measured}</td><td>{report.verdict(claim)}</td>" in page
    assert "| a < b \\| c | x & y | 1 & 2 | does not |" in text
    assert "<td>a &lt; b | c</td><td>x &amp; y</td>" in page
    assert "(momentum.png)" in text
    assert 'src="momentum.png"' in page
    assert document["studies"][0]["claims"][-1]["holds"] is False
    assert document["studies"][0]["settings"]["0.9"] == repr(result.settings["0.9"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: study("momentun"),
            r"study\(name='momentun'\): unknown, did you mean 'momentum'\? there are 'lea",
        ),
        (lambda: study("momentum", preset="2018"), r"study\(preset='2018'\): unknown, did you mean '2019'\?"),
        (lambda: study("momentum", seeds=0), r"study\(seeds=0\): there must be at least one seed"),
        (lambda: study("momentum", seeds=[]), r"study\(seeds=\[\]\): there must be at least one seed"),
        (lambda: study("momentum", seeds=[1, 1]), r"study\(seeds=\[1, 1\]\): seeds must differ"),
        (lambda: study("momentum", seeds=[-1]), r"seeds must be whole numbers, at least 0, got -1"),
        (
            lambda: study("momentum", Workload("bowl", Quadratic([1]), 5)),
            r"study\(workload=Workload\('bowl'.*the problem must be a network on data: workload\(load\('wine'\)\)",
        ),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
