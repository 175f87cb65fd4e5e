"""The baseline: AUTOTRAINER's rules, as its paper describes them, on the training accuracy by epoch.

Zhang et al. 2021, "AUTOTRAINER: An Automatic DNN Training Problem Detection and Repair System", ICSE.  It knows
oscillating loss (the rate is too high), slow convergence (too low), and losses that are not finite; nothing of
schedules, and nothing without an accuracy.
"""

import numpy as np

from docs.diagnosis.corpus import Specimen

GAP, OFTEN = 0.03, 0.20
"""Oscillating: neighbouring extrema of the accuracy that differ by so much, in so many of the epochs."""
RISE, POOR = 0.01, 0.60
"""Slow: no epoch rises by more, and the accuracy never gets higher."""


def verdict(specimen: Specimen) -> str:
    """What the rules say."""
    if specimen.trace.broke is not None:
        return "diverging"
    accuracy = specimen.accuracy[np.isfinite(specimen.accuracy)]
    changes = np.diff(accuracy)
    turns = np.flatnonzero(changes[1:] * changes[:-1] < 0) + 1
    extrema = accuracy[turns]
    if len(extrema) > 1 and (np.abs(np.diff(extrema)) >= GAP).sum() >= OFTEN * len(accuracy):
        return "too high"
    if len(changes) and changes.max() < RISE and accuracy.max() < POOR:
        return "too low"
    return "healthy"
