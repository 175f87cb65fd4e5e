"""What the tests of checkpoints share: runs to save, and parts that fail."""

from pathlib import Path
from typing import Any

import numpy as np

import fastlr
from tests.helpers import normal


def adam(seed: int = 0, **settings: Any) -> Any:
    """Adam of two parameters, with two steps behind it."""
    opt = fastlr.Adam({"w": normal(seed, 2, 3), "b": normal(seed + 1, 3)}, **settings)
    for step in range(2):
        opt.step({"w": normal(step + 7, 2, 3), "b": normal(step + 8, 3)})
    return opt


class Scaler:
    """As loss scalers are: a part of a run with a state of its own."""

    def __init__(self, scale: float = 1.0, recent: Any = ()) -> None:
        self.scale = scale
        self.recent = np.array(recent, "f4")

    def state_dict(self) -> dict[str, Any]:
        return {"scale": self.scale, "recent": self.recent}  # not copied

    def load_state_dict(self, state: Any) -> None:
        self.scale = state["scale"]
        self.recent = state["recent"]


class Refusing(Scaler):
    """Half of its state is changed when it finds something wrong, unless that is its own."""

    def load_state_dict(self, state: Any) -> None:
        self.scale = state["scale"]
        if state["recent"].tolist() != self.recent.tolist():
            raise RuntimeError("no")


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
