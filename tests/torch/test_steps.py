"""The steps are PyTorch's: the same numbers, counts, groups and hooks, whatever works on top of an optimizer."""

import copy
import io
import math
import pickle
import warnings
from itertools import cycle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.optim.optimizer import register_optimizer_step_post_hook

import fastlr.torch
from tests.torch.twins import CASES, NAMES, TOLERANCE, Twins, model

KINDS = [getattr(fastlr.torch, name) for name in ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW")]


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_the_same_numbers(name, kwargs, dtype):
    twins = Twins(name, kwargs, dtype)
    for _ in range(10):
        twins.step()
    twins.check()


@pytest.mark.parametrize("options", [{"backend": "numpy"}, {"backend": "numba"}, {"denormals": "flush"}], ids=str)
@pytest.mark.parametrize(("name", "kwargs"), [CASES[1], CASES[7]], ids=["SGD", "AdamW"])
def test_fastlrs_own_options(name, kwargs, options):
    bits = []
    for chosen in ({}, options):
        trained, opt = train(
            model(), lambda params, chosen=chosen: getattr(fastlr.torch, name)(params, **kwargs, **chosen)
        )
        bits.append([param.detach().numpy().tobytes() for param in trained.parameters()])
        assert "backend" not in opt.state_dict()["param_groups"][0]
    assert bits[0] == bits[1]


def train(each, make, steps=3):
    opt = make(each.parameters())
    for step in range(steps):
        opt.zero_grad()
        each(torch.full((2, 4), step + 1.0, dtype=torch.float64)).square().mean().backward()
        opt.step()
    return each, opt


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"backend": "fortran"}, "AdamW.*backend must be one of"),
        ({"denormals": "x"}, "denormals must be"),
        ({"eggs": 1}, "eggs"),
    ],
)
def test_options_are_checked_before_anything_else(options, error):
    with pytest.raises((ValueError, TypeError), match=error):
        fastlr.torch.AdamW(model().parameters(), **options)


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_parameters_without_a_gradient_are_passed_by_and_count_no_step(name, kwargs):
    """PyTorch counts the steps of each parameter."""
    twins, absent = Twins(name, kwargs), cycle([(0, 1), (), (4,), (0, 1), (2, 3, 5)])

    def drop(each, opt):
        for k in chosen:
            list(each.parameters())[k].grad = None

    for _ in range(12):
        chosen = next(absent)
        twins.step(drop)
    twins.check()


@given(st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=12))
def test_any_sequence_of_subsets(subsets):
    twins = Twins("AdamW", {})
    for subset in subsets:
        twins.step(
            lambda each, opt, subset=subset: [list(each.parameters())[k].__setattr__("grad", None) for k in subset]
        )
    twins.check()


def test_alternating_subsets_are_laid_out_once(monkeypatch):
    made = []
    original = fastlr.torch.stepping.Layout
    monkeypatch.setattr(fastlr.torch.stepping, "Layout", lambda *args: made.append(1) or original(*args))
    twins = Twins("Adam", {})
    for step in range(40):
        twins.step(lambda each, opt, step=step: list(each.parameters())[step % 3].__setattr__("grad", None))
    assert len(made) <= 7
    twins.check()


def groups(kind, each):
    first = each[0]
    return kind([{"params": first.parameters(), "lr": 0.01}, {"params": each[2].parameters()}], lr=0.001)


@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_groups_that_come_later_and_settings_that_change(name):
    twins = Twins(name, {}, make=groups)
    twins.step()
    for each, opt in zip(twins.models, twins.optimizers, strict=True):
        opt.add_param_group({"params": each[4].parameters(), "weight_decay": 0.5})
    twins.step()
    for opt in twins.optimizers:
        opt.param_groups[0]["lr"] = 0.5
        opt.param_groups[1]["weight_decay"] = 0.25
    twins.step()
    twins.check()


