"""torch's CyclicLR and OneCycleLR, and the momentum that each of them moves: part of `like_torch`."""

# ruff: noqa: N802  # torch's names

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from fastlr.schedules.base import Schedule
from fastlr.schedules.compose import Function, Mirror
from fastlr.schedules.cycle import Cyclic, Interpolated
from fastlr.schedules.settings import naming

Curve: TypeAlias = Literal["cos", "linear"]
Mode: TypeAlias = Literal["triangular", "triangular2", "exp_range"]


@naming
def CyclicLR(
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: Mode = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable[[float], float] | None = None,
    scale_mode: Literal["cycle", "iterations"] = "cycle",
    cycle_momentum: bool = True,
    base_momentum: float = 0.8,
    max_momentum: float = 0.9,
) -> Schedule:
    """Triangles from base_lr to max_lr; the momentum's arguments are for `CyclicMomentum`, which takes all of these."""
    return _cycles(max_lr, base_lr, step_size_up, step_size_down, mode, gamma, scale_fn, scale_mode)


@naming
def CyclicMomentum(
    base_lr: float,
    max_lr: float,
    step_size_up: int = 2000,
    step_size_down: int | None = None,
    mode: Mode = "triangular",
    gamma: float = 1.0,
    scale_fn: Callable[[float], float] | None = None,
    scale_mode: Literal["cycle", "iterations"] = "cycle",
    cycle_momentum: bool = True,
    base_momentum: float = 0.8,
    max_momentum: float = 0.9,
) -> Schedule:
    """The momentum of `CyclicLR`: from max_momentum down where the rate goes up."""
    _check_momentum("CyclicMomentum", cycle_momentum)
    height = max_momentum - base_momentum
    return Mirror(_cycles(height, 0.0, step_size_up, step_size_down, mode, gamma, scale_fn, scale_mode), max_momentum)


def _cycles(
    peak: float,
    low: float,
    up: int,
    down: int | None,
    mode: Mode,
    gamma: float,
    scale_fn: Callable[[float], float] | None,
    scale_mode: str,
) -> Schedule:
    if scale_fn is None:
        return Cyclic(peak, low, up, down, mode, gamma)
    return Function(_Scaled(Cyclic(peak - low, 0.0, up, down), low, scale_fn, scale_mode == "cycle"))


@dataclass(frozen=True)
class _Scaled:
    """Triangles times a user's function of the cycle, counted from 1, or of the step; can be pickled if that can."""

    triangles: Cyclic
    low: float
    scale: Callable[[float], float]
    of_cycle: bool

    def __call__(self, step: int) -> float:
        down = self.triangles.up if self.triangles.down is None else self.triangles.down
        cycle = 1 + step // (self.triangles.up + down)
        return self.low + self.triangles(step) * self.scale(cycle if self.of_cycle else step)


@naming
def OneCycleLR(
    max_lr: float,
    total_steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    pct_start: float = 0.3,
    anneal_strategy: Curve = "cos",
    cycle_momentum: bool = True,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> Interpolated:
    """Up to max_lr, down to max_lr / div_factor / final_div_factor in the last step, and no error after it.

    torch ends the phases at pct_start * total_steps - 1 and total_steps - 1, the first of which need not be whole.
    """
    initial = max_lr / div_factor
    values = (initial, max_lr, initial, initial / final_div_factor)
    return _one_cycle(values, total_steps, epochs, steps_per_epoch, pct_start, anneal_strategy, three_phase)


@naming
def OneCycleMomentum(
    max_lr: float,
    total_steps: int | None = None,
    epochs: int | None = None,
    steps_per_epoch: int | None = None,
    pct_start: float = 0.3,
    anneal_strategy: Curve = "cos",
    cycle_momentum: bool = True,
    base_momentum: float = 0.85,
    max_momentum: float = 0.95,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
    three_phase: bool = False,
) -> Interpolated:
    """The momentum of `OneCycleLR`: down to base_momentum where the rate goes up, and up again."""
    _check_momentum("OneCycleMomentum", cycle_momentum)
    values = (max_momentum, base_momentum, max_momentum, max_momentum)
    return _one_cycle(values, total_steps, epochs, steps_per_epoch, pct_start, anneal_strategy, three_phase)


def _check_momentum(call: str, cycle_momentum: bool) -> None:
    if not cycle_momentum:
        raise ValueError(f"{call}(cycle_momentum=False): the momentum is not scheduled then; pass it to the optimizer")


def _one_cycle(
    values: tuple[float, float, float, float],
    total_steps: int | None,
    epochs: int | None,
    steps_per_epoch: int | None,
    pct_start: float,
    anneal_strategy: Curve,
    three_phase: bool,
) -> Interpolated:
    total = (epochs or 0) * (steps_per_epoch or 0) if total_steps is None else total_steps
    if total < 1:
        raise ValueError("OneCycleLR(total_steps): pass total_steps, or epochs and steps_per_epoch, at least 1")
    if anneal_strategy not in ("cos", "linear"):
        raise ValueError(f"OneCycleLR(anneal_strategy={anneal_strategy!r}): must be 'cos' or 'linear'")
    knots = (0.0, pct_start * total - 1.0, 2.0 * pct_start * total - 2.0, total - 1.0)
    points = [point for i, point in enumerate(zip(knots, values, strict=True)) if three_phase or i != 2]
    # a phase may begin before step 0 or end after the last step; torch looks at the one a step is in
    begin = max(i for i, (knot, _) in enumerate(points) if knot <= 0.0)
    end = next(i for i, (knot, _) in enumerate(points) if i >= begin and knot >= total - 1.0)
    reached = points[begin : end + 1]
    curve: Literal["cosine", "linear"] = "cosine" if anneal_strategy == "cos" else "linear"
    return Interpolated(tuple(value for _, value in reached), tuple(knot for knot, _ in reached), curve)
