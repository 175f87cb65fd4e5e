"""The state is not looked at while nobody else can reach it; whoever holds a part of it is noticed."""

import pytest
import torch

import fastlr.torch
from fastlr.torch import memory
from tests.torch.twins import CASES, NAMES, model

MANY = 40
"""Steps after which privacy has been found, if there is any."""


def stepped(each, opt, steps=MANY):
    for _ in range(steps):
        opt.zero_grad()
        each(torch.ones(2, 4, dtype=torch.float64)).square().mean().backward()
        opt.step()
    return opt._layout.memory.private


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_a_state_that_nobody_asks_for_becomes_private(name, kwargs):
    each = model()
    opt = getattr(fastlr.torch, name)(each.parameters(), **kwargs)
    assert not stepped(each, opt, 3)
    assert stepped(each, opt)
    opt.load_state_dict(opt.state_dict())
    assert not stepped(each, opt, 3)
    assert stepped(each, opt)


def first(opt):
    return next(iter(opt.state.values()))


HOLDS = {
    "the state": lambda opt: opt.state,
    "an entry": first,
    "an average": lambda opt: first(opt)["exp_avg"],
    "a count": lambda opt: first(opt)["step"],
    "a view": lambda opt: first(opt)["exp_avg_sq"][1:],
    "a tensor with the same memory": lambda opt: first(opt)["exp_avg"].detach(),
    "an array": lambda opt: first(opt)["exp_avg"].numpy(),
    "the memory": lambda opt: first(opt)["exp_avg"].untyped_storage(),
    "a view of a count": lambda opt: first(opt)["step"].view(1),
    "a saved state": lambda opt: opt.state_dict(),
    "an iterator": lambda opt: iter(opt.state.items()),
}


@pytest.mark.parametrize("hold", HOLDS.values(), ids=HOLDS)
def test_who_holds_a_part_is_noticed(hold):
    each = model()
    opt = fastlr.torch.AdamW(each.parameters())
    assert stepped(each, opt)
    held = hold(opt)
    assert not stepped(each, opt, 200)
    del held
    assert stepped(each, opt, 1500)


def test_what_is_held_may_be_changed_at_any_time():
    """Through a reference from long ago, without asking the optimizer again."""
    each = model()
    opt = fastlr.torch.AdamW(each.parameters())
    stepped(each, opt)
    entry = opt.state[each[0].weight]
    alias = entry["exp_avg_sq"].detach()
    stepped(each, opt)
    entry["exp_avg"].data = entry["exp_avg"].data.clone()
    alias.share_memory_()  # elsewhere now, with the tensor whose memory it shares
    entry["step"].fill_(7)
    before = {name: tensor.clone() for name, tensor in entry.items()}
    stepped(each, opt, 1)
    gradient = each[0].weight.grad
    torch.testing.assert_close(entry["exp_avg"], 0.9 * before["exp_avg"] + 0.1 * gradient)
    torch.testing.assert_close(entry["exp_avg_sq"], 0.999 * before["exp_avg_sq"] + 0.001 * gradient**2)
    assert entry["step"].item() == 8


def test_without_counts_nothing_is_private(monkeypatch):
    """Where PyTorch does not say who uses a tensor's memory, every step looks at everything."""
    monkeypatch.setattr(torch._C, "_storage_Use_Count", None)
    fastlr.torch.tensors.use_exchange()
    try:
        each = model()
        assert not stepped(each, fastlr.torch.AdamW(each.parameters()))
    finally:
        monkeypatch.undo()
        fastlr.torch.tensors.use_exchange()


def test_another_dlpack_is_refused():
    with pytest.raises(ValueError, match=r"PyCapsule"):
        memory.use(object(), torch.Tensor, torch.nn.Parameter, fastlr.torch.tensors.local, None)
