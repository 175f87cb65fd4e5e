"""The range test: it finds, refuses with the reason, and changes nothing."""

import math
import random

import numpy as np
import pytest

import fastlr
from fastlr.lab import Configuration, Finding, Quadratic, Workload, choose, find_lr, load, workload
from fastlr.lab.finding.step_size import normalises
from fastlr.rules import RULES
from tests.helpers import outcome

BOWL = Workload("bowl", Quadratic([1, 10]), epochs=300)
WINE = workload(load("wine"), Configuration(epochs=20))


class Descent:
    """Gradient descent in a parabola with noise: it diverges above a rate of 1."""

    def __init__(self, noise=0.0):
        self.w, self.rng, self.noise = np.ones(5), np.random.default_rng(0), noise
        self.opt = fastlr.SGD(self.w, momentum=0.5)
        self.calls = 0

    def __call__(self, lr):
        self.calls += 1
        self.opt.lr = lr
        loss = float(self.w @ self.w) + self.noise * self.rng.normal()
        self.opt.step(2 * self.w + self.noise * self.rng.normal(size=5))
        return loss

    @property
    def state(self):
        return [self.opt, self.rng]

    def outcome(self):
        return outcome(self.opt), self.opt.lr, self.rng.bit_generator.state


class Flat:
    def init(self, seed):
        return {"w": np.ones(2)}

    def loss_and_grad(self, params, grads, batch):
        grads["w"][:] = 0
        return 1.0


class Broken(Flat):
    """Not finite: from before the first step, or after it."""

    def __init__(self, before):
        self.before = before

    def loss_and_grad(self, params, grads, batch):
        grads["w"][:] = 1
        return math.nan if self.before or params["w"][0] != 1 else 1.0


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_a_bowl_is_trained_by_what_is_found(optimizer):
    found = find_lr(BOWL, optimizer)
    low, high = found.bracket
    assert low < found.suggestion < high
    assert found.check.best == found.suggestion
    assert found.reading.refusal == ""
    assert f"use {found.suggestion:.2g}" in found.advice
    # the slope of the loss by the logarithm of the rate, from the fit
    k = found.reading.slopes.argmin()
    assert found.reading.slopes[k] < 0
    assert low <= found.reading.rates[k] < high


def test_gradient_descent_stays_below_its_limit():
    assert 0.05 < find_lr(BOWL).suggestion < 0.2


def test_what_is_read_off_does_not_depend_on_the_losses_height():
    class Lower(Quadratic):
        def losses_and_grads(self, params, grads, batch):
            return super().losses_and_grads(params, grads, batch) - 100

    found = find_lr(Workload("lower", Lower([1, 10]), epochs=300), verify=False)
    assert found.losses[0].max() < 0
    assert 0.02 < found.suggestion < 0.2


REFUSALS = [
    (BOWL, {"min_lr": 1e-5, "max_lr": 0.02}, "the loss never rose up to 0.02: raise max_lr"),
    (WINE, {"max_lr": 1e-4}, "the loss never rose up to 0.0001: raise max_lr"),
    (WINE, {"max_lr": 2e-6}, "flat: the loss hardly fell up to 2e-06: raise max_lr"),
    (WINE, {"min_lr": 10.0, "max_lr": 1e6}, "diverged at once, at 10: lower min_lr"),
    (WINE, {"steps": 15}, "too few points: 15, at least 20 are needed: raise steps"),
]


@pytest.mark.parametrize(("task", "options", "reason"), REFUSALS)
def test_refuses_instead_of_guessing(task, options, reason):
    found = find_lr(task, **options)
    assert found.suggestion is None
    assert found.bracket is None
    assert found.check is None
    assert found.reading.refusal.startswith(reason)
    assert f"no suggestion: {reason}" in found.advice
    assert f"no suggestion: {reason}" in repr(found)


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (Flat(), "flat: the loss hardly fell up to 100: raise max_lr"),
        (Broken(before=True), "the loss is not finite before the first step"),
        (Broken(before=False), "diverged at once, at 1e-06: lower min_lr"),
    ],
)
def test_refuses_what_cannot_be_trained(problem, reason):
    found = find_lr(Workload("bad", problem, epochs=10))
    assert found.suggestion is None
    assert found.reading.refusal.startswith(reason)
    assert math.isnan(found.ramped)
    assert math.isnan(found.spread)


def test_a_seed_has_the_same_numbers_alone():
    several, one = find_lr(WINE, "adam", seeds=3, verify=False), find_lr(WINE, "adam", seeds=[1], verify=False)
    np.testing.assert_array_equal(several.losses[:, 1], one.losses[:, 0][: len(several.losses)])
    assert several.by_seed[1] == one.ramped
    assert several.spread == pytest.approx(np.log10(several.by_seed).std(ddof=1))
    assert math.isnan(one.spread)


def test_is_repeatable_and_leaves_random_states_alone():
    before = np.random.get_state()[1].tolist(), random.getstate()
    first, second = (find_lr(WINE, "rmsprop", seeds=2) for _ in range(2))
    assert first.suggestion == second.suggestion
    np.testing.assert_array_equal(first.losses, second.losses)
    assert (np.random.get_state()[1].tolist(), random.getstate()) == before


