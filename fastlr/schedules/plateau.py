"""Lower the rate when a metric stops improving.

Where libraries disagree: torch lowers at the evaluation after `patience` bad ones, Keras and optax at the last of
them; an improvement is relative in torch, absolute in Keras, both in optax; and all of them compare with the best so
far, so that after one lucky evaluation a steady descent counts as a plateau (pytorch#30873): see `judge`.
"""

from dataclasses import dataclass, replace
from typing import Literal

from fastlr.schedules.driven import Driven, State
from fastlr.schedules.settings import Share


@dataclass(frozen=True, eq=False)
class Plateau(Driven):
    """Lower the rate when a metric stops improving: of(t) times a factor that observations multiply by `factor`.

    `like` says what patience and cooldown count, in evaluations:

    - "torch": lowers when *more* than `patience` in a row are bad; the `cooldown` evaluations after it do not count.
    - "keras": lowers when `patience` in a row are bad; one less than `cooldown` do not count.
    - "optax": lowers when *exactly* `patience` in a row are bad, so with patience 0 at each that is good; cooldown as
      in torch.

    Parameters
    ----------
    of : Schedule or float
        The rate before anything is observed.
    factor : float
        In (0, 1).
    patience : int
        Evaluations, see above.
    mode : {"min", "max"}
        Whether the metric is to go down or up.
    rtol, atol : float
        An improvement is metric < best (1 - rtol) - atol, or metric > best (1 + rtol) + atol.  For a metric that may be
        negative, as a log-likelihood, set rtol=0 and atol: below 0 this asks for less than the best, as in torch and
        optax, so that a standstill passes for an improvement.
    cooldown : int
        Evaluations after a change, see above.
    average : int
        Judge the mean of so many observations at once (optax's `accumulation_size`).
    judge : {"best", "trend"}
        Compare with the best so far, which one lucky evaluation spoils for all that follow; or ask whether the last
        `window` evaluations go down, by more than rtol |median| + atol, whatever a single one of them does.
    window : int
        Evaluations of the trend test, at least 8; until there are so many, nothing is judged.
    min_factor : float
        The least the factor can become, in [0, 1].
    low, high : float
        Bounds of the rate itself, a warm-up's included.
    like : {"torch", "keras", "optax"}
        Whose patience and cooldown.
    min_change : float
        Changes of the factor of so much or less are left out (torch's `eps`, by the rate).

    Examples
    --------
    >>> plateau = fastlr.schedules.Plateau(0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0, 1.0):
    ...     print(plateau.observe(loss), plateau(0))
    False 0.5
    False 0.5
    False 0.5
    True 0.05
    False 0.05
    """

    like: Literal["torch", "keras", "optax"] = "torch"
    min_change: Share = 0.0

    def _decided(self, state: State, better: bool) -> State:
        return self._keras(state, better) if self.like == "keras" else self._torch_or_optax(state, better)

    def _torch_or_optax(self, state: State, better: bool) -> State:
        state = replace(state, bad=0 if better else state.bad + 1)
        if state.wait:
            return replace(state, bad=0, wait=state.wait - 1)
        due = state.bad == self.patience if self.like == "optax" else state.bad > self.patience
        return replace(state, factor=self._lower(state.factor), bad=0, wait=self.cooldown) if due else state

    def _keras(self, state: State, better: bool) -> State:
        if state.wait:
            state = replace(state, bad=0, wait=state.wait - 1)
        if better:
            return replace(state, bad=0)
        if state.wait:
            return state
        state = replace(state, bad=state.bad + 1)
        if state.bad < self.patience:
            return state
        return replace(state, factor=self._lower(state.factor), bad=0, wait=self.cooldown)

    def _lower(self, now: float) -> float:
        lower = max(now * self.factor, self.min_factor)
        return lower if now - lower > self.min_change else now
