"""Complete steps of PyTorch's parameters have the bits of fastlr's own on arrays, and PyTorch's habits around them."""

import copy
import io
import itertools
import math
import pickle
import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastlr
import fastlr.torch
from fastlr import NonFiniteError, checkpoint
from fastlr.torch import portable
from tests.torch.twins import CASES, NAMES, model

OPTIONS = {
    "unscaled": {"grad_scale": 1024.0},
    "scheduled scale": {"grad_scale": lambda step: 3.0 + step},
    "global norm": {"max_norm": 0.7},
    "group norm": {"max_norm": 0.7, "norm": "group"},
    "parameter norm": {"max_norm": 0.7, "norm": "parameter", "grad_scale": 0.3},
    "scheduled norm": {"max_norm": lambda step: 1.0 / (1 + step)},
    "value": {"clip_value": 0.4},
    "skip": {"on_nonfinite": "skip", "max_norm": 2.0},
    "ema": {"average": fastlr.EMA(decay=0.9)},
    "late uniform": {"average": fastlr.UniformAverage(start=2)},
    "reported": {"report": "full", "alpha_every": 2},
    "everything": {
        "grad_scale": 8.0,
        "on_nonfinite": "skip",
        "max_skips": 20,
        "max_norm": 0.5,
        "norm": "group",
        "clip_value": 0.05,
        "average": fastlr.EMA(decay=0.8, every=2),
        "report": "full",
        "report_every": 2,
        "alpha_every": 1,
    },
}
SHAPES = [(3, 5), (4096,), (), (9001,), (0,), (17,)]
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def draw(rng, dtype, fault=False):
    gradients = [np.asarray(rng.standard_normal(shape).astype(dtype)) for shape in SHAPES]
    if fault:
        gradients[3][rng.integers(9001)] = rng.choice([np.nan, np.inf])
    return gradients


def groups(items):
    return [{"params": items[:4]}, {"params": items[4:], "lr": 0.05}]


def bits(tensors):
    return [np.asarray(t.detach() if torch.is_tensor(t) else t).tobytes() for t in tensors]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_the_bits_of_fastlrs_own(name, kwargs, options, dtype):
    rng = np.random.default_rng(len(name))
    arrays = draw(rng, dtype)
    params = [torch.nn.Parameter(torch.from_numpy(array.copy())) for array in arrays]
    plain = getattr(fastlr, name)(groups(arrays), **kwargs, **options)
    opt = getattr(fastlr.torch, name)(groups(params), **kwargs, **options)
    for _ in range(7):
        gradients = draw(rng, dtype, fault="on_nonfinite" in options and rng.random() < 0.3)
        applied = plain.step([gradients[:4], gradients[4:]])
        for param, gradient in zip(params, gradients, strict=True):
            param.grad = torch.from_numpy(gradient)
        opt.step()
        assert opt.report.applied == applied
        assert reported(opt.report) == reported(plain.report)
    assert opt.steps == plain.steps > 0
    assert bits(params) == bits(arrays)
    symbols = opt._formula.state
    for param, state in zip(params, plain.state.values(), strict=True):
        assert bits(opt.state[param][symbols[s]] for s in state) == bits(state.values())
        counts = opt._formula.counts
        assert not counts or opt.state[param]["step"].item() == plain.steps
    if "average" in options:
        before = bits(params)
        with opt.averaged(), plain.averaged():
            assert bits(params) == bits(arrays) != before
        assert bits(params) == before


def reported(report):
    """Names are numbers in both; NaN is not equal to itself."""
    found = vars(report)
    lists = {key: list(value.values()) for key, value in found.items() if isinstance(value, dict)}
    return repr({**found, **lists, "reason": report.reason.partition("[")[2]})


