"""The scale of a loss whose gradients would vanish in a narrow format."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fastlr.rules.settings import above_zero, whole


@dataclass
class LossScaler:
    """Finds the largest power of the growth factor by which a loss can be multiplied without overflow of its gradients.

    Multiply the loss, or its gradient, by `scale`, and hand the scaler to the optimizer as `grad_scale`: each step
    divides by it, and tells it whether the gradients were finite.

    Parameters
    ----------
    scale : float
        To begin with.
    growth_factor : float
        What it is multiplied by after `growth_interval` steps without overflow, above 1.
    backoff_factor : float
        What it is multiplied by after an overflow, in (0, 1).
    growth_interval : int
        In steps.
    low, high : float
        Bounds of the scale.

    References
    ----------
    Micikevicius et al. 2018, arXiv:1710.03740, section 3.2; the defaults are those of `torch.amp.GradScaler`.

    Examples
    --------
    >>> scaler = fastlr.LossScaler(scale=1024.0)
    >>> w = np.zeros(1, dtype="float32")
    >>> opt = fastlr.SGD(w, lr=1.0, grad_scale=scaler, on_nonfinite="skip")
    >>> opt.step(np.array([np.inf], dtype="float32")), scaler.scale
    (False, 512.0)
    >>> opt.step(np.array([512.0], dtype="float32")), w
    (True, array([-1.], dtype=float32))
    """

    scale: float = 65536.0
    growth_factor: float = 2.0
    backoff_factor: float = 0.5
    growth_interval: int = 2000
    low: float = 2.0**-24
    high: float = 2.0**100
    since: int = 0
    """Steps without overflow since the scale has changed."""

    def __post_init__(self) -> None:
        for name in ("scale", "growth_factor", "backoff_factor", "low", "high"):
            value = getattr(self, name)
            setattr(self, name, above_zero(value, f"LossScaler({name}={value!r})", name))
        if not self.backoff_factor < 1 < self.growth_factor:
            raise ValueError(
                f"LossScaler(growth_factor={self.growth_factor}, backoff_factor={self.backoff_factor}): "
                "growth_factor must be above 1 and backoff_factor below"
            )
        if not self.low <= self.scale <= self.high:
            raise ValueError(f"LossScaler(scale={self.scale}): scale must be in [{self.low:g}, {self.high:g}]")
        whole(self.growth_interval, f"LossScaler(growth_interval={self.growth_interval!r})", "growth_interval", 1)
        whole(self.since, f"LossScaler(since={self.since!r})", "since", 0)

    def __call__(self, step: int) -> float:
        """The scale; it does not depend on the step."""
        return self.scale

    def update(self, finite: bool) -> None:
        """Take note of a step's gradients."""
        if not finite:
            self.scale, self.since = max(self.scale * self.backoff_factor, self.low), 0
            return
        self.since += 1
        if self.since >= self.growth_interval:
            self.scale, self.since = min(self.scale * self.growth_factor, self.high), 0

    def state_dict(self) -> dict[str, Any]:
        """Everything about it."""
        return asdict(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state."""
        names = [field.name for field in fields(self)]
        if not isinstance(state_dict, Mapping) or sorted(state_dict) != sorted(names):
            raise ValueError(f"LossScaler.load_state_dict: must be a mapping with {names}, got {state_dict!r}")
        vars(self).update(vars(type(self)(**state_dict)))
