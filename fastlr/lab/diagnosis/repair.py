"""Bring a run back that diverges: the last good weights, a lower rate.

Design: weights count as good only once five more losses were, for the step that ruins them comes after a good loss.
"""

import copy
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Protocol, cast

from fastlr.optimizer import Optimizer
from fastlr.schedules import Driven, Product, Schedule
from fastlr.schedules.base import part
from fastlr.schedules.landmarks import known

RECENT = 5
"""Losses whose median stands for where a run is."""
KEEP_EVERY = 50
"""Observations between two copies of the weights, at least."""
NEAR = 1.1
"""Weights are copied where the loss is at most so many times the lowest so far."""


@dataclass(frozen=True)
class Action:
    """What was done to a run.

    Attributes
    ----------
    step : float
        Where it diverged.
    back_to : float
        The step whose weights were restored.
    factor : float
        What the rates were multiplied by.
    lr : tuple of float
        The rates of the next step, one for each group.
    words : str
    """

    step: float
    back_to: float
    factor: float
    lr: tuple[float, ...]
    words: str


class Repairable(Protocol):
    """An optimizer of any kind whose run can be brought back."""

    def save(self) -> Any:
        """Copies of weights and state."""
        ...

    def restore(self, saved: Any) -> None:
        """Write them back."""
        ...

    def scale(self, factor: float) -> tuple[float, ...]:
        """Multiply the rates, and return them."""
        ...


class Fastlr:
    """One of fastlr's optimizers."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer

    def save(self) -> Any:
        """Copies of weights and state."""
        return {name: w.copy() for name, w in self._optimizer.params.items()}, self._optimizer.state_dict()

    def restore(self, saved: Any) -> None:
        """Write them back; the rates stay as they are."""
        weights, state = saved
        rates = [group["lr"] for group in self._optimizer.groups]
        for name, w in weights.items():
            self._optimizer.params[name][...] = w
        self._optimizer.load_state_dict(state)
        for group, rate in zip(self._optimizer.groups, rates, strict=True):
            group["lr"] = rate

    def scale(self, factor: float) -> tuple[float, ...]:
        """Multiply the rates, schedules too, and return those of the next step."""
        for group in self._optimizer.groups:
            group["lr"] = _scaled(group["lr"], factor)
        return tuple(group.next_rate(self._optimizer.steps) for group in self._optimizer.groups)


class Torch:
    """One of PyTorch's, or whatever has its `param_groups` and `state_dict`."""

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer

    def _weights(self) -> list[Any]:
        return [w for group in self._optimizer.param_groups for w in group["params"]]

    def save(self) -> Any:
        """Copies of weights and state."""
        return [w.detach().clone() for w in self._weights()], copy.deepcopy(self._optimizer.state_dict())

    def restore(self, saved: Any) -> None:
        """Write them back; the rates stay as they are."""
        weights, state = saved
        rates = [group["lr"] for group in self._optimizer.param_groups]
        for w, kept in zip(self._weights(), weights, strict=True):
            w.data.copy_(kept)
        self._optimizer.load_state_dict(copy.deepcopy(state))
        for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
            group["lr"] = rate

    def scale(self, factor: float) -> tuple[float, ...]:
        """Multiply the rates, and return them."""
        for group in self._optimizer.param_groups:
            group["lr"] *= factor
        return tuple(float(group["lr"]) for group in self._optimizer.param_groups)


def repairable(optimizer: Any) -> Repairable:
    """What can bring this optimizer's run back, or an error."""
    if isinstance(optimizer, Optimizer):
        return Fastlr(optimizer)
    if all(hasattr(optimizer, name) for name in ("save", "restore", "scale")):
        found: Repairable = optimizer
        return found
    if all(hasattr(optimizer, name) for name in ("param_groups", "state_dict", "load_state_dict")):
        return Torch(optimizer)
    raise TypeError(
        f"Monitor(optimizer={optimizer!r}): must be an optimizer of fastlr or PyTorch, or have save(), restore(saved) "
        f"and scale(factor), got {type(optimizer).__name__}"
    )


def rate_of(optimizer: Any) -> Callable[[], float]:
    """What tells the rate of an optimizer's next step, of its first group."""
    if hasattr(optimizer, "param_groups"):
        return lambda: float(optimizer.param_groups[0]["lr"])
    if hasattr(optimizer, "lr"):
        return lambda: float(optimizer.lr)
    return lambda: math.nan


def _scaled(rate: Any, factor: float) -> Any:
    if isinstance(rate, Driven):
        scaled = replace(rate, of=_scaled(part(rate.of), factor))
        scaled.load_state_dict(rate.state_dict())
        return scaled
    return rate * factor if not callable(rate) else Product((cast("Schedule", known(rate)), factor))


class Repairer:
    """Copies good weights, and restores them with a lower rate where the loss diverges.

    Parameters
    ----------
    of : Repairable
    factor : callable
        What to multiply the rates by, asked when it diverges.
    """

    def __init__(self, of: Repairable, factor: Callable[[], float]) -> None:
        self._of, self._factor = of, factor
        self._good: tuple[float, Any] | None = None
        self._forget()

    def _forget(self) -> None:
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._first, self._lowest = math.nan, math.inf
        self._pending: tuple[float, Any] | None = None
        self._seen, self._kept_at = 0, -KEEP_EVERY

    def observe(self, step: float, loss: float) -> Action | None:
        """Take note of a loss; what was done, if it diverges."""
        if self._good is None:
            self._good = step, self._of.save()
        self._recent.append(loss)
        self._seen += 1
        if not math.isfinite(loss):
            return self._repair(step, "the loss was not finite")
        if len(self._recent) < RECENT:
            return None
        here = median(self._recent)
        if math.isnan(self._first):
            self._first = here
        self._lowest = min(self._lowest, here)
        limit = self._first + max(abs(self._first), self._first - self._lowest)
        if here > limit:
            return self._repair(step, f"the loss was {here:.3g}, from {self._first:.3g} at the beginning")
        self._keep(step, here)
        return None

    def _keep(self, step: float, here: float) -> None:
        near = here <= self._lowest + (NEAR - 1) * abs(self._lowest)
        if self._pending is not None and self._seen - self._kept_at >= RECENT:
            if near:
                self._good = self._pending
            self._pending = None
        if near and self._seen - self._kept_at >= KEEP_EVERY:
            self._pending, self._kept_at = (step, self._of.save()), self._seen

    def _repair(self, step: float, why: str) -> Action:
        factor = self._factor()
        assert self._good is not None
        back, saved = self._good
        self._of.restore(saved)
        rates = self._of.scale(factor)
        self._forget()
        shown = ", ".join(f"{rate:.3g}" for rate in rates)
        words = (
            f"step {step:,.0f}: {why}; back to the weights of step {back:,.0f}, with lr {shown} (times {factor:.2g})"
        )
        return Action(step, back, factor, rates, words)


def listed(actions: Iterable[Action]) -> tuple[str, ...]:
    """What was done, as remarks."""
    return tuple(f"acted at {action.words}" for action in actions)
