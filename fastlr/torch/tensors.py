"""Which tensors the engine can step where they are."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from fastlr.torch import memory

DTYPES = (torch.float32, torch.float64)
SPARSE = "sparse gradients"


def local(tensor: Tensor) -> Tensor | None:
    """The tensor that has the memory: this process's part of a distributed one; None where another may be meant.

    A subclass that only adds to `Tensor` is one itself; what dispatches by itself may keep its numbers elsewhere.
    """
    distributed = sys.modules.get("torch.distributed.tensor")  # where nobody imported it, there are none
    if distributed is not None and isinstance(tensor, distributed.DTensor):
        part: Tensor = tensor._local_tensor
        wait = getattr(part, "wait", None)  # of a collective operation that is still under way
        return wait() if callable(wait) else part
    return tensor if type(tensor).__torch_dispatch__ is Tensor.__torch_dispatch__ else None


def _references(tensor: Tensor) -> int:
    """Of tensors to the memory of one, and of variables to the object that stands for it."""
    storage = tensor.untyped_storage()
    return int(torch._C._storage_Use_Count(storage._cdata)) + sys.getrefcount(storage)


def use_exchange() -> None:
    """Let `fastlr.torch.memory` read tensors as PyTorch offers it in C."""
    exchange = getattr(Tensor, "__dlpack_c_exchange_api__", None)
    if exchange is None:
        raise ImportError(f"fastlr.torch needs PyTorch 2.10 or newer, got {torch.__version__}: update torch")
    memory.use(exchange, Tensor, Parameter, local, _count_others())


def _count_others() -> Callable[[Tensor], int] | None:
    """What counts who else has a tensor's memory; None where PyTorch does not say, and all is looked at each time."""
    if getattr(torch._C, "_storage_Use_Count", None) is None:
        return None
    own = _references(torch.zeros(1))
    return lambda tensor: _references(tensor) - own


def why_not(param: Tensor, gradient: Tensor | None, group: dict[str, Any]) -> str | None:
    """What keeps the engine from stepping a parameter, in a few words; None if nothing does."""
    for option in ("capturable", "differentiable"):
        if group.get(option):
            return f"{option}=True"
    if gradient is not None and gradient.layout is not torch.strided:
        return SPARSE
    tensor = local(param)
    if tensor is None:
        return f"the type {type(param).__name__}"
    if tensor.device.type != "cpu":
        return f"the device {tensor.device.type}"
    if tensor.dtype not in DTYPES:
        return str(tensor.dtype).removeprefix("torch.")
    if tensor.layout is not torch.strided or not is_dense(tensor):
        return "gaps or overlaps in memory"
    if tensor.is_neg() or tensor.is_inference() or (tensor.numel() and not tensor.untyped_storage().nbytes()):
        return "no memory of its own"
    return None


def is_dense(tensor: Tensor) -> bool:
    """Whether the elements fill a stretch of memory, each once, in whatever order."""
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size == 0:
            return True
        if size > 1:
            if stride != expected:
                return False
            expected *= size
    return True


def index_at(shape: Sequence[int], strides: Sequence[int], offset: int) -> tuple[int, ...]:
    """The index of the element that lies so many elements behind the first of a dense tensor."""
    index = [0] * len(shape)
    for k in sorted(range(len(shape)), key=lambda k: strides[k], reverse=True):
        if shape[k] > 1:
            index[k], offset = divmod(offset, strides[k])
    return tuple(index)


def alike(tensor: Any, param: Tensor) -> bool:
    """Whether a tensor of the state lies in memory as its parameter does, so that a kernel can pair their elements."""
    if not isinstance(tensor, Tensor):
        return False
    here, there = local(tensor), local(param)
    if here is None or there is None or here.layout is not torch.strided:
        return False
    strides = zip(here.shape, here.stride(), there.stride(), strict=True)
    return (
        (here.dtype, here.device, here.shape) == (there.dtype, there.device, there.shape)
        and all(one == other or size == 1 for size, one, other in strides)
        and not here.is_neg()
    )