@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
def test_any_order_in_memory(data, shape):
    """The sums are taken in the order of memory: as of arrays that lie so."""
    order = data.draw(st.permutations(range(len(shape))))
    lies = [shape[k] for k in order]
    back = [order.index(k) for k in range(len(shape))]
    n = math.prod(shape)
    array, first = np.linspace(-1, 1, n).reshape(lies), np.linspace(-2, 1, n)
    w = torch.nn.Parameter(torch.from_numpy(array.copy()).permute(back))
    kwargs = {"max_norm": 0.5, "average": fastlr.EMA(0.5), "on_nonfinite": "skip", "report": "full"}
    opt, plain = fastlr.torch.AdamW([w], **kwargs), fastlr.AdamW(array, **kwargs)
    for step in range(3):
        g = np.cos(step * first).reshape(lies)
        w.grad = torch.from_numpy(g).permute(back)
        if step:  # a gradient that lies otherwise is copied first
            w.grad = w.grad.contiguous()
        opt.step()
        plain.step(g)
        assert opt.report.grad_norm == plain.report.grad_norm
    assert np.array_equal(w.detach().permute(order).numpy(), array)
    with opt.averaged(), plain.averaged():
        assert np.array_equal(w.detach().permute(order).numpy(), array)


def line(n=2, **kwargs):
    """Parameters of numbers, and their optimizer."""
    params = [torch.nn.Parameter(torch.ones(3)) for _ in range(n)]
    return params, fastlr.torch.SGD(params, **{"lr": 1.0, **kwargs})


def give(params, *gradients):
    for param, gradient in zip(params, gradients, strict=True):
        param.grad = None if gradient is None else torch.as_tensor(gradient, dtype=param.dtype).expand_as(param).clone()


def everything(each, opt):
    """All that a step may change."""
    return copy.deepcopy((each.state_dict(), opt.state_dict(), opt.steps, len(opt.state)))


@pytest.mark.parametrize("when", [0, 2])
@pytest.mark.parametrize("how", ["skip", "raise"])
@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_a_skipped_step_changes_nothing(name, kwargs, how, when):
    each = model()
    opt = getattr(fastlr.torch, name)(
        each.parameters(), lr=lambda step: 0.1 / (1 + step), average=fastlr.EMA(0.5), on_nonfinite=how, **kwargs
    )
    for _ in range(when):
        backward(each, opt)
        opt.step()
    backward(each, opt)
    before, gradients = everything(each, opt), bits(param.grad for param in each.parameters())
    each[2].weight.grad[3, 1] = torch.nan
    if how == "skip":
        assert opt.step(lambda: 7.0) == 7.0
    else:
        with pytest.raises(NonFiniteError, match=r"the gradient of '2'\[3, 1\] is nan; nothing was changed"):
            opt.step()
    assert not opt.report.applied
    assert opt.report.reason == "the gradient of '2'[3, 1] is nan"
    after = everything(each, opt)
    for group in (*before[1]["param_groups"], *after[1]["param_groups"]):
        assert group.pop("complete", {"skipped": how}) is not None
    assert repr(after) == repr(before)
    each[2].weight.grad[3, 1] = 0
    opt.step()
    assert opt.report.applied
    assert opt.steps == when + 1
    assert bits(param.grad for param in each.parameters()) != gradients


def backward(each, opt):
    opt.zero_grad()
    each(torch.linspace(-1, 1, 8, dtype=torch.float64).reshape(2, 4)).square().mean().backward()


def test_too_many_skipped_steps():
    params, opt = line(on_nonfinite="skip", max_skips=1)
    give(params, torch.inf, 1.0)
    opt.step()
    with pytest.raises(NonFiniteError, match=r"fastlr.torch.SGD\(max_skips=1\): 2 steps in a row were skipped"):
        opt.step()
    assert opt.report.skipped == 2
    give(params, 1.0, 1.0)
    opt.step()
    assert (opt.report.skipped, opt.report.applied, opt.steps) == (0, True, 1)


