"""Raise the rate while a metric improves, lower it while it does not."""

from dataclasses import dataclass, replace

from fastlr.schedules.driven import Driven, State
from fastlr.schedules.settings import Decay, Positive


@dataclass(frozen=True, eq=False)
class Greedy(Driven):
    """Raise the rate while a metric improves, lower it while it does not (Subramanian & Ganapathiraman 2023).

    After `patience` improving evaluations in a row the factor is divided by `factor`, after `patience` others it is
    multiplied by it; then nothing counts for `cooldown` evaluations.  (Hugging Face's GreedyLR counts one more.)

    Parameters
    ----------
    of : Schedule or float
        The rate before anything is observed.
    factor : float
        In (0, 1).
    patience : int
        Evaluations, at least 1.
    mode, rtol, atol, average, judge, window, low, high
        As in `Plateau`; `average` smooths.
    cooldown : int
        Evaluations after a change.
    min_factor, max_factor : float
        Bounds of the factor, around 1.

    References
    ----------
    Subramanian & Ganapathiraman 2023, "Zeroth Order GreedyLR".

    Examples
    --------
    >>> greedy = fastlr.schedules.Greedy(0.5, factor=0.5, patience=2)
    >>> for loss in (4.0, 3.0, float("nan"), 3.0):
    ...     print(greedy.observe(loss), greedy(0))
    False 0.5
    True 1.0
    False 1.0
    True 0.5
    """

    factor: Decay = 0.95
    max_factor: Positive = 10.0

    def _check(self) -> None:
        if self.patience < 1:
            raise ValueError(f"Greedy(patience={self.patience}): patience must be at least 1")
        if self.max_factor < 1.0:
            raise ValueError(
                f"Greedy(max_factor={self.max_factor}): max_factor must be at least 1, the factor it begins with"
            )

    def _decided(self, state: State, better: bool) -> State:
        if state.wait:
            return replace(state, wait=state.wait - 1)
        state = replace(state, good=state.good + 1, bad=0) if better else replace(state, good=0, bad=state.bad + 1)
        if max(state.good, state.bad) < self.patience:
            return state
        changed = state.factor / self.factor if better else state.factor * self.factor
        factor = min(max(changed, self.min_factor), self.max_factor)
        return replace(state, factor=factor, good=0, bad=0, wait=self.cooldown)
