"""Whatever is done to parameters and state between two steps: PyTorch's numbers, and never an old address."""

import copy
import gc
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import torch

import fastlr.torch
from tests.torch.twins import Twins, model

ROOT = Path(__file__).parents[2]


def reassigned(each, opt):
    for param in each.parameters():
        param.data = param.data * 2


def resized(each, opt):
    """As methods do that grow their parameters, with the state grown by hand."""
    for param in each[4].parameters():
        row = torch.ones_like(param[:1])
        param.data, gradient = torch.cat([param.data, row]), torch.cat([param.grad, row])
        param.grad = gradient
        for name, tensor in opt.state[param].items():
            if name != "step":
                opt.state[param][name] = torch.cat([tensor, 0 * row])


def exchanged_in_the_group(each, opt):
    old, new = each[2].weight, torch.nn.Parameter(each[2].weight.detach() + 1)
    new.grad = old.grad
    each[2].weight = new
    opt.param_groups[0]["params"][2] = new
    opt.state[new] = opt.state.pop(old)


def exchanged_in_the_state(each, opt):
    for entry in opt.state.values():
        for name, tensor in entry.items():
            entry[name] = tensor.clone() if name == "step" else tensor * 0.5


def moved_by_data(each, opt):
    """How most code moves a state to another device and back."""
    for entry in opt.state.values():
        for tensor in entry.values():
            tensor.data = tensor.data.clone()


def started_anew(each, opt):
    opt.state = defaultdict(dict)


def cleared(each, opt):
    opt.state.clear()


def one_entry_gone(each, opt):
    del opt.state[each[0].weight]


def counted_differently(each, opt):
    opt.state[each[0].weight]["step"].fill_(7)


def frozen(each, opt):
    each[0].requires_grad_(False)
    for param in each[0].parameters():
        param.grad = None


def thawed(each, opt):
    each[0].requires_grad_(True)


def another_memory_format(each, opt):
    weight = each[2].weight
    weight.data = weight.data.T.contiguous().T


def half_a_storage(each, opt):
    """A view into something larger."""
    weight = each[2].weight
    weight.data = torch.stack([weight.data, weight.data])[1]


def lazily_cloned(each, opt):
    for param in each.parameters():
        param.data = torch._lazy_clone(param.data)  # shares memory until somebody writes


