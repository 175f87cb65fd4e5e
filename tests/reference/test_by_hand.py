"""The references against arithmetic done by hand from each library's documented formula.

One weight, a step or two: the name, the settings, the first weight, the gradients, the weights expected.
The rate is 1/2, then 1/4, so that where it stands matters.
"""

from math import sqrt
from typing import Any

import numpy as np
import pytest

from fastlr import reference

Case = tuple[str, dict[str, Any], float, list[float], list[float]]
SHORT = {"betas": (0.5, 0.75)}  # g = 2 first: m = 1, v = 1, unbiased 2 and 4; the short form's rate is lr
LARGEST = {"betas": (0.0, 0.75), "eps": 0.0, "amsgrad": True}  # g = 4, 1: v = 4, 13/4; unbiased 16, 52/7


def likes(names: str, name: str, settings: dict[str, Any], *rest: Any) -> list[Case]:
    return [(name, {"like": like, **settings}, *rest) for like in names.split()]


CASES: list[Case] = [
    # the rate inside: v = -0.5, then -0.25 - 0.25; outside: v = 1, then 1.5
    *likes("keras sklearn", "sgd", {"momentum": 0.5}, 0, [1, 1], [-0.5, -1.0]),
    *likes("torch optax", "sgd", {"momentum": 0.5}, 0, [1, 1], [-0.5, -0.875]),
    # Nesterov, inside: -0.25 - 0.5, then -0.25 - 0.25; outside: 0.5 * 1.5, then 0.25 * 1.75
    *likes("keras sklearn", "sgd", {"momentum": 0.5, "nesterov": True}, 0, [1, 1], [-0.75, -1.25]),
    *likes("torch optax", "sgd", {"momentum": 0.5, "nesterov": True}, 0, [1, 1], [-0.75, -1.1875]),
    # dampening: not in the first step: v = 1, then 0.5 + 0.75; the others than torch have none
    *likes("torch", "sgd", {"momentum": 0.5, "dampening": 0.25}, 0, [1, 1], [-0.5, -0.8125]),
    # decoupled decay: off the weights, and neither velocity nor averages carry it
    *likes("keras optax", "sgd", {"momentum": 0.5, "weight_decay": 0.5}, 8, [0, 0], [6, 5.25]),
    *likes("keras optax", "adagrad", {"weight_decay": 0.5, "eps": 1.0}, 8, [0, 0], [6, 5.25]),
    *likes("keras optax", "adagrad", {"weight_decay": 0.5, "lr_decay": 1.0}, 8, [0, 0], [6, 5.625]),
    *likes("keras optax", "rmsprop", {"momentum": 0.5, "weight_decay": 0.5}, 8, [0, 0], [6, 5.25]),
    *likes("keras optax", "adam", {"weight_decay": 0.5}, 8, [0, 0], [6, 5.25]),
    *likes("torch keras optax", "adamw", {"weight_decay": 0.5}, 8, [0, 0], [6, 5.25]),
    # L2: g = 4, v = -2; then g = 3, v = -1 - 0.75; Adam sees g = 2
    *likes("sklearn", "sgd", {"momentum": 0.5, "weight_decay": 0.5}, 8, [0, 0], [6, 4.25]),
    *likes("sklearn", "adam", {"eps": 1.0, "weight_decay": 0.5, **SHORT}, 4, [0], [3.75]),
    # going up, decoupled decay still shrinks
    *likes("keras optax", "sgd", {"weight_decay": 0.5, "maximize": True}, 8, [1], [6.5]),
    *likes("keras optax", "adam", {"weight_decay": 0.5, "maximize": True, "eps": 0.0}, 8, [1], [6.5]),
    # eps inside the root: sqrt(7 + 1 + 1); sqrt(7 + 1 + 8)
    *likes("keras optax", "adagrad", {"initial_accumulator_value": 7.0, "eps": 1.0}, 0, [1], [-0.5 / 3]),
    *likes("keras optax", "adagrad", {"initial_accumulator_value": 7.0, "eps": 8.0}, 0, [1], [-0.125]),
    # v = 1, sqrt(1 + 3) = 2; centered: v = 2, a = 1, sqrt(2 - 1 + 3) = 2
    *likes("keras optax", "rmsprop", {"alpha": 0.75, "eps": 3.0}, 0, [2], [-0.5]),
    *likes("keras optax", "rmsprop", {"alpha": 0.5, "eps": 3.0, "centered": True}, 0, [2], [-0.5]),
    # the rate inside the momentum: m = 0.5, then 0.25 + 0.25; outside: m = 1, then 1.5
    *likes("keras optax", "rmsprop", {"alpha": 0.0, "eps": 0.0, "momentum": 0.5}, 0, [3, 5], [-0.5, -1.0]),
    *likes("torch", "rmsprop", {"alpha": 0.0, "eps": 0.0, "momentum": 0.5}, 0, [3, 5], [-0.5, -0.875]),
    # eps beside the root of v: 1 / (1 + 1); of the unbiased v: 2 / (2 + 1)
    *likes("keras sklearn", "adam", {"eps": 1.0, **SHORT}, 0, [2], [-0.25]),
    *likes("torch optax", "adam", {"eps": 1.0, **SHORT}, 0, [2], [-1 / 3]),
    # eps_root: 1 / (sqrt(1 + 3) + 2); 2 / (sqrt(4 + 5) + 1)
    *likes("keras sklearn", "adam", {"eps": 2.0, "eps_root": 3.0, **SHORT}, 0, [2], [-0.125]),
    *likes("torch optax", "adam", {"eps": 1.0, "eps_root": 5.0, **SHORT}, 0, [2], [-0.25]),
    # amsgrad, second step: of v, 1 / sqrt(4 / (7/16)) = sqrt(7) / 8; of the unbiased v, 1 / sqrt(16)
    *likes("torch keras sklearn", "adam", LARGEST, 0, [4, 1], [-0.5, -0.5 - sqrt(7) / 32]),
    *likes("optax", "adam", LARGEST, 0, [4, 1], [-0.5, -0.5625]),
]
# AdamW is Adam where there is no decay or a decoupled one.
CASES += [
    ("adamw", {"weight_decay": 0.0, **settings}, theta, gradients, expected)
    for name, settings, theta, gradients, expected in CASES
    if name == "adam" and settings["like"] != "sklearn"
]


@pytest.mark.parametrize(("name", "settings", "theta", "gradients", "expected"), CASES)
def test_by_hand(
    name: str, settings: dict[str, Any], theta: float, gradients: list[float], expected: list[float]
) -> None:
    rate = [0.5, 0.25].__getitem__
    steps = getattr(reference, name)(np.array(theta, float), map(np.float64, gradients), rate, **settings)
    np.testing.assert_allclose(list(steps), expected, rtol=1e-15)