def test_names_in_reports_and_errors():
    each = model()
    opt = fastlr.torch.AdamW(each.named_parameters(), report="full", on_nonfinite="skip")
    backward(each, opt)
    opt.step()
    assert list(opt.report.update_norm) == [name for name, _ in each.named_parameters()]
    each[0].bias.grad[2] = torch.inf
    opt.step()
    assert opt.report.reason == "the gradient of '0.bias'[2] is inf"


def test_where_in_a_tensor_a_fault_is():
    w = torch.nn.Parameter(torch.ones(2, 3, 4).permute(2, 0, 1))
    w.grad = torch.ones(4, 2, 3)
    w.grad[3, 0, 2] = torch.nan
    opt = fastlr.torch.SGD([w], on_nonfinite="skip")
    opt.step()
    assert opt.report.reason == "the gradient of '0'[3, 0, 2] is nan"


def test_a_loss_scaler():
    params, scaler = [torch.nn.Parameter(torch.zeros(1))], fastlr.LossScaler(scale=1024.0, growth_interval=2)
    opt = fastlr.torch.SGD(params, lr=1.0, grad_scale=scaler, on_nonfinite="skip")
    for loss in (1.0, torch.inf, 1.0, 1.0):
        opt.zero_grad()
        (params[0] * loss * scaler.scale).sum().backward()
        opt.step()
    assert params[0].item() == -3.0
    assert scaler.scale == 1024.0
    assert opt.report.grad_scale == 512.0


def test_parameters_without_a_gradient_have_no_part():
    params, opt = line(3, max_norm=1.0, average=fastlr.UniformAverage(), report="full", alpha_every=1)
    give(params, 0.0, 0.0, None)
    opt.step()
    assert params[2] not in opt.state
    give(params, [0.0, 3.0, 4.0], None, None)
    opt.step()
    assert opt.report.grad_norm == 5.0
    give(params, None, 3.0, None)
    opt.step()
    assert opt.report.along_last == 0.0  # it rested in the step before
    give(params, 3.0, None, None)
    opt.step()
    assert opt.report.along_last == 0.0  # its own step was before the last
    assert opt.report.along_before < 0.0
    assert params[2].tolist() == [1.0] * 3
    with opt.averaged():
        assert params[2].tolist() == [1.0] * 3
        assert params[1].tolist() == pytest.approx([1 - 3**-0.5 / 3] * 3)  # moved by a third in the third step


def test_what_rests_when_averaging_begins_is_its_own_average():
    """And not what it was long before."""
    params, opt = line(2, average=fastlr.EMA(decay=0.5, start=2))
    for gradients in ((1.0, 1.0), (1.0, 1.0), (1.0, None), (1.0, None)):
        give(params, *gradients)
        opt.step()
    with opt.averaged():
        assert params[1].tolist() == [-1.0] * 3


def test_averages_follow_their_parameters():
    """Whatever happens to the tensors."""
    each = model()
    opt = fastlr.torch.AdamW(each.parameters(), average=fastlr.UniformAverage())
    other = copy.deepcopy(each)
    straight = fastlr.torch.AdamW(other.parameters(), average=fastlr.UniformAverage())
    for step in range(6):
        for net, o in ((each, opt), (other, straight)):
            backward(net, o)
            o.step()
        if step == 1:
            for param in each.parameters():
                param.data = param.data.clone()
        if step == 2:
            each[2].weight.data = each[2].weight.data.T.contiguous().T
        if step == 3:
            for entry in opt.state.values():
                entry["average"] = entry["average"].clone()
        if step == 4:
            opt.state[each[0].weight]["average"].data = opt.state[each[0].weight]["average"].data.clone()
    with opt.averaged(), straight.averaged():
        for mine, theirs in zip(each.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)
    for param in each.parameters():
        assert opt.state[param]["average"].stride() == param.stride()


