"""Checkpoints go from PyTorch's classes to fastlr's and back in the middle of training."""

import copy
import io

import numpy as np
import pytest
import torch

import fastlr.torch
from fastlr import checkpoint
from fastlr.schedules import Cosine, Plateau
from fastlr.torch import portable
from tests.torch.twins import CASES, NAMES, Twins, check_states, model


def through_a_file(saved):
    buffer = io.BytesIO()
    torch.save(saved, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize("when", [0, 1, 3])
@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_states_are_exchanged_in_the_middle(name, kwargs, when):
    """After some steps each goes on with what the other has saved, twice."""
    twins = Twins(name, kwargs)
    for _ in range(when):
        twins.step()
    for _ in range(2):
        saved = [through_a_file(opt.state_dict()) for opt in twins.optimizers]
        check_states(*saved, 1e-12)
        for opt, other in zip(twins.optimizers, reversed(saved), strict=True):
            opt.load_state_dict(other)
        for _ in range(3):
            twins.step()
        twins.check()


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_a_state_is_a_picture_that_later_steps_change_as_pytorchs(name, kwargs):
    """PyTorch's holds the tensors themselves."""
    twins = Twins(name, kwargs)
    twins.step()
    saved = [opt.state_dict() for opt in twins.optimizers]
    twins.step()
    check_states(*saved, 1e-12)


def test_counts_are_right_whenever_somebody_looks():
    each = model()
    opt = fastlr.torch.RMSprop(each.parameters())
    each(torch.ones(1, 4, dtype=torch.float64)).sum().backward()
    opt.step()
    entry = opt.state[each[0].weight]
    for steps in range(2, 5):
        opt.step()
        assert entry["step"].item() == steps


def test_a_state_of_an_older_pytorch_counts_in_plain_numbers():
    twins = Twins("Adam", {})
    twins.step()
    for opt in twins.optimizers:
        saved = copy.deepcopy(opt.state_dict())
        for entry in saved["state"].values():
            entry["step"] = int(entry["step"].item())
        for group in saved["param_groups"]:
            del group["maximize"], group["fused"], group["decoupled_weight_decay"]
        opt.load_state_dict(saved)
    twins.step()
    for theirs, ours in zip(*(each.parameters() for each in twins.models), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda saved: saved["param_groups"].clear(), "different number of parameter groups"),
        (lambda saved: saved["param_groups"][0]["params"].pop(), "doesn't match the size"),
    ],
)
def test_a_state_of_other_parameters_is_refused_in_pytorchs_words(spoil, error):
    opt = fastlr.torch.Adam(model().parameters())
    saved = opt.state_dict()
    spoil(saved)
    with pytest.raises(ValueError, match=error):
        opt.load_state_dict(saved)


def test_schedules_go_on_where_they_were():
    def optimizer(each):
        return fastlr.torch.SGD(each.parameters(), lr=Cosine(0.1, total=10), momentum=lambda step: step / 10)

    straight, first = model(), model()
    opts = [optimizer(straight), optimizer(first)]
    for step in range(6):
        if step == 3:
            saved = through_a_file({"opt": opts[1].state_dict(), "model": first.state_dict()})
            first = model(seed=1)
            first.load_state_dict(saved["model"])
            opts[1] = optimizer(first)
            opts[1].load_state_dict(saved["opt"])
            assert opts[1].steps == 3
        for each, opt in zip((straight, first), opts, strict=True):
            opt.zero_grad()
            each(torch.ones(1, 4, dtype=torch.float64)).sum().backward()
            opt.step()
            assert opt.param_groups[0]["lr"] == Cosine(0.1, total=10)(step)
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), first.parameters(), strict=True))


def test_schedules_go_on_from_a_state_of_pytorchs():
    each = model()
    theirs = torch.optim.AdamW(each.parameters())
    trained(each, theirs)
    ours = fastlr.torch.AdamW(each.parameters(), lr=lambda step: step / 8)
    ours.load_state_dict(theirs.state_dict())
    ours.step()
    assert ours.param_groups[0]["lr"] == 0.375


def test_pytorch_loads_a_state_with_schedules():
    each = model()
    opt = fastlr.torch.AdamW(each.parameters(), lr=Cosine(0.1, total=10))
    each(torch.ones(1, 4, dtype=torch.float64)).sum().backward()
    opt.step()
    theirs = torch.optim.AdamW(each.parameters())
    theirs.load_state_dict(through_a_file(opt.state_dict()))
    theirs.step()
    assert theirs.param_groups[0]["lr"] == 0.1
    assert "schedules" not in opt.param_groups[0]


