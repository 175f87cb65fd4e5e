"""What follows a metric: Driven, of which Plateau and Greedy are made.

Design: a driven schedule is a closed-form schedule `of` (a number, a warm-up, whatever) times a factor, and only
`observe(metric)` changes the factor.  Calling it with a step changes nothing, so an optimizer that asks for the rate
of a step it then skips, a plot, or a second look at a step are all harmless.  What observations leave behind is a
frozen value, `state`: settings never change, a state is replaced as a whole, and `state_dict()` is plain JSON.  An
optimizer saves the state of those that are its settings; of one inside a function of the step it does not know.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, SupportsFloat, overload

import numpy as np
from numpy.typing import NDArray

from fastlr.schedules.base import Scheduled, Steps, called, part
from fastlr.schedules.plain import to_dict
from fastlr.schedules.settings import Count, Decay, Finite, Finites, Length, Rate, Share, check_fields, kinds
from fastlr.schedules.trend import SMALLEST_WINDOW, descends


@dataclass(frozen=True)
class State:
    """What observations left behind.

    Attributes
    ----------
    factor : float
        What the rate is multiplied by.
    best : float or None
        The best metric so far.
    bad, good : int
        Evaluations in a row that did not improve, or did.
    wait : int
        What is left of the cooldown.
    recent : tuple of float
        The window of the trend test.
    mean : float or None
        Of the `count` metrics that are not judged yet; None if one of them was not finite.
    """

    factor: Rate = 1.0
    best: Finite | None = None
    bad: Count = 0
    good: Count = 0
    wait: Count = 0
    recent: Finites = ()
    mean: Finite | None = 0.0
    count: Count = 0

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, eq=False)
class Driven(ABC):
    """A schedule times a factor that follows a metric; see `Plateau` and `Greedy`."""

    of: Scheduled
    factor: Decay = 0.1
    patience: Count = 10
    mode: Literal["min", "max"] = "min"
    rtol: Share = 1e-4
    atol: Rate = 0.0
    cooldown: Count = 0
    average: Length = 1
    judge: Literal["best", "trend"] = "best"
    window: Length = 10
    min_factor: Share = 0.0
    low: Rate = 0.0
    high: Rate | None = None
    state: State = field(default=State(), init=False)

    def __post_init__(self) -> None:
        check_fields(self)
        call = type(self).__name__
        if self.factor == 1.0:
            raise ValueError(f"{call}(factor=1.0): factor must be in (0, 1), or it changes nothing")
        if self.high is not None and self.low > self.high:
            raise ValueError(f"{call}(low={self.low}): low must be at most high, got {self.low} above {self.high}")
        if self.judge == "trend" and self.window < SMALLEST_WINDOW:
            raise ValueError(
                f"{call}(window={self.window}): window must be at least {SMALLEST_WINDOW}, "
                "or a single spike could decide"
            )
        self._check()

    def _check(self) -> None:  # noqa: B027  # as in Schedule
        """Raise where settings that are fine one by one do not go together."""

    @abstractmethod
    def _decided(self, state: State, better: bool) -> State:
        """The state after an evaluation that improved, or did not."""

    @overload
    def __call__(self, step: int | np.integer[Any]) -> float: ...
    @overload
    def __call__(self, step: Steps) -> NDArray[np.float64]: ...
    def __call__(self, step: Any) -> Any:
        """The rate at a step, or at each of an array of steps, if nothing more is observed; changes nothing."""
        return called(self, step)

    def _at(self, t: int) -> float:
        value = max(part(self.of)._at(t) * self.state.factor, self.low)
        return value if self.high is None else min(value, self.high)

    def observe(self, metric: SupportsFloat) -> bool:
        """Take note of an evaluation.

        Parameters
        ----------
        metric : float
            What `mode` says to minimise or maximise.  NaN and infinities count as not improving.

        Returns
        -------
        bool
            Whether the factor changed.

        Raises
        ------
        TypeError
            For what is no number; nothing is changed then.
        """
        before = self.state
        try:
            number = float(metric)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(
                f"{type(self).__name__}.observe({metric!r}): metric must be a number, got type {type(metric).__name__}"
            ) from None
        after = self._averaged(before, number)
        if after.count == 0:
            after, better = self._judged(after)
            if better is not None:
                after = self._decided(after, better)
            after = replace(after, mean=0.0)
        self._set(after)
        return after.factor != before.factor

    def _set(self, state: State) -> None:
        object.__setattr__(self, "state", state)

    def _averaged(self, state: State, metric: float) -> State:
        """With the metric in the mean; count is 0 when the mean is complete."""
        count = state.count + 1
        mean = math.nan if state.mean is None else (state.count * state.mean + metric) / count
        return replace(state, mean=mean if math.isfinite(mean) else None, count=count % self.average)

    def _judged(self, state: State) -> tuple[State, bool | None]:
        """Whether the mean is an improvement, which nobody can tell (None) before the window is full."""
        if state.mean is None:
            return state, False
        if self.judge == "best":
            better = self._beats(state.mean, state.best)
            return replace(state, best=state.mean if better else state.best), better
        recent = (*state.recent, state.mean)[-self.window :]
        falling = recent if self.mode == "min" else [-value for value in recent]
        full = len(recent) == self.window
        return replace(state, recent=recent), descends(falling, self.rtol, self.atol) if full else None

    def _beats(self, metric: float, best: float | None) -> bool:
        if best is None:
            return True
        if self.mode == "min":
            return metric < best * (1.0 - self.rtol) - self.atol
        return metric > best * (1.0 + self.rtol) + self.atol

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain JSON, which `fastlr.schedules.from_dict` reads; the state is in `state_dict()`.

        Examples
        --------
        >>> from fastlr.schedules import Plateau, from_dict
        >>> settings = Plateau(0.5, patience=3, judge="trend").to_dict()
        >>> settings["of"], from_dict(settings).patience
        ({'schedule': 'Constant', 'value': 0.5}, 3)
        """
        return to_dict(self)

    def state_dict(self) -> dict[str, Any]:
        """What observations left behind, as plain JSON.

        Examples
        --------
        >>> plateau = fastlr.schedules.Plateau(0.5, patience=0)
        >>> [plateau.observe(loss) for loss in (1.0, 2.0)]
        [False, True]
        >>> again = fastlr.schedules.Plateau(0.5, patience=0)
        >>> again.load_state_dict(plateau.state_dict())
        >>> again(2)
        0.05
        """
        return {"driven": type(self).__name__, **asdict(self.state), "recent": list(self.state.recent)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` returned; the settings are this object's.

        Raises
        ------
        ValueError, TypeError
            For what is no such state; nothing is changed then.
        """
        call = f"{type(self).__name__}.load_state_dict"
        if not isinstance(state, Mapping):
            raise TypeError(f"{call}: must be what state_dict() returned, got {type(state).__name__}")
        if state.get("driven") != type(self).__name__:
            raise ValueError(f"{call}: 'driven' must be {type(self).__name__!r}, got {state.get('driven')!r}")
        if wrong := (state.keys() - {"driven"}) ^ kinds(State).keys():
            raise ValueError(
                f"{call}: must have the entries {', '.join(kinds(State))}, missing or unknown {min(wrong)!r}"
            )
        self._set(State(**{key: value for key, value in state.items() if key != "driven"}))