def test_counts_survive_a_new_layout():
    params, opt = line(2, on_nonfinite="skip", average=fastlr.UniformAverage(), report="basic")
    give(params, 1.0, 1.0)
    opt.step()
    give(params, torch.nan, 1.0)
    opt.step()
    params[0].data = params[0].data.clone()
    opt.step()
    assert opt.report.skipped == 2
    give(params, 1.0, 1.0)
    params[1].data = params[1].data.clone()
    opt.step()
    assert opt.report.step == 2
    with opt.averaged():
        assert params[0].tolist() == [-0.5] * 3


def test_a_parameter_of_another_shape_begins_its_average_anew():
    params, opt = line(2, average=fastlr.UniformAverage())
    for _ in range(2):
        give(params, 1.0, 1.0)
        opt.step()
    params[0].data = torch.full((4,), 5.0)
    with pytest.raises(ValueError, match=r"an average has shape \(3,\), its parameter \(4,\); make a step first"):
        opt.averaged()
    give(params, 0.0, 1.0)
    opt.step()
    with opt.averaged():
        assert params[0].tolist() == [5.0] * 4
        assert params[1].tolist() == [-1.0] * 3


def test_averaged_puts_back_whatever_happens():
    params, opt = line(2, average=fastlr.UniformAverage())
    for _ in range(2):
        give(params, 1.0, 1.0)
        opt.step()
    versions = [param._version for param in params]
    for body in (lambda: 1 / 0, lambda: params[0].data.clone()):
        try:
            with opt.averaged():
                assert params[0].tolist() == [-0.5] * 3
                body()
        except ZeroDivisionError:
            pass
        assert params[0].tolist() == [-1.0] * 3
    assert all(param._version > version for param, version in zip(params, versions, strict=True))
    give(params, 1.0, 1.0)
    opt.step()
    with opt.averaged():
        assert params[0].tolist() == [-1.0] * 3


def test_autograd_notices_averages():
    params, opt = line(1, average=fastlr.UniformAverage())
    give(params, 1.0)
    opt.step()
    loss = params[0].square().sum()
    with opt.averaged():
        pass
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_what_cannot_be_done_while_averages_are_in_place():
    params, opt = line(1, average=fastlr.EMA())
    with opt.averaged():  # nothing was averaged
        pass
    give(params, 1.0)
    opt.step()
    saved = opt.state_dict()
    asked = []
    with opt.averaged():
        for call in (
            lambda: opt.step(lambda: asked.append(1)),
            opt.state_dict,
            lambda: opt.load_state_dict(saved),
            lambda: copy.deepcopy(opt),
            lambda: opt.averaged().__enter__(),
        ):
            with pytest.raises(RuntimeError, match="averages are in place"):
                call()
    assert not asked
    opt.step()
    assert opt.steps == 2
    with pytest.raises(ValueError, match=r"fastlr.torch.SGD.averaged\(\): the optimizer must be made with average="):
        line(1)[1].averaged()


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (
            lambda params: setattr(params[1], "data", torch.ones(3, dtype=torch.float64)),
            "of one dtype, got float32 and",
        ),
        (lambda params: setattr(params[1], "data", torch.ones(3).bfloat16()), "not with bfloat16"),
        (lambda params: setattr(params[1], "data", torch.ones(6)[::2]), "not with gaps or overlaps in memory"),
        (lambda params: setattr(params[1], "data", params[0].data), "not with memory that is another's as well"),
    ],
)
@pytest.mark.parametrize("when", [0, 2])
def test_parameters_that_cannot_be_treated_together(spoil, error, when):
    params, opt = line(2, momentum=0.5, max_norm=1.0, average=fastlr.EMA())
    for _ in range(when):
        give(params, 1.0, 1.0)
        opt.step()
    data = params[1].data
    spoil(params)
    give(params, 1.0, 1.0)
    before = everything(torch.nn.ParameterList(params), opt)
    with pytest.raises(TypeError, match=rf"with max_norm, average all parameters must be .*{error}"):
        opt.step()
    if when == 0:
        assert repr(everything(torch.nn.ParameterList(params), opt)) == repr(before)
    assert opt.steps == when
    params[1].data = data
    give(params, 1.0, 1.0)
    opt.step()
    assert opt.steps == when + 1


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_norm": -1.0}, r"AdamW\(max_norm=-1.0\): max_norm must be"),
        ({"max_skips": 1}, "on_nonfinite must be 'skip'"),
        ({"average": 0.9}, "average must be a fastlr.EMA"),
        (
            {"zero_grads": True},
            r"fastlr.torch.AdamW\(zero_grads=...\): is not for PyTorch's parameters; call zero_grad",
        ),
        ({"accumulate": 2}, r"accumulate=...\): is not for PyTorch's parameters; call loss.backward\(\) several times"),
        ({"like": "keras"}, "the formula is PyTorch's"),
        ({"overrides": {}}, "pass groups of parameters"),
    ],
)
def test_options_that_are_refused(options, error):
    with pytest.raises((ValueError, TypeError), match=error):
        fastlr.torch.AdamW(model().parameters(), **options)


