"""Compiled models, compiled steps, and workers that are forked."""

import os

import pytest
import torch

import fastlr.torch
from tests.torch.twins import Twins, model


@pytest.mark.parametrize("backend", ["aot_eager"])
def test_compiled_models(backend):
    twins = Twins("AdamW", {})
    twins.models = [torch.compile(each, backend=backend) for each in twins.models]
    for _ in range(3):
        twins.step()
    theirs, ours = (list(each.parameters()) for each in twins.models)
    for a, b in zip(theirs, ours, strict=True):
        torch.testing.assert_close(b, a, rtol=0, atol=1e-12)


def test_compiled_steps():
    """PyTorch's compiler passes them by."""
    twins = Twins("AdamW", {})
    step = torch.compile(lambda: twins.optimizers[1].step(), backend="eager")
    for _ in range(3):
        twins.backward()
        twins.optimizers[0].step()
        step()
    twins.check()


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, k):
        return torch.full((4,), float(k), dtype=torch.float64), os.getpid()


def test_loaders_with_forked_workers():
    each = model()
    opt = fastlr.torch.AdamW(each.parameters())
    loader = torch.utils.data.DataLoader(Rows(), batch_size=2, num_workers=1, multiprocessing_context="fork")
    workers = set()
    for _ in range(2):
        for x, pids in loader:
            workers |= set(pids.tolist())
            opt.zero_grad()
            each(x).square().mean().backward()
            opt.step()
    assert os.getpid() not in workers
    assert {entry["step"].item() for entry in opt.state.values()} == {6.0}


def test_a_forked_process_steps_its_own_copy():
    each = model()
    opt = fastlr.torch.AdamW(each.parameters(), lr=0.5)
    each(torch.ones(1, 4, dtype=torch.float64)).sum().backward()
    opt.step()
    before = [param.detach().clone() for param in each.parameters()]
    pid = os.fork()
    if pid == 0:
        opt.step()
        os._exit(0 if opt.state[each[0].weight]["step"].item() == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert all(torch.equal(a, b) for a, b in zip(each.parameters(), before, strict=True))