def test_short_runs_have_the_last_word():
    found = find_lr(WINE, "sgd", verify=40)
    assert found.check.steps == 40
    assert found.check.planned == 20 * WINE.steps_per_epoch
    np.testing.assert_allclose(found.check.rates[:4] / found.ramped, 10 ** (np.arange(4) / 2 - 1), rtol=1e-9)
    assert found.suggestion == found.check.best
    assert find_lr(WINE, "sgd", verify=False).suggestion == found.ramped
    k = np.median(found.check.losses, axis=1).argmin()
    carried = found.suggestion * math.sqrt(found.check.planned / 40)
    assert abs(math.log10(carried / found.check.rates[k])) <= 0.25


def test_a_callback_is_put_back_to_the_bit():
    step = Descent()
    step(0.1)
    before = step.outcome()
    found = find_lr(step, state=step.state, verify=True)
    assert step.calls > 300
    assert step.outcome() == before
    assert 0.05 < found.suggestion < 1
    assert found.optimizer == "sgd"
    assert found.name == "Descent"
    assert found.measured == "loss of each batch"


@pytest.mark.parametrize("bad", ["raises", "nan", "text"])
def test_a_callback_that_fails_is_put_back_too(bad):
    step = Descent()
    step(0.1)
    before = step.outcome()

    def failing(lr):
        loss = step(lr)
        if step.calls < 40:
            return loss
        if bad == "raises":
            raise ZeroDivisionError
        return math.nan if bad == "nan" else "much"

    if bad == "nan":
        found = find_lr(failing, state=step.state)
        assert found.suggestion is None
        assert "flat" in found.reading.refusal or "nothing was learnt" in found.reading.refusal
    else:
        expected = {"raises": ZeroDivisionError, "text": TypeError}[bad]
        message = "must return the loss, a number, got 'much'" if bad == "text" else None
        with pytest.raises(expected, match=message):
            find_lr(failing, state=step.state)
    assert step.outcome() == before


def test_a_callback_with_a_probe_and_seeds():
    step = Descent(noise=0.05)
    begun = []

    def begin(seed):
        begun.append(seed)
        step.w[:] = np.random.default_rng(seed).normal(size=5)

    found = find_lr(step, "sgd", probe=lambda: float(step.w @ step.w), begin=begin, seeds=[3, 4], state=step.state)
    assert begun == [3, 4]
    assert found.losses.shape == (301, 2)
    assert found.losses[0, 0] == pytest.approx(np.sum(np.random.default_rng(3).normal(size=5) ** 2))
    assert 0.01 < found.suggestion < 1
    assert (step.w == 1).all()


def test_the_kind_of_optimizer_is_measured():
    found = {rule.__name__: normalises(rule()) for rule in RULES}
    assert found["SGD"] is False
    assert all(found[name] for name in ("Adagrad", "RMSprop", "Adam", "AdamW"))


def test_progress_is_told_up_to_the_end():
    shares = []
    find_lr(WINE, "adam", seeds=2, report=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) > 100


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((BOWL,), {"min_lr": -1.0}, r"find_lr\(min_lr=-1.0\): min_lr must be a number above 0"),
        ((BOWL,), {"min_lr": 1.0, "max_lr": 0.1}, r"max_lr must be above min_lr"),
        ((BOWL,), {"seeds": 0}, r"find_lr\(seeds=0\): there must be at least one seed"),
        ((BOWL,), {"steps": 0}, "must be a whole number from 2 to 2,000"),
        ((BOWL,), {"part": "valid"}, "part must be 'train' or 'test'"),
        ((BOWL,), {"verify": 1}, r"find_lr\(verify=1\): verify must be True, False, or at least 2 steps"),
        ((BOWL, "adam@0.1"), {}, "must be without a rate"),
        ((BOWL, "adan"), {}, "did you mean 'adam'"),
        ((BOWL, 3), {}, "must be a name, a Choice or a Rule"),
        ((3,), {}, r"find_lr\(int\): must be a Workload"),
        ((lambda lr: lr,), {"seeds": 3}, "a callback must have begin="),
        ((lambda lr: lr,), {"state": [object()]}, "object cannot be put back"),
    ],
)
def test_mistakes_are_named(arguments, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        find_lr(*arguments, **options)


def test_choices_and_rules_are_taken_as_they_are():
    (choice,) = choose(["momentum"])
    by_name = find_lr(WINE, "momentum", seeds=1, verify=False)
    for given in (choice, choice.rule):
        assert find_lr(WINE, given, seeds=1, verify=False).suggestion == by_name.suggestion


def test_a_notebook_shows_numbers_and_words():
    found = find_lr(WINE, "adam", seeds=2)
    html = found._repr_html_()
    assert f"<th>use</th><td>{found.suggestion:.3g}</td>" in html
    assert found.advice in html
    refused = find_lr(Workload("<flat>", Flat(), epochs=5))
    assert isinstance(refused, Finding)
    assert "&lt;flat&gt;" in refused._repr_html_()
    assert "<table>" not in refused._repr_html_()