def test_settings_that_need_another_kernel():
    twins = Twins("SGD", {"lr": 0.1})
    for momentum in (0, 0.9, 0.9, 0, 0.9):
        for opt in twins.optimizers:
            opt.param_groups[0]["momentum"] = momentum
        twins.step()
    twins.check()


def test_dtypes_side_by_side():
    torch.manual_seed(0)
    both = [[torch.nn.Parameter(torch.ones(3, dtype=d)) for d in (torch.float32, torch.float64) * 2] for _ in range(2)]
    opts = [torch.optim.Adam(both[0]), fastlr.torch.Adam(both[1])]
    for _ in range(3):
        for params, opt in zip(both, opts, strict=True):
            for k, param in enumerate(params):
                param.grad = torch.full_like(param, k + 1)
            opt.step()
    for theirs, ours in zip(*both, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE[ours.dtype])


@pytest.mark.parametrize("kind", KINDS)
def test_closures_and_their_losses(kind):
    each = model()
    opt = kind(each.parameters())

    def closure():
        opt.zero_grad()
        loss = each(torch.ones(2, 4, dtype=torch.float64)).square().mean()
        loss.backward()
        return loss

    with torch.no_grad():
        losses = [opt.step(closure).item() for _ in range(5)]
    assert losses[-1] < losses[0]
    assert opt.step() is None


def test_hooks_see_the_steps():
    twins, seen = Twins("AdamW", {}), [[], []]
    handles = []
    for opt, notes in zip(twins.optimizers, seen, strict=True):
        handles.append(
            opt.register_step_pre_hook(lambda opt, args, kw, notes=notes: notes.append((len(args), kw, "pre")))
        )
        handles.append(
            opt.register_step_post_hook(lambda opt, args, kw, notes=notes: notes.append((len(args), kw, "post")))
        )
        opt.register_state_dict_post_hook(lambda opt, saved: {**saved, "more": 1})
        opt.register_load_state_dict_pre_hook(lambda opt, saved: {k: v for k, v in saved.items() if k != "more"})
    twins.step()
    assert seen[0] == seen[1] == [(1, {}, "pre"), (1, {}, "post")]
    for opt in twins.optimizers:
        saved = opt.state_dict()
        assert saved["more"] == 1
        opt.load_state_dict(saved)
    for handle in handles:
        handle.remove()
    twins.step()
    assert len(seen[1]) == 2
    twins.check()


def test_hooks_of_all_optimizers_see_a_step_once():
    notes = []
    handle = register_optimizer_step_post_hook(lambda opt, args, kw: notes.append(type(opt)))
    try:
        train(model(), fastlr.torch.Adam, steps=1)
    finally:
        handle.remove()
    assert notes == [fastlr.torch.Adam]


def test_the_profiler_names_the_step():
    _, opt = train(model(), fastlr.torch.Adam)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        opt.step()
        opt.zero_grad()
    names = {event.key for event in profile.key_averages()}
    assert {"Optimizer.step#Adam.step", "Optimizer.zero_grad#Adam.zero_grad"} <= names


@pytest.mark.parametrize("set_to_none", [True, False])
def test_zero_grad(set_to_none):
    each, opt = train(model(), fastlr.torch.AdamW)
    before = [param.grad for param in each.parameters()]
    opt.zero_grad(set_to_none)
    for param, gradient in zip(each.parameters(), before, strict=True):
        if set_to_none:
            assert param.grad is None
        else:
            assert param.grad is gradient
            assert not gradient.any()


@pytest.mark.parametrize("how", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both)), "torch.save"])
@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_copies_go_on_by_themselves(name, kwargs, how):
    twins = Twins(name, kwargs)
    twins.step()
    mine = twins.models[1], twins.optimizers[1]
    if how == "torch.save":
        buffer = io.BytesIO()
        torch.save(mine, buffer)
        buffer.seek(0)
        twins.models[1], twins.optimizers[1] = torch.load(buffer, weights_only=False)
    else:
        twins.models[1], twins.optimizers[1] = how(mine)
    before = [param.clone() for param in mine[0].parameters()]
    twins.step()
    twins.check()
    assert all(torch.equal(a, b) for a, b in zip(mine[0].parameters(), before, strict=True))


