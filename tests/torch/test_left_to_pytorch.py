"""What the engine cannot step where it is, PyTorch's own code steps, on the same state; a warning says so once."""

import warnings

import pytest
import torch

import fastlr.torch

LEFT = "fastlr.torch.{}: PyTorch's own code, which is slower, steps {} of the parameters, because of {}"


def pair(make, name="Adam", **settings):
    """The same parameters twice, and both optimizers."""
    both = [make(), make()]
    kinds = (getattr(torch.optim, name), getattr(fastlr.torch, name))
    return both, [kind(params, **settings) for kind, params in zip(kinds, both, strict=True)]


def step(both, opts, gradient):
    for params, opt in zip(both, opts, strict=True):
        for param in params:
            param.grad = gradient(param)
        opt.step()


def check(both):
    for theirs, ours in zip(*both, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def odd(tensor):
    return lambda: [torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(tensor())]


def sparse(param):
    """A gradient with every second row."""
    indices = torch.arange(1, len(param), 2)[None]
    values = torch.ones(indices.shape[1], *param.shape[1:])
    return torch.sparse_coo_tensor(indices, values, param.shape, check_invariants=True)


def spaced():
    return torch.ones(6)[::2]


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (lambda: torch.ones(3, dtype=torch.bfloat16), "bfloat16"),
        (lambda: torch.ones(3, dtype=torch.float16), "float16"),
        (lambda: torch.ones(3, dtype=torch.complex64), "complex64"),
        (spaced, "gaps or overlaps in memory"),
        (lambda: torch.ones(3, device="meta"), "the device meta"),
    ],
)
@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adam", "AdamW"])
def test_tensors(name, tensor, reason):
    both, opts = pair(odd(tensor), name, lr=0.1)
    with pytest.warns(UserWarning, match=LEFT.format(name, 1, reason)):
        step(both, opts, torch.ones_like)
    step(both, opts, torch.ones_like)  # a second warning would be an error
    if "meta" not in reason:
        check(both)
    else:
        check([params[:1] for params in both])


def test_the_first_step_beside_others_is_a_first_step():
    """PyTorch does not dampen it."""
    both, opts = pair(odd(lambda: torch.ones(3, dtype=torch.bfloat16)), "SGD", lr=0.1, momentum=0.9, dampening=0.5)
    with pytest.warns(UserWarning, match="bfloat16"):
        step(both, opts, torch.ones_like)
    step(both, opts, torch.ones_like)
    check(both)


def test_the_first_step_after_one_that_failed_is_a_first_step(monkeypatch):
    both, opts = pair(odd(lambda: torch.ones(3, dtype=torch.bfloat16)), "SGD", lr=0.1, momentum=0.9, dampening=0.5)
    with monkeypatch.context() as patched:
        patched.setattr(torch.optim.SGD, "step", lambda opt: 1 / 0)
        with pytest.warns(UserWarning, match="bfloat16"), pytest.raises(ZeroDivisionError):
            step(both[1:], opts[1:], torch.ones_like)
    step(both, opts, torch.ones_like)
    step(both, opts, torch.ones_like)
    check(both)


@pytest.mark.filterwarnings("ignore:Sparse invariant")  # of what PyTorch's code makes
def test_sparse_momentum():
    """PyTorch's buffer is sparse then."""
    make = lambda: [torch.nn.Parameter(torch.ones(4, 2)), torch.nn.Parameter(torch.ones(3))]  # noqa: E731
    both, opts = pair(make, "SGD", lr=0.1, momentum=0.9)

    def gradient(param):
        return sparse(param) if param.ndim == 2 else torch.ones(3)

    with pytest.warns(UserWarning, match=LEFT.format("SGD", 1, "sparse gradients")) as caught:
        step(both, opts, gradient)
    assert [warning.filename for warning in caught if "fastlr" in str(warning.message)] == [__file__]
    step(both, opts, gradient)
    check(both)
    assert opts[1].state[both[1][0]]["momentum_buffer"].is_sparse


def test_sparse_gradients_that_pytorch_refuses_change_nothing():
    both, opts = pair(lambda: [torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(torch.ones(4))], "Adam")
    step(both, opts, torch.ones_like)
    before = both[1][0].detach().clone()
    with pytest.warns(UserWarning, match="sparse"), pytest.raises(RuntimeError, match="does not support sparse"):
        step(both[1:], opts[1:], lambda param: sparse(param) if len(param) == 4 else param.data)
    assert torch.equal(both[1][0], before)
    assert opts[1].state[both[1][0]]["step"].item() == 1


def test_a_parameter_comes_back_to_the_engine():
    """As a model that is half precision for a while, or on another device."""
    w = torch.nn.Parameter(torch.ones(3))
    opt = fastlr.torch.SGD([w], lr=0.25)
    for dtype in (torch.float32, torch.bfloat16, torch.float32):
        w.data = w.data.to(dtype)
        w.grad = torch.ones(3, dtype=dtype)
        if dtype == torch.bfloat16:
            with pytest.warns(UserWarning, match="bfloat16"):
                opt.step()
        else:
            opt.step()
    assert w.tolist() == [0.25] * 3
    assert opt._layout.memory.has(0)


def test_memory_that_two_parameters_share():
    """PyTorch steps one after the other."""

    def make():
        memory = torch.arange(6.0)
        return [torch.nn.Parameter(memory[:4]), torch.nn.Parameter(memory[2:])]

    both, opts = pair(make, "SGD", lr=0.5, momentum=0.9)
    with pytest.warns(UserWarning, match="memory that is another's as well"):
        step(both, opts, torch.ones_like)
    step(both, opts, lambda param: 2 * torch.ones_like(param))
    check(both)


def test_a_parameter_that_is_there_twice():
    both = [[torch.nn.Parameter(torch.ones(3))] * 2 for _ in range(2)]
    opts = []
    for params, kind in zip(both, (torch.optim.Adam, fastlr.torch.Adam), strict=True):
        with pytest.warns(UserWarning, match="duplicate parameters"):
            opts.append(kind(params, lr=0.1))
    with pytest.warns(UserWarning, match="memory that is another's"):
        step(both, opts, torch.ones_like)
    step(both, opts, torch.ones_like)
    check(both)
    assert opts[1].state[both[1][0]]["step"].item() == opts[0].state[both[0][0]]["step"].item() == 4


def test_gradients_flow_through_differentiable_steps():
    results = []
    for kind in (torch.optim.SGD, fastlr.torch.SGD):
        rate = torch.tensor(0.5, requires_grad=True)
        w = torch.ones(2, requires_grad=True).clone()
        w.retain_grad()
        w.grad = torch.tensor([1.0, 2.0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind([w], lr=rate, differentiable=True).step()
        w.sum().backward()
        results.append(rate.grad)
    assert results[0].item() == results[1].item() == -3.0


class Wrapped(torch.Tensor):
    """Dispatches by itself, so its numbers may be elsewhere."""

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError("asked")


class Marked(torch.nn.Parameter):
    """Only adds to a parameter."""


def test_subclasses():
    w = Marked(torch.ones(2))
    w.grad = torch.ones(2)
    opt = fastlr.torch.SGD([w], lr=0.5)
    opt.step()
    assert w.tolist() == [0.5, 0.5]
    assert opt._layout.memory.has(0)
    wrapped = torch.Tensor._make_wrapper_subclass(Wrapped, (2,))
    assert fastlr.torch.tensors.local(wrapped) is None
