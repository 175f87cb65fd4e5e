"""Acting: the last good weights come back, bit for bit, and the rate is lower."""

import math

import numpy as np
import pytest

import fastlr
from fastlr.lab import Configuration, Monitor, choose, compare, load
from fastlr.lab.diagnosis.repair import KEEP_EVERY, RECENT, Repairer, repairable
from fastlr.schedules import Cosine, Plateau

CURVATURE = np.array([1.0, 10.0])


def descend(opt, packed, monitor, steps=300):
    losses = []
    for _ in range(steps):
        packed.flat_grads[:] = packed.flat * CURVATURE
        loss = 0.5 * float(packed.flat @ packed.flat_grads)
        losses.append(loss)
        if monitor.observe(loss, params=packed.flat, grads=packed.flat_grads) is None:
            opt.step()
    return losses


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("lr", [1.0, 30.0])
def test_a_run_that_diverges_is_brought_back(momentum, lr):
    packed = fastlr.pack(np.ones(2))
    opt = fastlr.SGD(packed, lr=lr, momentum=momentum)
    monitor = Monitor(act=True, optimizer=opt)
    losses = descend(opt, packed, monitor)
    assert losses[-1] < losses[0] / 2
    assert monitor.actions
    last = monitor.actions[-1]
    assert opt.lr == pytest.approx(last.lr[0])
    assert 0.1 <= last.factor <= 0.5
    assert f"acted at {last.words}" in monitor.diagnose().remarks
    assert "back to the weights of step" in last.words


def test_weights_and_state_come_back_bit_for_bit():
    packed = fastlr.pack(np.ones(2))
    opt = fastlr.Adam(packed, lr=0.01)
    repairer, kept = Repairer(repairable(opt), lambda: 0.25), {}
    action = None
    for step in range(3 * KEEP_EVERY):
        kept[step] = packed.flat.copy(), opt.state_dict()
        loss = 1 / (1 + step) if step < 2 * KEEP_EVERY + 20 else math.nan
        if (action := repairer.observe(step, loss)) is not None:
            break
        packed.flat_grads[:] = packed.flat
        opt.step()
    back = int(action.back_to)
    assert 2 * KEEP_EVERY <= back < step
    weights, state = kept[back]
    np.testing.assert_array_equal(packed.flat, weights)
    assert opt.steps == back
    for name, arrays in opt.state.items():
        for symbol, values in arrays.items():
            np.testing.assert_array_equal(values, state["state"][name][symbol])
    assert opt.lr == 0.0025


def test_weights_are_good_only_once_later_losses_were():
    """The step that ruins them comes after a good loss."""
    packed = fastlr.pack(np.zeros(1))
    opt = fastlr.SGD(packed, lr=1.0)
    repairer = Repairer(repairable(opt), lambda: 0.5)
    for step in range(KEEP_EVERY + RECENT + 2):
        packed.flat[:] = step  # what is kept says when it was kept
        action = repairer.observe(step, 1.0 if step < KEEP_EVERY + 2 else math.inf)
        if action:
            break
    assert action.back_to < KEEP_EVERY
    assert packed.flat[0] == action.back_to


@pytest.mark.parametrize(
    ("lr", "after"),
    [
        (0.5, 0.25),
        (Cosine(0.5, total=100), 0.25),
        (lambda step: 0.5, 0.25),
        (Plateau(0.5), 0.25),
    ],
    ids=["number", "schedule", "function", "driven"],
)
def test_rates_of_every_kind_are_lowered(lr, after):
    opt = fastlr.SGD([{"params": np.ones(1)}, {"params": np.ones(1), "lr": 0.1}], lr=lr)
    of = repairable(opt)
    saved = of.save()
    assert of.scale(0.5) == pytest.approx((after, 0.05))
    of.restore(saved)  # the rates stay as they are now
    assert opt.lr == pytest.approx(after)


def test_a_driven_rate_keeps_its_state():
    plateau = Plateau(0.5, patience=0)
    opt = fastlr.SGD(np.ones(1), lr=plateau)
    for loss in (1.0, 2.0):
        opt.groups[0]["lr"].observe(loss)
    assert repairable(opt).scale(0.5) == pytest.approx((0.025,))
    assert opt.groups[0]["lr"].state.best == 1.0


def test_a_steady_descent_is_left_alone():
    packed = fastlr.pack(np.ones(2))
    opt = fastlr.SGD(packed, lr=0.1)
    monitor = Monitor(act=True, optimizer=opt)
    descend(opt, packed, monitor)
    assert (monitor.actions, opt.lr) == ((), 0.1)


def test_it_gives_up():
    """Where lowering the rate does not help, it is something else."""
    opt = fastlr.SGD(np.ones(1), lr=1.0)
    monitor = Monitor(act=True, optimizer=opt)
    actions = [monitor.observe(math.nan) for _ in range(15)]
    assert [action is not None for action in actions] == [True] * 10 + [False] * 5
    assert "10 actions did not help: no more follow" in monitor.diagnose().remarks


def test_pytorch_is_brought_back():
    torch = pytest.importorskip("torch")
    w = torch.nn.Parameter(torch.ones(2))
    opt = torch.optim.Adam([w], lr=0.5)
    of = repairable(opt)
    (w**2).sum().backward()
    opt.step()
    saved, before = of.save(), w.detach().clone()
    opt.step()
    assert not torch.equal(w, before)
    of.restore(saved)
    assert torch.equal(w, before)
    assert of.scale(0.5) == (0.25,)


def test_in_the_trainer():
    (choice,) = choose(["sgd@100"])
    lost, kept = (
        compare(
            load("wine"),
            [choice],
            Configuration(epochs=20),
            watch=lambda choice, optimizer, act=act: Monitor(act=act, optimizer=optimizer),
        ).runs[0]
        for act in (False, True)
    )
    assert (lost.status, kept.status) == ("diverged", "finished")
    assert lost.diagnosis.fault == "diverging"
    assert kept.history[-1].train.loss < 0.5
    assert any(remark.startswith("acted at step") for remark in kept.diagnosis.remarks)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"act": True}, ValueError, r"optimizer must be given"),
        ({"act": True, "optimizer": 3}, TypeError, r"must be an optimizer of fastlr or PyTorch, or have save\(\)"),
    ],
)
def test_errors(arguments, kind, message):
    with pytest.raises(kind, match=message):
        Monitor(**arguments)
