"""PyTorch's names: `StepLR(opt, step_size=30)`, where opt has the rate lr, is `like_torch.StepLR(lr, step_size=30)`.

The rate stands where torch has the optimizer, but in CyclicLR and OneCycleLR, which name theirs.  There is no
`last_epoch`: a schedule can be asked for any step.  The rates are torch's to 1e-12; torch multiplies the last rate, so
its rounding errors grow.  What makes no sense is an error, though torch takes it: a gamma of 0, an eta_min above lr.
Where torch moves the momentum as well, `OneCycleMomentum` and `CyclicMomentum` take the
same arguments and return the momentum's schedule.
"""

# ruff: noqa: N802, N803  # torch's names

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from sys import float_info
from typing import Literal

from fastlr.schedules.base import Constant, Schedule
from fastlr.schedules.compose import Function, Product, Sequential
from fastlr.schedules.cosine import Cosine, CosineRestarts
from fastlr.schedules.decay import Exponential, Linear, Polynomial
from fastlr.schedules.drops import MultiStep, Piecewise, StepDrop
from fastlr.schedules.plateau import Plateau
from fastlr.schedules.settings import naming
from fastlr.schedules.torch_cycles import CyclicLR as CyclicLR
from fastlr.schedules.torch_cycles import CyclicMomentum as CyclicMomentum
from fastlr.schedules.torch_cycles import OneCycleLR as OneCycleLR
from fastlr.schedules.torch_cycles import OneCycleMomentum as OneCycleMomentum

LONGEST = 10_000_000
"""The last step of MultiplicativeLR, which has no formula: it keeps the rate of every step up to the one asked for."""


@naming
def ConstantLR(lr: float, factor: float = 1.0 / 3, total_iters: int = 5) -> Schedule:
    """Lr * factor before step `total_iters`, lr from it on; lr * factor for ever if there are none, as in torch."""
    if total_iters == 0:
        return Constant(lr * factor)
    return Piecewise((lr * factor, lr), (total_iters,))


@naming
def LinearLR(lr: float, start_factor: float = 1.0 / 3, end_factor: float = 1.0, total_iters: int = 5) -> Schedule:
    """From lr * start_factor to lr * end_factor at step `total_iters`; if that is 0, it stays, as in torch."""
    if total_iters == 0:
        return Constant(lr * start_factor)
    return Linear(lr * start_factor, lr * end_factor, total_iters)


@naming
def StepLR(lr: float, step_size: int, gamma: float = 0.1) -> Schedule:
    """Times gamma every `step_size` steps."""
    if gamma > 1.0:
        return Exponential(lr, gamma, step_size, staircase=True, final=float_info.max)
    return StepDrop(lr, step_size, gamma)


@naming
def MultiStepLR(lr: float, milestones: Sequence[int], gamma: float = 0.1) -> Schedule:
    """Times gamma at each milestone, as often as it is there; in any order.

    Examples
    --------
    >>> fastlr.schedules.like_torch.MultiStepLR(1.0, [4, 2, 2])(np.arange(6))
    array([1.   , 1.   , 0.01 , 0.01 , 0.001, 0.001])
    """
    ordered, steps = sorted(milestones), sorted(set(milestones))
    if gamma <= 1.0 and ordered == steps:
        return MultiStep(lr, tuple(steps), gamma)
    return Piecewise((lr, *(lr * gamma ** bisect_right(ordered, step) for step in steps)), tuple(steps))


@naming
def ExponentialLR(lr: float, gamma: float) -> Exponential:
    """Times gamma every step."""
    return Exponential(lr, gamma, final=float_info.max if gamma > 1.0 else None)


@naming
def PolynomialLR(lr: float, total_iters: int = 5, power: float = 1.0) -> Schedule:
    """From lr to 0 at step `total_iters`; if that is 0, it stays lr, as in torch."""
    if total_iters == 0:
        return Constant(lr)
    return Polynomial(lr, 0.0, total_iters, power)


@naming
def CosineAnnealingLR(lr: float, T_max: int, eta_min: float = 0.0) -> Cosine:
    """From lr to eta_min at step `T_max`, and up again after it."""
    return Cosine(lr, T_max, eta_min, after="rise")


