"""PyTorch's optimizers as fastlr makes their steps: the same names, arguments and defaults."""

from typing import TypeAlias

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT
from typing_extensions import Unpack

from fastlr import rules
from fastlr.rules.settings import Schedulable
from fastlr.torch.base import Optimizer
from fastlr.torch.formulas import FORMULAS
from fastlr.torch.options import Options

Rate: TypeAlias = Schedulable | Tensor
"""A number, a tensor of one, or a function of the 0-based step."""
Pair: TypeAlias = tuple[Rate, Rate]


class SGD(Optimizer, torch.optim.SGD):
    """`torch.optim.SGD`, stepped by fastlr.

    Parameters
    ----------
    params : iterable of tensors, of (str, tensor), or of groups
    lr : float, tensor or callable of the step
        Learning rate.
    momentum, dampening, weight_decay : float or callable of the step
        As PyTorch's.
    nesterov, maximize : bool
        As PyTorch's.
    foreach, fused : bool, optional
        For the sake of PyTorch's signature: they change nothing.
    differentiable : bool
        Leave all to PyTorch's code, through which gradients can flow.
    **options
        `max_norm`, `on_nonfinite`, `average`, `report`, `backend`, ...: see `fastlr.torch.Options`.

    Examples
    --------
    >>> import torch, fastlr.torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> opt = fastlr.torch.SGD([w], lr=0.5, momentum=0.9)
    >>> w.sum().backward()
    >>> opt.step()
    >>> w.data
    tensor([0.5000, 1.5000])
    """

    _formula, _torchs = FORMULAS[rules.SGD], torch.optim.SGD

    def __init__(
        self,
        params: ParamsT,
        lr: Rate = 1e-3,
        momentum: Schedulable = 0,
        dampening: Schedulable = 0,
        weight_decay: Rate = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
        **options: Unpack[Options],
    ) -> None:
        number = self._prepare(options).number
        super().__init__(
            params,
            number("lr", lr),
            number("momentum", momentum),
            number("dampening", dampening),
            number("weight_decay", weight_decay),
            nesterov,
            maximize=maximize,
            foreach=foreach,
            differentiable=differentiable,
            fused=fused,
        )
        self._prepared()


class Adagrad(Optimizer, torch.optim.Adagrad):
    """`torch.optim.Adagrad`, stepped by fastlr.

    Parameters
    ----------
    params : iterable of tensors, of (str, tensor), or of groups
    lr : float, tensor or callable of the step
        Learning rate.
    lr_decay, weight_decay, eps : float or callable of the step
        As PyTorch's.
    initial_accumulator_value : float
        What the sums of squares start at.
    maximize : bool
        As PyTorch's.
    foreach, fused : bool, optional
        For the sake of PyTorch's signature: they change nothing.
    differentiable : bool
        Leave all to PyTorch's code, through which gradients can flow.
    **options
        `max_norm`, `on_nonfinite`, `average`, `report`, `backend`, ...: see `fastlr.torch.Options`.

    Examples
    --------
    >>> import torch, fastlr.torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> opt = fastlr.torch.Adagrad([w], lr=0.5, eps=0.0)
    >>> (3 * w).sum().backward()
    >>> opt.step()
    >>> w.data
    tensor([0.5000])
    """

    _formula, _torchs = FORMULAS[rules.Adagrad], torch.optim.Adagrad

    def __init__(
        self,
        params: ParamsT,
        lr: Rate = 1e-2,
        lr_decay: Schedulable = 0,
        weight_decay: Schedulable = 0,
        initial_accumulator_value: float = 0,
        eps: Schedulable = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        **options: Unpack[Options],
    ) -> None:
        number = self._prepare(options).number
        super().__init__(
            params,
            number("lr", lr),
            number("lr_decay", lr_decay),
            number("weight_decay", weight_decay),
            initial_accumulator_value,
            number("eps", eps),
            foreach,
            maximize=maximize,
            differentiable=differentiable,
            fused=fused,
        )
        self._prepared()