def optimizer(each, **more):
    return fastlr.torch.AdamW(
        each.parameters(),
        max_norm=lambda step: 1.0 / (1 + step),
        average=fastlr.EMA(0.9, start=1),
        grad_scale=fastlr.LossScaler(scale=4.0, growth_interval=2),
        on_nonfinite="skip",
        **more,
    )


def through_a_file(saved):
    buffer = io.BytesIO()
    torch.save(saved, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def by_state(both, tmp_path):
    first, opt = both
    each = model(seed=1)
    mine = optimizer(each)
    each.load_state_dict(first.state_dict())
    mine.load_state_dict(through_a_file(opt.state_dict()))
    return each, mine


def by_pytorchs(both, tmp_path):
    """The state goes through PyTorch's optimizer of that name."""
    first, opt = both
    theirs = torch.optim.AdamW(first.parameters())
    theirs.load_state_dict(through_a_file(opt.state_dict()))
    each = copy.deepcopy(first)
    mine = optimizer(each)
    mine.load_state_dict(through_a_file(theirs.state_dict()))
    return each, mine


def by_checkpoint(both, tmp_path):
    checkpoint.save(tmp_path / "run", portable(both[1]), model=portable(both[0]))
    each = model(seed=1)
    mine = optimizer(each)
    checkpoint.load(tmp_path / "run", portable(mine), model=portable(each))
    return each, mine


def by_copy(both, tmp_path):
    return copy.deepcopy(both)


@pytest.mark.parametrize("way", [by_state, by_pytorchs, by_checkpoint, by_copy], ids=lambda way: way.__name__)
def test_checkpoints_carry_everything(way, tmp_path):
    first = model()
    both = first, optimizer(first)
    train(both, [1.0, 1.0, torch.inf, 1.0, torch.nan])
    again = way(both, tmp_path)
    assert again[1].steps == both[1].steps == 3
    for pair in (both, again):
        train(pair, [torch.inf, 1.0, 1.0])
    assert bits(again[0].parameters()) == bits(both[0].parameters())
    with both[1].averaged(), again[1].averaged():
        assert bits(again[0].parameters()) == bits(both[0].parameters())
    assert both[1].state_dict()["param_groups"] == again[1].state_dict()["param_groups"]
    assert "complete" not in both[1].param_groups[0]


def train(both, factors):
    each, opt = both
    for factor in factors:
        backward(each, opt)
        for param in each.parameters():
            param.grad *= factor * 4
        opt.step()


def test_pickles_keep_what_they_can():
    params, opt = line(1, average=fastlr.EMA(0.5), on_nonfinite="skip", max_norm=0.5)
    give(params, 1.0)
    opt.step()
    give(params, torch.nan)
    opt.step()
    other = pickle.loads(pickle.dumps(opt))
    for o in (opt, other):
        (param,) = o.param_groups[0]["params"]
        param.grad = torch.full((3,), torch.nan)
        o.step()
        assert o.report.skipped == 2
        param.grad = torch.ones(3)
        o.step()
    one, two = (o.param_groups[0]["params"][0] for o in (opt, other))
    assert torch.equal(one, two)
    assert torch.equal(opt.state[one]["average"], other.state[two]["average"])


def test_pytorch_goes_on_with_a_state_that_has_averages():
    each = model()
    both = each, optimizer(each)
    train(both, [1.0, 1.0])
    other = copy.deepcopy(each)
    theirs, plain = torch.optim.AdamW(other.parameters()), fastlr.torch.AdamW(each.parameters())
    for o in (theirs, plain):
        o.load_state_dict(through_a_file(both[1].state_dict()))
        net = other if o is theirs else each
        backward(net, o)
        o.step()
    for a, b in zip(each.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


def test_a_state_of_pytorchs_begins_averages_anew():
    each = model()
    theirs = torch.optim.AdamW(each.parameters())
    train((each, theirs), [1.0, 1.0])
    mine = optimizer(each)
    mine.load_state_dict(theirs.state_dict())
    assert mine.steps == 2
    train((each, mine), [1.0])
    before = bits(each.parameters())
    with mine.averaged():
        assert bits(each.parameters()) == before


def test_a_state_that_cannot_be_loaded_changes_nothing():
    each = model()
    opt = optimizer(each)
    train((each, opt), [1.0])
    saved = through_a_file(opt.state_dict())
    saved["param_groups"][0]["complete"]["skipped"] = -1
    saved["param_groups"][0]["lr"] = 7.0
    before = repr(opt.state_dict())
    with pytest.raises(ValueError, match="skipped must be"):
        opt.load_state_dict(saved)
    assert repr(opt.state_dict()) == before


def test_reports_without_options():
    params, opt = line(1, lr=lambda step: 0.5)
    assert opt.report is None
    give(params, 1.0)
    opt.step()
    assert opt.report == fastlr.Report(1, True, "", (0.5,), 0, 1.0)


def test_threads_change_nothing():
    found = []
    before = fastlr.get_num_threads()
    for threads in {1, before}:
        fastlr.set_num_threads(threads)
        params = [torch.nn.Parameter(torch.linspace(-1, 1, n)) for n in (300_000, 7)]
        opt = fastlr.torch.AdamW(params, max_norm=0.1, average=fastlr.EMA(), on_nonfinite="skip", report="full")
        for _ in range(2):
            for param in params:
                param.grad = param.detach().sin()
            opt.step()
        found.append((bits(params), bits(opt.state[p]["average"] for p in params), opt.report))
    fastlr.set_num_threads(before)
    assert found[0] == found[-1]


def test_a_step_without_any_gradient():
    params, opt = line(2, max_norm=1.0, average=fastlr.EMA())
    opt.step()
    assert opt.report is None
    give(params, 1.0, 1.0)
    opt.step()
    opt.zero_grad()
    opt.step()
    assert opt.report.grad_norm == 0.0
    assert opt.steps == 3


def test_nothing_is_laid_out_anew_for_skipped_steps(monkeypatch):
    made = []
    original = fastlr.torch.stepping.Layout
    monkeypatch.setattr(fastlr.torch.stepping, "Layout", lambda *args: made.append(1) or original(*args))
    params, opt = line(2, on_nonfinite="skip", average=fastlr.EMA())
    for factor in itertools.chain([1.0], [torch.nan, 1.0] * 5):
        give(params, factor, 1.0)
        opt.step()
    assert len(made) == 1


def test_gradients_of_skipped_steps_are_let_go():
    params, opt = line(1, on_nonfinite="skip")
    for factor in (1.0, torch.nan):
        give(params, factor)
        gradient = weakref.ref(params[0].grad)
        opt.step()
        assert opt.report.applied == (factor == 1.0)
        opt.zero_grad()
        assert gradient() is None