@naming
def CosineAnnealingWarmRestarts(lr: float, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> CosineRestarts:
    """From lr towards eta_min in T_0 steps, then in T_0 * T_mult, and so on."""
    return CosineRestarts(lr, T_0, eta_min, period_factor=T_mult)


@naming
def LambdaLR(lr: float, lr_lambda: Callable[[int], float]) -> Product:
    """Lr times a function of the step."""
    return Function(lr_lambda) * lr


@naming
def MultiplicativeLR(lr: float, lr_lambda: Callable[[int], float]) -> Function:
    """Lr times the product of lr_lambda(1), ..., lr_lambda(step), each of which is called once and remembered.

    Examples
    --------
    >>> fastlr.schedules.like_torch.MultiplicativeLR(1.0, lambda step: 1 / step)([4, 0, 1])
    array([0.04166667, 1.        , 1.        ])
    """
    return Function(_Running(lr, lr_lambda))


@dataclass(frozen=True)
class _Running:
    """The running product; what it remembers makes no difference to what it is."""

    lr: float
    factor: Callable[[int], float]
    known: list[float] = field(default_factory=list, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.known.append(self.lr)

    def __call__(self, step: int) -> float:
        if step > LONGEST:
            raise ValueError(f"MultiplicativeLR({step}): step must be at most {LONGEST}; use LambdaLR with a formula")
        for t in range(len(self.known), step + 1):
            self.known.append(self.known[-1] * self.factor(t))
        return self.known[step]


@naming
def SequentialLR(schedulers: Sequence[Schedule], milestones: Sequence[int]) -> Sequential:
    """One after another, each from its own step 0, as torch does it.

    (But torch's MultiplicativeLR goes on from the rate before it; ours begins with its own.)
    """
    return Sequential(tuple(schedulers), tuple(milestones))


MULTIPLYING = (Constant, Piecewise, StepDrop, MultiStep, Exponential, Linear, Polynomial, Cosine)
"""What torch's schedulers that multiply the last rate have become."""


@naming
def ChainedScheduler(schedulers: Sequence[Schedule], lr: float) -> Product:
    """The rate lr times the factor of each scheduler, all of which were made with that lr.

    In torch this holds for ConstantLR, LinearLR, StepLR, MultiStepLR, ExponentialLR, PolynomialLR, and until its end
    for CosineAnnealingLR with eta_min=0; the others do not multiply, and their chains depend on the order.

    Examples
    --------
    >>> from fastlr.schedules import like_torch
    >>> like_torch.ChainedScheduler([like_torch.ConstantLR(1.0, 0.5, 2), like_torch.ExponentialLR(1.0, 0.5)], lr=1.0)(
    ...     np.arange(4)
    ... )
    array([0.5  , 0.25 , 0.25 , 0.125])
    """
    if not lr > 0.0:
        raise ValueError(
            f"ChainedScheduler(lr={lr!r}): lr must be above 0, the rate that all schedulers were made with"
        )
    for scheduler in schedulers:
        if not isinstance(scheduler, MULTIPLYING) or (isinstance(scheduler, Cosine) and scheduler.final > 0.0):
            raise ValueError(
                f"ChainedScheduler: a {type(scheduler).__name__} cannot be chained, as torch's does not multiply the "
                "last rate; write the product you mean, a * b"
            )
    return Product((*schedulers, Constant(lr ** (1 - len(schedulers)))))


@naming
def ReduceLROnPlateau(
    lr: float,
    mode: Literal["min", "max"] = "min",
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    threshold_mode: Literal["rel", "abs"] = "rel",
    cooldown: int = 0,
    min_lr: float = 0.0,
    eps: float = 1e-8,
) -> Plateau:
    """Lower lr after more than `patience` bad evaluations in a row; `observe(metric)` is torch's `step(metric)`."""
    if not lr > 0.0:
        raise ValueError(f"ReduceLROnPlateau(lr={lr!r}): lr must be above 0, or there is nothing to reduce")
    if threshold_mode not in ("rel", "abs"):
        raise ValueError(f"ReduceLROnPlateau(threshold_mode={threshold_mode!r}): threshold_mode must be 'rel' or 'abs'")
    relative = threshold_mode == "rel"
    return Plateau(
        Constant(lr),
        factor=factor,
        patience=patience,
        mode=mode,
        rtol=threshold if relative else 0.0,
        atol=0.0 if relative else threshold,
        cooldown=cooldown,
        min_factor=min(min_lr / lr, 1.0),
        like="torch",
        min_change=min(eps / lr, 1.0),
    )
