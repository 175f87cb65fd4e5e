"""PyTorch's optimizer for sparse gradients alone."""

from typing import Any

import torch
from torch.optim.optimizer import ParamsT

from fastlr.rules.base import Backend, Denormals
from fastlr.rules.settings import Schedulable
from fastlr.torch.base import Optimizer
from fastlr.torch.formulas import SPARSE_ADAM
from fastlr.torch.optimizers import Pair, Rate


class SparseAdam(Optimizer, torch.optim.SparseAdam):
    """`torch.optim.SparseAdam`, stepped by fastlr: the rows that a sparse gradient has, where they are.

    Parameters
    ----------
    params : iterable of tensors, of (str, tensor), or of groups
    lr : float, tensor or callable of the step
        Learning rate.
    betas : pair of float, tensor or callable of the step
        As PyTorch's.
    eps : float or callable of the step
        As PyTorch's.
    maximize : bool
        As PyTorch's.
    backend, denormals
        See `fastlr.torch.Options`; what a step does around the update is for steps of whole tensors.

    Examples
    --------
    >>> import torch, fastlr.torch
    >>> table = torch.nn.Embedding(1000, 2, sparse=True)
    >>> opt = fastlr.torch.SparseAdam(table.parameters(), lr=0.25)
    >>> before = table.weight[7].detach().clone()
    >>> table(torch.tensor([7, 999, 7])).sum().backward()
    >>> opt.step()
    >>> before - table.weight[7]
    tensor([0.2500, 0.2500], grad_fn=<SubBackward0>)
    """

    _formula, _torchs = SPARSE_ADAM, torch.optim.SparseAdam

    def __init__(
        self,
        params: ParamsT,
        lr: Rate = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: Schedulable = 1e-8,
        maximize: bool = False,
        *,
        backend: Backend = "auto",
        denormals: Denormals = "keep",
    ) -> None:
        number: Any = self._prepare({"backend": backend, "denormals": denormals}).number
        super().__init__(params, number("lr", lr), number("betas", betas), number("eps", eps), maximize)
        self._prepared()
