"""What the losses of a ramp say: from which rate on it is useful, up to which stable, which to take.  Or why nothing.

Design: what marks the curve best is where it turns up again, the largest stable rate; the lowest point before it is
flat and wanders, and the steepest point belongs to a model that has learnt nothing yet.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from fastlr.lab.data import Floats
from fastlr.lab.finding.ramp import SLACK
from fastlr.lab.finding.smoothing import fit

FEWEST = 20
"""Points that a curve must have."""
WIDTH = 0.1
"""Decades: deviation of the window that the line is fitted in."""
EARLY = 0.1
"""What stops in this share of the ramp was too high from the start."""
LITTLE, SMALL = 0.002, 0.02
"""A gain below this share of the first loss is none, or, where the curve has not turned up, not worth the name."""
NOISY = 4.0
"""And one below so many times the noise."""
USEFUL = 0.1
"""Of the gain: what makes a rate useful."""
RISEN = 0.1
"""A loss that much (as a share) above the lowest has turned up; a loss that can be negative: that share of the gain."""
FLOOR = 8.0
"""A curve that is flat for longer than this factor behind its lowest point is not learning there, but stuck."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What the ramp of one seed, or the median over several, says.

    Attributes
    ----------
    rates : float64 array, shape (points,)
        Those whose loss is known.
    losses, values, slopes : float64 array, shape (points,)
        The loss after the step with each rate; the robust fit of it, and its derivative by the rate's logarithm to the
        base of 10.
    useful, stable : float
        Where a tenth of the gain is reached, and where the loss turns up again; NaN if refused.
    refusal : str
        Why nothing can be suggested, and what to do; or "".
    """

    rates: Floats
    losses: Floats
    values: Floats
    slopes: Floats
    useful: float = math.nan
    stable: float = math.nan
    refusal: str = ""


def read(rates: Floats, losses: Floats) -> Reading:
    """Read a ramp.

    Parameters
    ----------
    rates : float64 array, shape (steps,)
    losses : float64 array, shape (points, runs), points at most steps + 1
        Before the first step, then after each; not finite from where a run was stopped.

    Returns
    -------
    Reading
    """
    start = float(np.median(losses[0]))
    if not math.isfinite(start):
        nothing = np.empty(0)
        return Reading(nothing, nothing, nothing, nothing, refusal=NOT_FINITE)
    middle, stopped = _middle(losses)
    tried = rates[: len(middle)]
    if len(middle) < 2:
        return Reading(tried, middle, middle, np.zeros_like(middle), refusal=_at_once(rates))
    values, slopes = fit(np.log10(tried), middle, WIDTH)
    found = Reading(tried, middle, values, slopes)
    if refusal := _refusal(rates, found, start, stopped):
        return replace(found, refusal=refusal)
    # in logarithms where there are: a loss that fell a hundredfold has turned up long before it is back half way
    scaled = np.log(middle) if middle.min() > 0 else middle
    smooth, _ = fit(np.log10(tried), scaled, WIDTH)
    lowest = int(smooth.argmin())
    enough = RISEN if middle.min() > 0 else RISEN * (start - float(smooth[lowest]))
    above = np.flatnonzero(smooth[lowest:] > smooth[lowest] + enough)
    if not above.size and not stopped:
        return replace(found, refusal=_too_low(rates, start, float(values.min())))
    turn = lowest + int(above[0]) if above.size else len(tried) - 1
    turn = min(turn, int(np.searchsorted(tried, FLOOR * tried[lowest], side="right")) - 1)
    gain = start - float(values.min())
    reached = np.flatnonzero(values <= start - USEFUL * gain)
    first = int(reached[0]) if reached.size else lowest
    return replace(found, useful=float(tried[min(first, turn)]), stable=float(tried[turn]))


NOT_FINITE = "the loss is not finite before the first step: standardise the data, or look at the initial weights"


def _at_once(rates: Floats) -> str:
    return f"diverged at once, at {rates[0]:.3g}: lower min_lr, or standardise the data"


def _middle(losses: Floats) -> tuple[Floats, bool]:
    """The median over the runs after each step, up to where half of them were stopped; and whether they were."""
    after = np.where(np.isfinite(losses[1:]), losses[1:], np.inf)
    middle = np.median(after, axis=1)
    ends = np.flatnonzero(~np.isfinite(middle))
    stopped = ends.size > 0
    if stopped:
        middle = middle[: ends[0]]
    start = float(np.median(losses[0]))
    # how far beyond the start it got before it was stopped says nothing, and would bend the fit
    highest = start + max(start - float(middle.min(initial=start)), SLACK * abs(start))
    return np.minimum(middle, highest), stopped


def _refusal(rates: Floats, found: Reading, start: float, stopped: bool) -> str:
    """Why nothing can be suggested, or ""."""
    points = len(found.rates)
    gain = start - float(found.values.min())
    noise = 1.4826 * float(np.median(np.abs(found.losses - found.values)))
    flat = gain <= max(LITTLE * abs(start), NOISY * noise)
    if stopped and (points <= EARLY * len(rates) or (flat and points < FEWEST)):
        return _at_once(rates)
    if points < FEWEST:
        return f"too few points: {points}, at least {FEWEST} are needed: raise steps"
    if flat and stopped:
        return (
            f"nothing was learnt before it diverged at {found.rates[-1]:.3g}: raise steps, or look at the loss and its "
            "gradient"
        )
    if flat:
        return _too_low(rates, start, start)
    return ""


def _too_low(rates: Floats, start: float, lowest: float) -> str:
    if start - lowest <= SMALL * abs(start):
        return f"flat: the loss hardly fell up to {rates[-1]:.3g}: raise max_lr"
    return f"the loss never rose up to {rates[-1]:.3g}: raise max_lr, the limit is above"