CHANGES = [
    reassigned,
    resized,
    exchanged_in_the_group,
    exchanged_in_the_state,
    moved_by_data,
    started_anew,
    cleared,
    one_entry_gone,
    counted_differently,
    frozen,
    thawed,
    another_memory_format,
    half_a_storage,
    lazily_cloned,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize(("name", "kwargs"), [("Adam", {"amsgrad": True}), ("RMSprop", {"momentum": 0.5})])
def test_changes_between_steps(name, kwargs, change):
    twins = Twins(name, kwargs)
    for use in (None, None, change, None, change, None):
        twins.step(use)
    twins.check()


def test_old_memory_is_neither_written_nor_kept():
    each = model()
    opt = fastlr.torch.AdamW(each.parameters())
    old = each[0].weight.data
    train(each, opt)
    before = each[0].weight.detach().clone()
    each[0].weight.data = before.clone()
    train(each, opt)
    assert torch.equal(old, before)
    assert not torch.equal(each[0].weight, before)


def train(each, opt):
    opt.zero_grad()
    dtype = next(each.parameters()).dtype
    each(torch.ones(2, 4, dtype=dtype)).square().mean().backward()
    opt.step()


def test_another_dtype_and_back():
    """PyTorch's own optimizers cannot: the state stays behind.  Here it follows."""
    each = model(torch.float32)
    opt = fastlr.torch.AdamW(each.parameters())
    for dtype in (torch.float32, torch.float64, torch.float32):
        each.to(dtype)
        before = copy.deepcopy(opt.state_dict()["state"])
        train(each, opt)
        assert {entry["exp_avg"].dtype for entry in opt.state.values()} == {dtype}
        for k, entry in before.items():
            moved = 0.9 * entry["exp_avg"].double() + 0.1 * list(each.parameters())[k].grad.double()
            torch.testing.assert_close(opt.state[list(each.parameters())[k]]["exp_avg"].double(), moved)
    assert {entry["step"].item() for entry in opt.state.values()} == {3.0}


def test_tensors_can_be_resized_ever_after():
    """A view as a NumPy array would forbid it for good."""
    w = torch.nn.Parameter(torch.ones(3))
    opt = fastlr.torch.Adam([w])
    w.grad = torch.ones(3)
    opt.step()
    w.requires_grad_(False).resize_(5).fill_(1)
    opt.state[w]["exp_avg"].resize_(5).fill_(0)
    opt.state[w]["exp_avg_sq"].resize_(5).fill_(0)
    w.grad = torch.ones(5)
    opt.step()
    assert w.shape == (5,)
    assert (w < 1).all()


def test_a_state_that_was_not_resized_is_refused_and_nothing_changes():
    w, v = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    opt = fastlr.torch.Adam([v, w])
    v.grad = w.grad = torch.ones(3)
    opt.step()
    before = v.detach().clone()
    w.data, w.grad = torch.ones(4), torch.ones(4)
    with pytest.raises(ValueError, match=r"parameter 1: state 'exp_avg' must have its parameter's shape \(4,\), got"):
        opt.step()
    assert torch.equal(v, before)
    assert opt.state[v]["step"].item() == 1
    del opt.state[w]
    opt.step()
    assert opt.state[w]["step"].item() == 1


@pytest.mark.parametrize("steps", [-1.0, 0.5, float("nan")])
def test_a_count_that_is_none_is_refused(steps):
    w = torch.nn.Parameter(torch.ones(1))
    opt = fastlr.torch.Adam([w])
    w.grad = torch.ones(1)
    opt.step()
    opt.state[w]["step"].fill_(steps)
    with pytest.raises(ValueError, match="state 'step' must be a whole number of steps"):
        opt.step()


def test_shared_modules_are_stepped_once():
    shared = torch.nn.Linear(3, 3)
    both = torch.nn.Sequential(shared, shared)
    opt = fastlr.torch.SGD(both.parameters(), lr=0.5)
    before = shared.weight.detach().clone()
    both(torch.ones(1, 3)).sum().backward()
    opt.step()
    torch.testing.assert_close(shared.weight, before - 0.5 * shared.weight.grad)


def test_a_model_is_freed_with_its_optimizer():
    """Nothing needs the garbage collector, which may come late."""
    freed = []
    gc.collect()
    gc.disable()
    try:
        each = model()
        opt = fastlr.torch.AdamW(each.parameters(), lr=lambda step: 0.1)
        train(each, opt)
        for k, param in enumerate(each.parameters()):
            torch.utils.weak.weakref.finalize(param, freed.append, k)
        del opt, each, param
        assert len(freed) == 6
    finally:
        gc.enable()


def test_an_exchanged_parameter_is_let_go():
    each = model()
    opt = fastlr.torch.AdamW(each.parameters())
    train(each, opt)
    freed = []
    torch.utils.weak.weakref.finalize(each[2].weight, freed.append, 1)
    exchanged_in_the_group(each, opt)
    train(each, opt)
    assert freed == [1]


MANY = [pytest.param(name, 100_000, marks=pytest.mark.slow) for name in ("SGD", "AdamW")]


@pytest.mark.parametrize(("name", "steps"), [("AdamW", 3_000), *MANY])
def test_no_memory_is_lost(name, steps):
    """In a process of its own, whose memory nothing else changes."""
    command = [sys.executable, "-m", "tests.torch.leaking", name, str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, cwd=ROOT)
    assert int(done.stdout) < 500_000