class RMSprop(Optimizer, torch.optim.RMSprop):
    """`torch.optim.RMSprop`, stepped by fastlr.

    Parameters
    ----------
    params : iterable of tensors, of (str, tensor), or of groups
    lr : float, tensor or callable of the step
        Learning rate.
    alpha, eps, weight_decay, momentum : float or callable of the step
        As PyTorch's.
    centered, maximize : bool
        As PyTorch's; where PyTorch takes the root of a variance that rounding made negative, fastlr takes it for 0.
    capturable, differentiable : bool
        Leave all to PyTorch's code.
    foreach : bool, optional
        For the sake of PyTorch's signature: it changes nothing.
    **options
        `max_norm`, `on_nonfinite`, `average`, `report`, `backend`, ...: see `fastlr.torch.Options`.

    Examples
    --------
    >>> import torch, fastlr.torch
    >>> w = torch.nn.Parameter(torch.tensor([1.0]))
    >>> opt = fastlr.torch.RMSprop([w], lr=0.25, alpha=0.75, eps=0.0)
    >>> (4 * w).sum().backward()
    >>> opt.step()
    >>> w.data  # 1 - 0.25 * 4 / sqrt(0.25 * 16)
    tensor([0.5000])
    """

    _formula, _torchs = FORMULAS[rules.RMSprop], torch.optim.RMSprop

    def __init__(
        self,
        params: ParamsT,
        lr: Rate = 1e-2,
        alpha: Schedulable = 0.99,
        eps: Schedulable = 1e-8,
        weight_decay: Schedulable = 0,
        momentum: Schedulable = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        **options: Unpack[Options],
    ) -> None:
        number = self._prepare(options).number
        super().__init__(
            params,
            number("lr", lr),
            number("alpha", alpha),
            number("eps", eps),
            number("weight_decay", weight_decay),
            number("momentum", momentum),
            centered,
            capturable,
            foreach,
            maximize,
            differentiable,
        )
        self._prepared()


class Adam(Optimizer, torch.optim.Adam):
    """`torch.optim.Adam`, stepped by fastlr.

    Parameters
    ----------
    params : iterable of tensors, of (str, tensor), or of groups
    lr : float, tensor or callable of the step
        Learning rate.
    betas : pair of float, tensor or callable of the step
        As PyTorch's.
    eps, weight_decay : float or callable of the step
        As PyTorch's.
    amsgrad, maximize, decoupled_weight_decay : bool
        As PyTorch's.
    foreach, fused : bool, optional
        For the sake of PyTorch's signature: they change nothing.
    capturable, differentiable : bool
        Leave all to PyTorch's code.
    **options
        `max_norm`, `on_nonfinite`, `average`, `report`, `backend`, ...: see `fastlr.torch.Options`.

    Examples
    --------
    >>> import torch, fastlr.torch
    >>> w = torch.nn.Parameter(torch.ones(3))
    >>> opt = fastlr.torch.Adam([w], lr=0.25)
    >>> (w * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    >>> opt.step()
    >>> w.data
    tensor([0.7500, 0.7500, 0.7500])
    """

    _formula, _torchs = FORMULAS[rules.Adam], torch.optim.Adam

    def __init__(
        self,
        params: ParamsT,
        lr: Rate = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: Schedulable = 1e-8,
        weight_decay: Schedulable = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        **options: Unpack[Options],
    ) -> None:
        number = self._prepare(options).number
        super().__init__(
            params,
            number("lr", lr),
            number("betas", betas),
            number("eps", eps),
            number("weight_decay", weight_decay),
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=decoupled_weight_decay,
        )
        self._prepared()


class AdamW(Optimizer, torch.optim.AdamW):
    """`torch.optim.AdamW`, stepped by fastlr.

    Parameters
    ----------
    params : iterable of tensors, of (str, tensor), or of groups
    lr : float, tensor or callable of the step
        Learning rate.
    betas : pair of float, tensor or callable of the step
        As PyTorch's.
    eps, weight_decay : float or callable of the step
        As PyTorch's.
    amsgrad, maximize : bool
        As PyTorch's.
    foreach, fused : bool, optional
        For the sake of PyTorch's signature: they change nothing.
    capturable, differentiable : bool
        Leave all to PyTorch's code.
    **options
        `max_norm`, `on_nonfinite`, `average`, `report`, `backend`, ...: see `fastlr.torch.Options`.

    Examples
    --------
    >>> import torch, fastlr.torch
    >>> model = torch.nn.Linear(3, 1)
    >>> opt = fastlr.torch.AdamW(model.parameters(), lr=fastlr.schedules.Cosine(1e-3, total=100))
    >>> model(torch.ones(8, 3)).square().mean().backward()
    >>> opt.step()
    >>> opt.zero_grad()
    >>> opt.state[model.bias]["step"]
    tensor(1.)
    """

    _formula, _torchs = FORMULAS[rules.AdamW], torch.optim.AdamW

    def __init__(
        self,
        params: ParamsT,
        lr: Rate = 1e-3,
        betas: Pair = (0.9, 0.999),
        eps: Schedulable = 1e-8,
        weight_decay: Schedulable = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        **options: Unpack[Options],
    ) -> None:
        number = self._prepare(options).number
        super().__init__(
            params,
            number("lr", lr),
            number("betas", betas),
            number("eps", eps),
            number("weight_decay", weight_decay),
            amsgrad,
            maximize=maximize,
            foreach=foreach,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
        )
        self._prepared()
