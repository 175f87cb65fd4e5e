"""Every input of every optimizer in PyTorch's own test database, PyTorch's class against fastlr's; prints a line each.

Run in a process of its own: the database brings PyTorch's test suite, which changes settings of the process.
"""

import copy
import warnings

import pytest
import torch
from torch.testing._internal import common_optimizers as database

import fastlr.torch

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6}
STEPS = 10


def parameters(dtype):
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        tensor = torch.randn(shape, generator=generator, dtype=dtype)
        last = torch.channels_last if tensor.ndim == 4 else torch.contiguous_format
        return torch.nn.Parameter(tensor.to(memory_format=last))

    transposed = torch.nn.Parameter(torch.randn(3, 5, generator=generator, dtype=dtype).T)
    return [normal(4, 3), normal(7), normal(), transposed, normal(2, 3, 4, 4)]


def trained(kind, kwargs, dtype):
    """Parameters, and the state in the order of the parameters, after some steps; one gradient comes and goes."""
    params = parameters(dtype)
    if kwargs.get("differentiable"):  # then PyTorch refuses leaves that require gradients
        params = [param.detach() for param in params]
    if issubclass(kind, torch.optim.SparseAdam):
        params = [param for param in params if param.ndim]
    groups = [{"params": params[:2]}, {"params": params[2:], "weight_decay": 0.05}]
    opt = kind(groups, **copy.deepcopy(kwargs))
    generator = torch.Generator().manual_seed(1)
    for step in range(STEPS):
        for k, param in enumerate(params):
            gradient = torch.randn(param.shape, generator=generator, dtype=dtype)
            if kwargs.get("fused"):  # PyTorch's pairs the wrong elements where a gradient lies otherwise
                gradient = torch.empty_like(param, requires_grad=False).copy_(gradient)
            if issubclass(kind, torch.optim.SparseAdam):  # in one dimension, or in all
                gradient = torch.where(gradient > 0, gradient, 0).to_sparse(*[1] * (k < 2))
            param.grad = None if k == 1 and step % 3 == 1 else gradient
        opt.step()
    state = [opt.state.get(param, {}) for param in params]
    return [param.detach() for param in params], state


def far(one, other):
    """The largest difference, relative for numbers above 1: sums of squares grow."""
    return max(((a - b).abs() / a.abs().clamp(min=1)).max().item() for a, b in zip(one, other, strict=True))


def check_input(kind, mine, kwargs, dtype, desc):
    theirs, ours = (trained(each, kwargs, dtype) for each in (kind, mine))
    names = [sorted(each) for each in ours[1]]
    assert names == [sorted(each) for each in theirs[1]], (names, desc)
    tensors = [
        [entry[name] for entry in state for name in sorted(entry) if torch.is_tensor(entry[name])]
        for _, state in (theirs, ours)
    ]
    distance = max(far(theirs[0], ours[0]), far(*tensors) if tensors[0] else 0.0)
    # PyTorch's SparseAdam rounds the step's length to a rate's float32 where that is a tensor.
    rounded = issubclass(kind, torch.optim.SparseAdam) and torch.is_tensor(kwargs.get("lr"))
    assert distance <= max(TOLERANCE[dtype], 1e-9 * rounded), (mine, desc, dtype, distance)
    print(f"input {mine.__name__} {dtype} {desc}: {distance:.1e}")


def check_error(mine, error, dtype):
    case = error.optimizer_error_input
    params = [torch.nn.Parameter(torch.randn(2, 3, dtype=dtype))] if case.params is None else case.params
    if issubclass(error.error_type, Warning):
        with pytest.warns(error.error_type, match=error.error_regex):
            mine(params, **case.kwargs)
    else:
        with pytest.raises(error.error_type, match=error.error_regex) as caught:
            mine(params, **case.kwargs).step()
        assert caught.type is error.error_type
    print(f"error {mine.__name__} {dtype} {case.desc}")


def main():
    warnings.filterwarnings("ignore", "fastlr.torch.*PyTorch's own code")  # differentiable
    warnings.filterwarnings("ignore", "Sparse invariant")
    for info in database.optim_db:
        mine = getattr(fastlr.torch, info.optim_cls.__name__, None)
        if mine is None:
            continue
        for dtype in TOLERANCE:
            inputs = database._get_optim_inputs_including_global_cliquey_kwargs("cpu", dtype, info)
            for case in inputs:
                check_input(info.optim_cls, mine, case.kwargs, dtype, case.desc)
            for error in info.optim_error_inputs_func("cpu", dtype):
                check_error(mine, error, dtype)


if __name__ == "__main__":
    main()