def test_repr_and_types_are_pytorchs():
    theirs, ours = Twins("AdamW", {"lr": 0.5}).optimizers
    assert repr(ours) == repr(theirs)
    assert isinstance(ours, torch.optim.AdamW)
    assert ours.defaults == theirs.defaults


SCHEDULERS = [
    lambda opt: torch.optim.lr_scheduler.CosineAnnealingLR(opt, 5),
    lambda opt: torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, total_steps=10),  # cycles betas or momentum as well
    lambda opt: torch.optim.lr_scheduler.ExponentialLR(opt, 0.5),
]


@pytest.mark.parametrize("make", SCHEDULERS)
@pytest.mark.parametrize(("name", "kwargs"), [CASES[1], CASES[6]], ids=["SGD", "Adam"])
@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.125)], ids=["number", "tensor"])
def test_pytorchs_schedulers(name, kwargs, make, lr):
    twins = Twins(name, {**kwargs, "lr": lr})
    schedulers = [make(opt) for opt in twins.optimizers]
    for _ in range(8):
        twins.step()
        for scheduler in schedulers:
            scheduler.step()
    for theirs, ours in zip(*(each.parameters() for each in twins.models), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-7 if torch.is_tensor(lr) else 1e-12)


def test_clipping_on_top():
    twins = Twins("AdamW", {})
    for _ in range(4):
        twins.step(lambda each, opt: torch.nn.utils.clip_grad_norm_(each.parameters(), 0.01))
    twins.check()


def test_a_loss_scaler_skips_and_unscales():
    twins = Twins("AdamW", {"fused": True}, torch.float32)
    scalers = [torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2) for _ in range(2)]
    for step in range(6):
        for each, opt, scaler in zip(twins.models, twins.optimizers, scalers, strict=True):
            opt.zero_grad()
            x = torch.full((3, 4), torch.inf if step == 3 else step + 1.0)
            scaler.scale(each(x).square().mean()).backward()
            scaler.step(opt)
            scaler.update()
    assert scalers[1].state_dict() == scalers[0].state_dict()
    assert {entry["step"].item() for entry in twins.optimizers[1].state.values()} == {5.0}
    twins.check()


def test_averaged_models():
    each, opt = train(model(), fastlr.torch.SGD)
    average = torch.optim.swa_utils.AveragedModel(each, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.5))
    average.update_parameters(each)
    before = [param.clone() for param in average.module.parameters()]
    opt.step()
    assert all(torch.equal(a, b) for a, b in zip(average.module.parameters(), before, strict=True))
    average.update_parameters(each)
    for mean, old, new in zip(average.module.parameters(), before, each.parameters(), strict=True):
        torch.testing.assert_close(mean, (old + new) / 2)


def test_a_step_between_forward_and_backward_is_noticed():
    """As PyTorch does: else the gradients would be silently wrong."""
    each, opt = train(model(), fastlr.torch.Adam)
    loss = each(torch.ones(2, 4, dtype=torch.float64)).square().mean()
    opt.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_more_steps_than_float32_can_count():
    """PyTorch's counter stands still at 2**24."""
    w = torch.nn.Parameter(torch.ones(2))
    opt = fastlr.torch.Adam([w])
    w.grad = torch.ones(2)
    opt.step()
    opt.state[w]["step"].fill_(2.0**24 - 1)
    for _ in range(4):
        opt.step()
    assert opt.state[w]["step"].item() == 2**24 + 3


def test_gradients_of_a_conjugate_stand_for_their_negative():
    """The imaginary part of a conjugate is a view with a flag that says so."""
    w = torch.nn.Parameter(torch.ones(()))
    w.grad = torch.complex(torch.tensor(1.0), torch.tensor(2.0)).conj().imag
    assert w.grad.is_neg()
    fastlr.torch.SGD([w], lr=0.5).step()
    assert w.item() == 2.0


