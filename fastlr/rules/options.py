"""What a step does around the optimizer's own arithmetic, the same for every optimizer."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

from fastlr.rules.averaging import Averaging
from fastlr.rules.settings import Schedulable, above_zero, whole

NormOf: TypeAlias = Literal["global", "group", "parameter"]
OnNonfinite: TypeAlias = Literal["propagate", "skip", "raise"]
Reduction: TypeAlias = Literal["mean", "sum"]
Reporting: TypeAlias = Literal["off", "basic", "full"]

WORDS: dict[str, tuple[str, ...]] = {
    "norm": ("global", "group", "parameter"),
    "on_nonfinite": ("propagate", "skip", "raise"),
    "reduction": ("mean", "sum"),
    "report": ("off", "basic", "full"),
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a step does around the update, in this order; `fastlr.reference.complete` is the same in plain NumPy.

    Parameters
    ----------
    accumulate : int or callable of the step
        Micro-batches a step: `step` adds their gradients and returns False, until it has so many.
    reduction : {"mean", "sum"}
        What of the micro-batches' gradients the step is made with.
    grad_scale : float or callable of the step
        What the loss was multiplied by, and the gradients are divided by; a `fastlr.LossScaler` finds it.
    on_nonfinite : {"propagate", "skip", "raise"}
        What becomes of a step whose gradients hold NaN or infinity: it is made all the same, or not made (then nothing
        has changed, neither parameters nor state, averages, counts, schedules), without or with an error.
    max_skips : int, optional
        Raise an error when more steps than this are skipped in a row.
    max_norm : float or callable of the step, optional
        The gradients are multiplied by `min(1, max_norm / their norm)` (Pascanu et al. 2013, arXiv:1211.5063).
    norm : {"global", "group", "parameter"}
        The norm of all gradients together, or of each group's or each parameter's, which then have a factor each.
    clip_value : float or callable of the step, optional
        Each element of the gradients is brought into [-clip_value, clip_value].
    average : fastlr.EMA or fastlr.UniformAverage, optional
        Average the weights after each step; `with opt.averaged()` puts the average in their place.
    zero_grads : bool
        Zero the gradients after they were used, and when the step is skipped.
    report : {"off", "basic", "full"}
        Whether `opt.report` holds the gradients' norm, and with "full" how far each parameter moved.
    report_every : int
        Measure for the report every so many steps.
    alpha_every : int, optional
        Keep every so many steps a copy of the step, and report the next gradient along it (`Report.alpha`).
    """

    accumulate: int | Callable[[int], int] = 1
    reduction: Reduction = "mean"
    grad_scale: Schedulable = 1.0
    on_nonfinite: OnNonfinite = "propagate"
    max_skips: int | None = None
    max_norm: Schedulable | None = None
    norm: NormOf = "global"
    clip_value: Schedulable | None = None
    average: Averaging | None = None
    zero_grads: bool = False
    report: Reporting = "off"
    report_every: int = 1
    alpha_every: int | None = None

    def check_options(self, name: str) -> None:
        """Raise for an option that cannot be used."""
        for key, words in WORDS.items():
            if getattr(self, key) not in words:
                known = ", ".join(map(repr, words))
                raise ValueError(f"{name}({key}={getattr(self, key)!r}): {key} must be one of {known}")
        for key in ("grad_scale", "max_norm", "clip_value", "average"):
            value = getattr(self, key)
            if isinstance(value, type):
                raise TypeError(
                    f"{name}({key}={value!r}): {key} must not be a class, but made of it: {value.__name__}()"
                )
        for key in ("grad_scale", "max_norm", "clip_value"):
            value = getattr(self, key)
            if not callable(value) and not (value is None and key != "grad_scale"):
                object.__setattr__(self, key, above_zero(value, f"{name}({key}={value!r})", key))
        for key, low, optional in (
            ("accumulate", 1, False), ("max_skips", 0, True), ("report_every", 1, False), ("alpha_every", 1, True)
        ):  # fmt: skip
            value = getattr(self, key)
            if not (optional and value is None) and not (key == "accumulate" and callable(value)):
                whole(value, f"{name}({key}={value!r})", key, low)
        if self.zero_grads is not True and self.zero_grads is not False:
            raise TypeError(f"{name}(zero_grads={self.zero_grads!r}): zero_grads must be True or False")
        if self.average is not None and not isinstance(self.average, Averaging):
            raise TypeError(f"{name}(average={self.average!r}): average must be a fastlr.EMA or fastlr.UniformAverage")
        self._check_together(name)

    def _check_together(self, name: str) -> None:
        if self.max_skips is not None and self.on_nonfinite != "skip":
            raise ValueError(f"{name}(max_skips={self.max_skips}): on_nonfinite must be 'skip', or nothing is skipped")
        if hasattr(self.grad_scale, "update") and self.on_nonfinite != "skip":
            raise ValueError(
                f"{name}(grad_scale={self.grad_scale!r}): on_nonfinite must be 'skip', for the scale to be found by it"
            )
        if self.max_norm is None and self.norm != "global":
            raise ValueError(f"{name}(norm={self.norm!r}): max_norm must be given, or nothing is clipped")

    def options(self) -> dict[str, Any]:
        """Those that are not as they are by default."""
        named = ((f.name, getattr(self, f.name), f.default) for f in fields(Options))
        return {name: value for name, value, default in named if value != default}

    @property
    def plain(self) -> bool:
        """Whether a step is the update and nothing else."""
        return not self.options()
