"""When an epoch is the last one."""

import math
from dataclasses import dataclass


@dataclass
class Patience:
    """Counts epochs that did not improve.

    Parameters
    ----------
    tol : float
        What counts as an improvement.
    epochs : int or inf
        How many epochs in a row without one are borne.

    Examples
    --------
    >>> patience = Patience(tol=0.1, epochs=1)
    >>> [patience.observe(score) for score in (0.5, 0.7, 0.75, 0.76)]
    [True, True, True, True]
    >>> patience.best, patience.bad, patience.exhausted
    (0.76, 2, True)
    """

    tol: float
    epochs: float
    best: float = -math.inf
    bad: int = 0

    def observe(self, score: float) -> bool:
        """Whether the score, of which more is better, is the best so far."""
        # NaN is no improvement
        self.bad = 0 if score >= self.best + self.tol else self.bad + 1
        if score > self.best:
            self.best = score
            return True
        return False

    @property
    def exhausted(self) -> bool:
        """Whether it is time to stop."""
        return self.bad > self.epochs
