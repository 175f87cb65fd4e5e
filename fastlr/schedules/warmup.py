"""Rates that begin low: Warmup (of any other), WSD, Noam.

Where libraries disagree: Hugging Face, optax and Keras warm up with t / W, so the first step has rate 0 and does
nothing (`from_zero=True`); fairseq and we with (t + 1) / W.  After it the schedule begins at its own step 0, as in
optax and Keras; timm's runs underneath and is W steps old by then, unless `warmup_prefix` is set.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from fastlr.schedules.base import Schedule, Scheduled, part
from fastlr.schedules.cosine import check_final, half_wave
from fastlr.schedules.settings import Count, Length, Number, Rate, Whole


@dataclass(frozen=True)
class Warmup(Schedule):
    """A rise of `warmup` steps in front of any schedule, which then begins at its step 0.

    With W for `warmup`, R for of(0) and s = (t + 1) / W, or t / W with `from_zero`:

        linear        initial + (R - initial) s
        cosine        initial + (R - initial) (1 - cos(pi s)) / 2
        exponential   initial^(1 - s) R^s

    At step 0 that is with s = 1/W, or `initial` with `from_zero`; from step W on it is of(t - W).

    Parameters
    ----------
    of : Schedule or float
        What comes after it.
    warmup : int
        Steps; 0 for none.
    initial : float
        Where it begins; above 0 for an exponential rise.
    curve : {"linear", "cosine", "exponential"}
    from_zero : bool
        Whether step 0 is taken with `initial` itself.

    Examples
    --------
    >>> from fastlr.schedules import Constant, Warmup
    >>> Warmup(Constant(1.0), 4)(np.arange(6))
    array([0.25, 0.5 , 0.75, 1.  , 1.  , 1.  ])
    >>> Warmup(Constant(1.0), 4, from_zero=True)(np.arange(6))
    array([0.  , 0.25, 0.5 , 0.75, 1.  , 1.  ])
    """

    of: Scheduled
    warmup: Count
    initial: Rate = 0.0
    curve: Literal["linear", "cosine", "exponential"] = "linear"
    from_zero: bool = False

    rises = True

    def _check(self) -> None:
        if self.curve == "exponential" and self.initial == 0.0:
            raise ValueError("Warmup(curve='exponential'): initial must be above 0, got 0.0; set it to 0.001 * peak")

    def _parts(self, steps: int) -> Iterator[tuple[Schedule, int]]:
        yield part(self.of), steps - self.warmup

    def _at(self, t: int) -> float:
        if t >= self.warmup:
            return part(self.of)._at(t - self.warmup)
        share = (t if self.from_zero else t + 1) / self.warmup
        target = part(self.of)._at(0)
        if self.curve == "exponential":
            return math.pow(self.initial, 1.0 - share) * math.pow(target, share)
        if self.curve == "cosine":
            share = 1.0 - half_wave(share)
        return self.initial + (target - self.initial) * share


SHAPES: Mapping[str, Callable[[float], float]] = {
    "linear": lambda share: 1.0 - share,
    "cosine": half_wave,
    "1-sqrt": lambda share: 1.0 - math.sqrt(share),
}
"""How much of the height is left after a share of the decay."""


@dataclass(frozen=True)
class WSD(Schedule):
    """Warm-up, stable, decay (Hu et al. 2024): a rise, the peak for as long as one likes, a short decay.

    peak (t + 1) / warmup, then `peak`, and over the last `decay` of `total` steps final + (peak - final) shape(s) with
    s from 0 to 1 and shape(s) = 1 - s, (1 + cos(pi s)) / 2 or 1 - sqrt(s) (Hägele et al. 2024).  At step 0 it is
    peak / warmup, or `peak` without a warm-up; at step `total` and after it, it is `final`.  Without a `total` the
    peak lasts until `decay_now` is called.

    Parameters
    ----------
    peak : float
        At least 0.
    total : int or None
        Steps; at least warmup + decay.
    warmup : int
        Steps.
    decay : int
        Steps.
    shape : {"linear", "cosine", "1-sqrt"}
    final : float
        At most `peak`.

    References
    ----------
    Hu et al. 2024, arXiv:2404.06395; Hägele et al. 2024, arXiv:2405.18392.

    Examples
    --------
    >>> wsd = fastlr.schedules.WSD(1.0, total=None, warmup=2, decay=4)
    >>> wsd([0, 1, 2, 1000])
    array([0.5, 1. , 1. , 1. ])
    >>> wsd.decay_now(1000)([999, 1000, 1002, 1004])
    array([1. , 1. , 0.5, 0. ])
    """

    peak: Rate
    total: Length | None
    warmup: Count = 0
    decay: Count = 0
    shape: Literal["linear", "cosine", "1-sqrt"] = "linear"
    final: Rate = 0.0

    rises = True

    def _check(self) -> None:
        check_final(f"WSD(final={self.final})", self.final, self.peak)
        if self.total is not None and self.total < self.warmup + self.decay:
            raise ValueError(
                f"WSD(total={self.total}): total must be at least warmup + decay, "
                f"got {self.warmup} + {self.decay}; shorten one of them"
            )

    def decay_now(self, step: int, decay: int | None = None) -> "WSD":
        """This one, decaying from the given step on: `opt.lr = wsd.decay_now(opt.steps)`.

        Parameters
        ----------
        step : int
            The first step of the decay; at least `warmup`, and where a `total` is set not after its decay has begun.
        decay : int, optional
            Its length, if it is to be another.

        Returns
        -------
        WSD
            Equal to this one before that step.
        """
        call = f"WSD.decay_now({step!r})"
        step = Whole().checked(step, call, "step")
        length = self.decay if decay is None else Whole().checked(decay, call, "decay")
        if step < self.warmup:
            raise ValueError(f"{call}: step must be at least {self.warmup}, where the warm-up ends, got {step}")
        if self.total is not None and step > self.total - self.decay:
            raise ValueError(
                f"{call}: step must be at most {self.total - self.decay}, where the decay to total={self.total} begins "
                f"by itself, got {step}"
            )
        return replace(self, total=step + length, decay=length)

    def _at(self, t: int) -> float:
        if t < self.warmup:
            return self.peak * ((t + 1) / self.warmup)
        if self.total is None:
            return self.peak
        if t >= self.total:
            return self.final
        start = self.total - self.decay
        if t < start:
            return self.peak
        return self.final + (self.peak - self.final) * SHAPES[self.shape]((t - start) / self.decay)


@dataclass(frozen=True)
class Noam(Schedule):
    """Noam Shazeer's rise and inverse square root (Vaswani et al. 2017): peak min(n / warmup, sqrt(warmup / n)).

    The paper counts steps from 1, n = t + 1, and writes d^-0.5 min(n^-0.5, n warmup^-1.5), of which the peak is
    (d warmup)^-0.5: see `of_model`.  At step 0 it is peak / warmup, at step warmup - 1 the peak; it never ends.

    Parameters
    ----------
    peak : float
        At least 0.
    warmup : int
        Steps.

    References
    ----------
    Vaswani et al. 2017, NeurIPS, equation 3.

    Examples
    --------
    >>> fastlr.schedules.Noam(1.0, warmup=4)([0, 3, 15])
    array([0.25, 1.  , 0.5 ])
    """

    peak: Rate
    warmup: Length

    rises = True

    @classmethod
    def of_model(cls, d_model: int, warmup: int, scale: float = 1.0) -> "Noam":
        """The paper's form: scale d_model^-0.5 min(n^-0.5, n warmup^-1.5).

        Examples
        --------
        >>> fastlr.schedules.Noam.of_model(512, warmup=4000).peak
        0.0006987712429686843
        """
        call = f"Noam.of_model({d_model!r}, {warmup!r})"
        width, steps = (
            Whole(1).checked(given, call, name) for given, name in ((d_model, "d_model"), (warmup, "warmup"))
        )
        return cls(Number().checked(scale, call, "scale") / math.sqrt(width * steps), steps)

    def _at(self, t: int) -> float:
        n = t + 1
        return self.peak * min(n / self.warmup, math.sqrt(self.warmup / n))
