"""The very sequences of the installed PyTorch: every scheduler that is a formula, momentum too, and its plateau."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from fastlr.schedules import like_torch

LR, STEPS = 0.3, 1000
FEW = settings(max_examples=25, deadline=None)


def torch_rates(make: Callable[[Any], Any], steps: int = STEPS, lr: float = LR) -> tuple[list[float], list[float]]:
    """The rate and the momentum of each step, as torch's training loop sees them."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr, momentum=0.9)
    scheduler = make(optimizer)
    rates, momenta = [], []
    for step in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        momenta.append(float(optimizer.param_groups[0]["momentum"]))
        if step < steps - 1:
            optimizer.step()
            scheduler.step()
    return rates, momenta


def agree(ours: Any, theirs: list[float]) -> None:
    np.testing.assert_allclose(ours(np.arange(len(theirs))), theirs, rtol=1e-12, atol=1e-12 * LR)


def waves(step: float) -> float:
    return 0.75 + 0.25 * math.cos(step)


CASES: list[tuple[str, list[dict[str, Any]]]] = [
    (
        "ConstantLR",
        [
            {},
            {"factor": 0.25, "total_iters": 1},
            {"factor": 1.0, "total_iters": 700},
            {"factor": 0.25, "total_iters": 0},
        ],
    ),
    (
        "LinearLR",
        [
            *({}, {"start_factor": 0.1, "end_factor": 0.5, "total_iters": 300}, {"start_factor": 1.0, "end_factor": 0}),
            {"start_factor": 0.25, "total_iters": 0},
        ],
    ),
    ("StepLR", [{"step_size": 1}, {"step_size": 30, "gamma": 0.9}, {"step_size": 30, "gamma": 1.1}]),
    (
        "MultiStepLR",
        [{"milestones": m, "gamma": g} for m in ([30, 80], [80, 30, 30], [0, 5], []) for g in (0.1, 0.5, 1.5)],
    ),
    ("ExponentialLR", [{"gamma": 0.99}, {"gamma": 1.0}, {"gamma": 1.01}]),
    ("PolynomialLR", [{}, {"total_iters": 0}, {"total_iters": 999, "power": 2.0}, {"total_iters": 100, "power": 0.5}]),
    ("CosineAnnealingLR", [{"T_max": n, "eta_min": m} for n in (1, 2, 7, 100, 999, 5000) for m in (0.0, 0.01)]),
    (
        "CosineAnnealingWarmRestarts",
        [{"T_0": n, "T_mult": k, "eta_min": m} for n in (1, 7, 100) for k in (1, 2, 3) for m in (0.0, 0.01)],
    ),
    ("LambdaLR", [{"lr_lambda": waves}]),
    ("MultiplicativeLR", [{"lr_lambda": waves}]),
]


@pytest.mark.parametrize(
    ("name", "arguments"), [(name, arguments) for name, several in CASES for arguments in several], ids=str
)
def test_schedulers(name, arguments):
    theirs, _ = torch_rates(lambda opt: getattr(lr_scheduler, name)(opt, **arguments))
    agree(getattr(like_torch, name)(LR, **arguments), theirs)


def test_every_scheduler_of_torch_is_there():
    named = [name for name in lr_scheduler.__all__ if name not in ("LRScheduler", "EPOCH_DEPRECATION_WARNING")]
    assert [name for name in named if not hasattr(like_torch, name)] == []


@FEW
@given(
    total=st.integers(2, 400),
    pct_start=st.floats(0.01, 1.0),
    anneal=st.sampled_from(["cos", "linear"]),
    three=st.booleans(),
    div=st.floats(1, 100),
    final=st.floats(0.5, 1e5),
)
def test_one_cycle(total, pct_start, anneal, three, div, final):
    if pct_start * total == 1.0:
        return  # torch divides by zero
    arguments = {
        "max_lr": LR,
        "total_steps": total,
        "pct_start": pct_start,
        "anneal_strategy": anneal,
        "three_phase": three,
        "div_factor": div,
        "final_div_factor": final,
        "base_momentum": 0.8,
        "max_momentum": 0.97,
    }
    rates, momenta = torch_rates(lambda opt: lr_scheduler.OneCycleLR(opt, **arguments), total)
    agree(like_torch.OneCycleLR(**arguments), rates)
    agree(like_torch.OneCycleMomentum(**arguments), momenta)


def test_one_cycle_by_epochs_holds_after_the_end():
    by_epochs = like_torch.OneCycleLR(LR, epochs=10, steps_per_epoch=20)
    assert by_epochs == like_torch.OneCycleLR(LR, 200)
    assert by_epochs(199) == by_epochs(10**12) == pytest.approx(LR / 25e4, rel=1e-12)


@FEW
@given(
    up=st.integers(1, 60),
    down=st.none() | st.integers(1, 60),
    mode=st.sampled_from(["triangular", "triangular2", "exp_range"]),
    gamma=st.floats(0.9, 1.0),
)
def test_cyclic(up, down, mode, gamma):
    arguments = {
        "base_lr": 0.01,
        "max_lr": LR,
        "step_size_up": up,
        "step_size_down": down,
        "mode": mode,
        "gamma": gamma,
    }
    rates, momenta = torch_rates(lambda opt: lr_scheduler.CyclicLR(opt, **arguments))
    agree(like_torch.CyclicLR(**arguments), rates)
    agree(like_torch.CyclicMomentum(**arguments), momenta)


@pytest.mark.parametrize("scale_mode", ["cycle", "iterations"])
def test_cyclic_with_a_function(scale_mode):
    arguments = {"base_lr": 0.01, "max_lr": LR, "step_size_up": 8, "step_size_down": 4, "scale_fn": waves}
    arguments["scale_mode"] = scale_mode
    rates, momenta = torch_rates(lambda opt: lr_scheduler.CyclicLR(opt, **arguments))
    agree(like_torch.CyclicLR(**arguments), rates)
    agree(like_torch.CyclicMomentum(**arguments), momenta)