def test_a_schedule_that_follows_a_metric_keeps_its_state():
    rate = Plateau(0.5, patience=1, factor=0.5)
    opt = fastlr.torch.SGD([torch.nn.Parameter(torch.ones(1))], lr=rate)
    for loss in (1.0, 1.0, 1.0, 1.0):
        rate.observe(loss)
    opt.step()
    assert opt.param_groups[0]["lr"] < 0.5
    other = fastlr.torch.SGD([torch.nn.Parameter(torch.ones(1))], lr=Plateau(0.5, patience=1, factor=0.5))
    other.load_state_dict(through_a_file(opt.state_dict()))
    other.step()
    assert other.param_groups[0]["lr"] == opt.param_groups[0]["lr"]


def trained(each, opt, steps=3):
    for step in range(steps):
        opt.zero_grad()
        each(torch.full((1, 4), step + 1.0, dtype=torch.float64)).sum().backward()
        opt.step()


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_fastlrs_checkpoints(tmp_path, name, kwargs, background):
    models = [model(), model(seed=1)]
    opts = [getattr(fastlr.torch, name)(each.parameters(), **kwargs) for each in models]
    trained(models[0], opts[0])
    path = tmp_path / "{steps}.safetensors"
    saving = checkpoint.save(path, portable(opts[0]), model=portable(models[0]), background=background)
    trained(models[0], opts[0])
    saving.wait()
    assert saving.path.name == "3.safetensors"
    loaded = checkpoint.load(path, portable(opts[1]), model=portable(models[1]))
    assert (loaded.steps, opts[1].steps) == (3, 3)
    trained(models[1], opts[1])
    for straight, resumed in zip(*(each.parameters() for each in models), strict=True):
        assert torch.equal(straight, resumed)
    check_states(opts[0].state_dict(), opts[1].state_dict(), 0)


def test_fastlrs_checkpoints_of_pytorchs_optimizers(tmp_path):
    models = [model(), model(seed=1)]
    opts = [torch.optim.Adam(models[0].parameters()), fastlr.torch.Adam(models[1].parameters())]
    trained(models[0], opts[0])
    checkpoint.save(tmp_path / "run", portable(opts[0]), model=portable(models[0]))
    checkpoint.load(tmp_path / "run", portable(opts[1]), model=portable(models[1]))
    check_states(opts[0].state_dict(), opts[1].state_dict(), 0)
    assert opts[1].steps == 3


def test_what_fastlrs_checkpoints_refuse(tmp_path):
    each = model()
    opt = fastlr.torch.Adam(each.parameters())
    with pytest.raises(TypeError, match=r"got Adam; pass one of PyTorch's as fastlr.torch.portable\(opt\)"):
        checkpoint.save(tmp_path / "run", opt)
    with pytest.raises(TypeError, match=r"portable\(Linear\): NumPy has no bfloat16; convert it to float32"):
        checkpoint.save(tmp_path / "run", portable(opt), model=portable(torch.nn.Linear(1, 1).bfloat16()))
    mine = fastlr.Adam(np.zeros(2))
    checkpoint.save(tmp_path / "run", mine)
    with pytest.raises(ValueError, match="must hold an optimizer as the one here, got one of fastlr's for arrays"):
        checkpoint.load(tmp_path / "run", portable(opt), strict=False)
    checkpoint.save(tmp_path / "run", portable(opt))
    with pytest.raises((ValueError, KeyError), match="must have"):
        checkpoint.load(tmp_path / "run", mine)


def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path):
    each, other = model(), torch.nn.Sequential(torch.nn.Linear(3, 3))
    opt, mine = fastlr.torch.Adam(each.parameters()), fastlr.torch.Adam(other.parameters())
    checkpoint.save(tmp_path / "run", portable(opt), model=portable(each))
    before = copy.deepcopy(other.state_dict())
    with pytest.raises(RuntimeError, match=r"Error\(s\) in loading state_dict"):
        checkpoint.load(tmp_path / "run", portable(mine), model=portable(other))
    assert all(torch.equal(before[key], value) for key, value in other.state_dict().items())
