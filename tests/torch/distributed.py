"""A process of two that train together; prints the names of the ways that gave what one optimizer of PyTorch's gives.

python -m tests.torch.distributed RANK STORE
"""

import sys

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh

import fastlr.torch
from tests.torch.twins import TOLERANCE, model

STEPS = 4


def batch(step, rank):
    return torch.randn(8, 4, generator=torch.Generator().manual_seed(10 * step + rank), dtype=torch.float64)


def expected():
    """By one process: the mean gradient of both batches."""
    each = model()
    opt = torch.optim.AdamW(each.parameters(), lr=0.01)
    for step in range(STEPS):
        opt.zero_grad()
        sum(each(batch(step, rank)).square().mean() / 2 for rank in range(2)).backward()
        opt.step()
    return each, opt


def zero(rank):
    """Each process has the state of a part of the parameters."""
    from torch.distributed.optim import ZeroRedundancyOptimizer

    each = model()
    parallel = torch.nn.parallel.DistributedDataParallel(each)
    opt = ZeroRedundancyOptimizer(parallel.parameters(), optimizer_class=fastlr.torch.AdamW, lr=0.01)
    for step in range(STEPS):
        opt.zero_grad()
        parallel(batch(step, rank)).square().mean().backward()
        opt.step()
    opt.consolidate_state_dict(to=0)
    if rank == 0:
        saved, wanted = opt.state_dict()["state"], expected()[1].state_dict()["state"]
        for k, entry in wanted.items():
            torch.testing.assert_close(saved[k]["exp_avg"], entry["exp_avg"], rtol=0, atol=TOLERANCE[torch.float64])
            assert saved[k]["step"].item() == STEPS
    return list(each.parameters())


def fsdp(rank):
    """Each process has a part of every parameter, kept on the CPU."""
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict
    from torch.distributed.fsdp import CPUOffloadPolicy, fully_shard

    each = model()
    mesh = init_device_mesh("cpu", (2,))
    offload = CPUOffloadPolicy(pin_memory=False)
    for layer in each[::2]:
        fully_shard(layer, mesh=mesh, offload_policy=offload)
    fully_shard(each, mesh=mesh, offload_policy=offload)
    opt = fastlr.torch.AdamW(each.parameters(), lr=0.01)
    for step in range(STEPS):
        opt.zero_grad()
        each(batch(step, rank)).square().mean().backward()
        opt.step()
    assert opt._layout.memory.has(0)
    with pytest.raises(TypeError, match=r"must be whole tensors, got parts of distributed ones"):
        fastlr.torch.AdamW(each.parameters(), max_norm=1.0).step()
    saved = get_optimizer_state_dict(each, opt)
    assert saved["state"]["0.weight"]["exp_avg"].full_tensor().shape == (6, 4)
    return [param.full_tensor() for param in each.parameters()]


def main(rank, store):
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    for train in (zero, fsdp):
        for ours, theirs in zip(train(rank), expected()[0].parameters(), strict=True):
            torch.testing.assert_close(ours.detach(), theirs.detach(), rtol=0, atol=TOLERANCE[torch.float64])
        print(train.__name__)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