PARTS: list[tuple[str, dict[str, Any]]] = [
    ("LinearLR", {"start_factor": 0.1, "total_iters": 40}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 10}),
    ("CosineAnnealingLR", {"T_max": 2000}),
    ("ExponentialLR", {"gamma": 0.995}),
    ("StepLR", {"step_size": 25, "gamma": 0.9}),
    ("MultiStepLR", {"milestones": [7, 90], "gamma": 0.5}),
    ("PolynomialLR", {"total_iters": 600, "power": 2.0}),
]
MORE = [
    *PARTS,
    ("CosineAnnealingWarmRestarts", {"T_0": 50, "T_mult": 2, "eta_min": 0.01}),
    ("LambdaLR", {"lr_lambda": waves}),
]


def theirs_and_ours(parts: list[tuple[str, dict[str, Any]]]) -> Any:
    def make(opt: Any) -> Any:
        return [getattr(lr_scheduler, name)(opt, **arguments) for name, arguments in parts]

    return make, [getattr(like_torch, name)(LR, **arguments) for name, arguments in parts]


@FEW
@given(st.lists(st.sampled_from(MORE), min_size=3, max_size=3), st.integers(0, 50), st.integers(1, 500))
def test_sequential(parts, first, second):
    """First 0 is pytorch#185872."""
    make, ours = theirs_and_ours(parts)
    milestones = [first, first + second]
    theirs, _ = torch_rates(lambda opt: lr_scheduler.SequentialLR(opt, make(opt), milestones))
    agree(like_torch.SequentialLR(ours, milestones), theirs)


@FEW
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=4, unique_by=lambda part: part[0]))
def test_chained(parts):
    make, ours = theirs_and_ours(parts)
    theirs, _ = torch_rates(lambda opt: lr_scheduler.ChainedScheduler(make(opt), opt))
    agree(like_torch.ChainedScheduler(ours, LR), theirs)


METRICS = st.lists(st.floats(-10, 10) | st.sampled_from([0.0, 1.0, 1.0, math.nan, math.inf]), max_size=60)


@settings(max_examples=150, deadline=None)
@given(
    METRICS,
    st.fixed_dictionaries(
        {
            "mode": st.sampled_from(["min", "max"]),
            "factor": st.floats(0.05, 0.95),
            "patience": st.integers(0, 4),
            "threshold": st.sampled_from([1e-4, 0.0, 0.1]),
            "threshold_mode": st.sampled_from(["rel", "abs"]),
            "cooldown": st.integers(0, 4),
            "min_lr": st.sampled_from([0.0, 0.01, 0.29, 0.5]),
            "eps": st.sampled_from([1e-8, 1e-3]),
        }
    ),
)
def test_plateau(metrics, arguments):
    optimizer = torch.optim.SGD([torch.zeros(1)], LR)
    theirs = lr_scheduler.ReduceLROnPlateau(optimizer, **arguments)
    ours = like_torch.ReduceLROnPlateau(LR, **arguments)
    for metric in metrics:
        if math.isinf(metric):
            continue  # torch takes infinity for the best of all, and nothing improves on it
        before = ours(0)
        changed = ours.observe(metric)
        theirs.step(metric)
        assert ours(0) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        assert changed == (ours(0) != before)


def test_plateau_leaves_out_small_changes():
    plateau = like_torch.ReduceLROnPlateau(LR, factor=0.9, patience=0, eps=0.028)  # 0.3, 0.27, and then 0.243
    assert [plateau.observe(1.0) for _ in range(4)] == [False, True, False, False]
    assert plateau(0) == pytest.approx(0.27)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: like_torch.ChainedScheduler([like_torch.OneCycleLR(LR, 10)], LR), "a Interpolated cannot be chained"),
        (
            lambda: like_torch.ChainedScheduler([like_torch.CosineAnnealingLR(LR, 9, 0.1)], LR),
            "Cosine cannot be chained",
        ),
        (lambda: like_torch.ChainedScheduler([], 0.0), r"^ChainedScheduler\(lr=0.0\): lr must be above 0"),
        (lambda: like_torch.OneCycleLR(LR), r"^OneCycleLR\(total_steps\): pass total_steps, or epochs and steps_per"),
        (
            lambda: like_torch.OneCycleLR(LR, 9, anneal_strategy="exp"),
            r"anneal_strategy='exp'\): must be 'cos' or 'lin",
        ),
        (lambda: like_torch.OneCycleMomentum(LR, 9, cycle_momentum=False), "OneCycleMomentum.*not scheduled then"),
        (lambda: like_torch.CyclicMomentum(0.1, LR, cycle_momentum=False), "CyclicMomentum.*not scheduled then"),
        (
            lambda: like_torch.MultiplicativeLR(LR, waves)(10**9),
            r"^MultiplicativeLR\(1000000000\): step must be at most",
        ),
        (lambda: like_torch.ReduceLROnPlateau(0.0), r"^ReduceLROnPlateau\(lr=0.0\): lr must be above 0"),
        (lambda: like_torch.ReduceLROnPlateau(LR, threshold_mode="relative"), "threshold_mode must be 'rel' or 'abs'"),
    ],
)
def test_says_what_to_do(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_running_product_calls_its_function_once_for_each_step():
    asked = []
    schedule = like_torch.MultiplicativeLR(1.0, lambda step: asked.append(step) or 0.5)
    assert [schedule(step) for step in (3, 1, 0, 4)] == [0.125, 0.5, 1.0, 0.0625]
    assert asked == [1, 2, 3, 4]