@pytest.mark.parametrize(
    "gradient", [lambda w: w.data.T.contiguous().T, lambda w: torch.ones(1, 1).expand(2, 3), lambda w: w.data]
)
def test_gradients_that_lie_otherwise(gradient):
    both = [torch.nn.Parameter(torch.arange(6.0).reshape(2, 3)) for _ in range(2)]
    for w, kind in zip(both, (torch.optim.SGD, fastlr.torch.SGD), strict=True):
        w.grad = gradient(w)
        kind([w], lr=0.5).step()
    torch.testing.assert_close(both[1], both[0])


@st.composite
def laid_out(draw, shape):
    """How to make a tensor of that shape whose dimensions follow each other in memory in some order, with or without
    gaps."""
    order = draw(st.permutations(range(len(shape))))
    gap = draw(st.sampled_from([1, 1, 1, 2]))
    back = [order.index(k) for k in range(len(shape))]

    def make(values):
        wide = values.permute(order).contiguous().repeat_interleave(gap, -1) if shape else values.clone()
        return (wide[..., ::gap] if shape else wide).permute(back)

    return make


@given(st.data(), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4), st.sampled_from(CASES))
def test_any_shape_and_any_order_in_memory(data, shape, case):
    name, kwargs = case
    values = torch.linspace(-1, 1, max(1, math.prod(shape)), dtype=torch.float64)[: math.prod(shape)].reshape(shape)
    weight, first, second = (data.draw(laid_out(shape)) for _ in range(3))
    both = [torch.nn.Parameter(weight(values)) for _ in range(2)]
    for w, kind in zip(both, (getattr(torch.optim, name), getattr(fastlr.torch, name)), strict=True):
        opt = kind([w], **kwargs)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of weights with gaps, which PyTorch steps
            for gradient in (first(values.cos()), second(values.sin()), first(values.exp())):
                w.grad = gradient
                opt.step()
    torch.testing.assert_close(both[1], both[0], rtol=0, atol=1e-12)
    assert both[1].stride() == both[0].stride()


def test_memory_formats():
    both = [
        torch.nn.Parameter(torch.arange(24.0).reshape(2, 3, 2, 2).to(memory_format=torch.channels_last))
        for _ in range(2)
    ]
    for w, kind in zip(both, (torch.optim.Adam, fastlr.torch.Adam), strict=True):
        opt = kind([w], lr=0.5)
        for gradient in (torch.arange(24.0).reshape(2, 3, 2, 2).cos(), torch.arange(24.0).reshape(2, 3, 2, 2).sin()):
            w.grad = gradient.to(memory_format=torch.channels_last)
            opt.step()
        assert opt.state[w]["exp_avg"].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(both[1], both[0])


def test_empty_parameters_count_their_steps():
    w = torch.nn.Parameter(torch.empty(0, 3))
    opt = fastlr.torch.AdamW([w, torch.nn.Parameter(torch.ones(1))])
    w.grad = torch.empty(0, 3)
    opt.step()
    assert opt.state[w]["step"].item() == 1
    w.grad = None
    opt.step()
    assert opt.state[w]["step"].item() == 1


def test_steps_of_any_number_of_threads_have_the_same_bits():
    found = []
    before = fastlr.get_num_threads()
    for threads in {1, before}:
        fastlr.set_num_threads(threads)
        w = torch.nn.Parameter(torch.linspace(-1, 1, 300_000))
        w.grad = torch.linspace(1, 2, 300_000)
        opt = fastlr.torch.AdamW([w])
        opt.step()
        opt.step()
        found.append(w.detach().numpy().tobytes())
    fastlr.set_num_threads(before)
    assert len(set(found)) == 1
    assert np.isfinite(np.frombuffer(found[0], np.float32)).all()
