"""A robust line through a window around each point: the smooth curve and its slope at once.

Design: a moving average lags behind and is drawn up at the beginning; an exponential one lags always.  A weighted line
through the neighbourhood has no bias where the curve is straight, not at the ends either, and gives the slope that the
range test asks for.  Points far off the line (a bad batch) lose their weight: Tukey's biweight, as in Cleveland 1979,
JASA 74:829.
"""

import numpy as np

from fastlr.lab.data import Floats

ROUNDS = 2
"""Of taking weight from outliers."""
FAR = 6.0
"""What is so many median absolute residuals off the line has no weight."""


def fit(x: Floats, y: Floats, width: float) -> tuple[Floats, Floats]:
    """The curve and its slope at every x.

    Parameters
    ----------
    x, y : float64 arrays, shape (points,)
        Finite; x increasing.
    width : float
        Deviation of the window's bell, in units of x.  It is never below half the widest gap between neighbours.

    Returns
    -------
    (values, slopes) : float64 arrays, shape (points,)

    Examples
    --------
    A line stays a line up to its ends, whatever one bad point says:

    >>> x = np.linspace(0, 1, 11)
    >>> y = 3 - 2 * x
    >>> y[5] = 40
    >>> values, slopes = fit(x, y, width=0.2)
    >>> values[[0, 5, 10]].round(6), slopes[[0, 5, 10]].round(6)
    (array([3., 2., 1.]), array([-2., -2., -2.]))
    """
    if len(x) < 2:
        return y.copy(), np.zeros_like(y)
    width = max(width, 0.5 * float(np.diff(x).max()))
    apart = x - x[:, None]
    near = np.exp(-0.5 * (apart / width) ** 2)
    trust = np.ones_like(y)
    values, slopes = _lines(apart, y, near)
    for _ in range(ROUNDS):
        off = np.abs(y - values)
        # of the neighbourhood: residuals grow where the curve does
        usual = _local_median(off, near)
        reach = FAR * np.maximum(usual, 1e-12 * (1e-300 + np.abs(y).max()))
        trust = np.clip(1 - (off / reach) ** 2, 0, None) ** 2
        values, slopes = _lines(apart, y, near * (trust + 1e-9))
    return values, slopes


def _lines(apart: Floats, y: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The weighted least squares line at each point, by its value and slope there."""
    total = weights.sum(axis=1)
    middle = (weights * apart).sum(axis=1) / total
    mean = weights @ y / total
    off = apart - middle[:, None]
    spread = (weights * off * off).sum(axis=1)
    slopes = (weights * off * y).sum(axis=1) / spread
    return mean - slopes * middle, slopes


def _local_median(values: Floats, near: Floats) -> Floats:
    """The median of the values around each point, weighted by nearness."""
    order = np.argsort(values)
    share = np.cumsum(near[:, order], axis=1)
    middle = (share < 0.5 * share[:, -1:]).sum(axis=1)
    medians: Floats = values[order][middle]
    return medians
