"""fastlr's schedules as settings of PyTorch's groups."""

import pytest
import torch

import fastlr.torch
from fastlr.schedules import Cosine, Warmup


def stepped(opt, steps):
    rates = []
    for _ in range(steps):
        for group in opt.param_groups:
            for param in group["params"]:
                param.grad = torch.ones_like(param)
        opt.step()
        rates.append([group["lr"] for group in opt.param_groups])
    return rates


def test_each_step_takes_its_rate_and_the_group_shows_it():
    schedule = Warmup(Cosine(0.5, total=6), 2)
    w = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
    opt = fastlr.torch.SGD([w], lr=schedule)
    assert opt.param_groups[0]["lr"] == schedule(0)
    assert stepped(opt, 8) == [[schedule(step)] for step in range(8)]
    assert opt.steps == 8
    assert w.item() == pytest.approx(-sum(schedule(step) for step in range(8)))


def test_groups_have_their_own():
    a, b, c = (torch.nn.Parameter(torch.zeros(1)) for _ in range(3))
    groups = [{"params": [a]}, {"params": [b], "lr": lambda step: step + 1.0}, {"params": [c], "lr": 0.25}]
    opt = fastlr.torch.SGD(groups, lr=lambda step: 10.0 * step)
    assert stepped(opt, 3) == [[0.0, 1.0, 0.25], [10.0, 2.0, 0.25], [20.0, 3.0, 0.25]]


def test_written_into_a_group_later():
    opt = fastlr.torch.Adam([torch.nn.Parameter(torch.zeros(1))])
    assert stepped(opt, 1) == [[1e-3]]
    opt.param_groups[0]["lr"] = lambda step: step / 8
    opt.param_groups[0]["betas"] = (lambda step: step / 16, 0.75)
    assert stepped(opt, 2) == [[0.125], [0.25]]
    assert opt.param_groups[0]["betas"] == (0.125, 0.75)


def test_pairs_with_functions():
    w = [torch.nn.Parameter(torch.zeros(2, dtype=torch.float64)) for _ in range(2)]
    scheduled = fastlr.torch.Adam([w[0]], betas=(lambda step: 0.5, 0.75))
    plain = fastlr.torch.Adam([w[1]], betas=(0.5, 0.75))
    stepped(scheduled, 4), stepped(plain, 4)
    assert torch.equal(*w)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"lr": lambda step: -1.0}, r"AdamW\(lr=.*\): lr\(0\) must be in \[0, inf\), got -1"),
        ({"betas": (lambda step: 2.0, 0.5)}, r"betas\[0\]\(0\) must be in \[0, 1\), got 2"),
        ({"lr": lambda step: "much"}, r"lr\(0\) must be a number"),
    ],
)
def test_numbers_out_of_range(settings, error):
    with pytest.raises((ValueError, TypeError), match=error):
        fastlr.torch.AdamW([torch.nn.Parameter(torch.zeros(1))], **settings)


def test_a_bad_number_later_changes_nothing():
    w = torch.nn.Parameter(torch.zeros(1))
    opt = fastlr.torch.SGD([w], lr=lambda step: 0.5 if step == 0 else float("nan"))
    stepped(opt, 1)
    with pytest.raises(ValueError, match=r"lr\(1\) must be"):
        opt.step()
    assert w.item() == -0.5
    assert opt.steps == 1
