"""Whether an optimizer's step follows the size of its gradients: measured, so that it holds of your own rules too."""

import math
from dataclasses import replace

import numpy as np

from fastlr.optimizer import Optimizer
from fastlr.rules.base import Rule

GROWN = 1000.0
"""The gradients of the second run, in units of those of the first."""


def normalises(rule: Rule) -> bool:
    """Whether the rule divides by the size of its gradients: a thousand times the gradients make the same steps.

    Examples
    --------
    >>> [normalises(rule()) for rule in (fastlr.rules.SGD, fastlr.rules.Adagrad, fastlr.rules.Adam)]
    [False, True, True]
    """
    moved = []
    for size in (1.0, GROWN):
        w = np.zeros(1)
        optimizer = Optimizer(w, replace(rule, lr=1.0, overrides=None, no_decay=()))
        for _ in range(3):
            optimizer.step(np.array([size]))
        moved.append(abs(float(w[0])))
    small, large = moved
    return large < small * math.sqrt(GROWN)
