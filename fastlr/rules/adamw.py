"""AdamW: Adam whose weight decay is decoupled.  Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2.

    w = (1 - lr weight_decay) w - <Adam's step for the gradient alone>

The decay is scaled by the rate (torch, keras, optax), not by the schedule's multiplier alone as in the paper.
The kernels and coefficients are Adam's.
"""

from dataclasses import dataclass

from fastlr.rules.adam import Adam
from fastlr.rules.settings import Schedulable, setting


@dataclass(frozen=True)
class AdamW(Adam):
    """AdamW: Adam with decoupled weight decay, `w` shrinks by `1 - lr * weight_decay` before each step.

    Parameters
    ----------
    params : array, or sequence or mapping of arrays, or `Packed`, or list of groups
        float32 or float64; updated in place.
    lr : float or callable of the step
        Learning rate; 1e-3.
    betas : pair of float or callable of the step
        Decay of the averages of the gradient and of its square, each in [0, 1); (0.9, 0.999).
    eps : float or callable of the step
        Added to the root, at least 0; 1e-8, like keras 1e-7.
    weight_decay : float or callable of the step
        At least 0; 0.01, like keras 0.004, like optax 0.0001.
    amsgrad : bool
        Divide by the root of the largest average so far.
    maximize : bool
        Go up instead of down.
    eps_root : float or callable of the step
        Added inside the root, at least 0; optax's `eps_root`.
    like : {"torch", "keras", "optax"}
        Whose formula and defaults.
    backend : {"auto", "cython", "numba", "numpy"}
        Who runs it; the bits are the same.
    denormals : {"keep", "flush"}
        What becomes of numbers below the normal range: see `fastlr.rules.Rule`.
    overrides, no_decay
        Settings by patterns of parameters' names: see `fastlr.rules.Rule`.
    accumulate, grad_scale, on_nonfinite, max_norm, clip_value, average, zero_grads, report, ...
        What a step does around the update: see `fastlr.rules.Options`.

    Raises
    ------
    ValueError, TypeError
        For a setting or an array that cannot be used; nothing is changed then.

    References
    ----------
    Loshchilov & Hutter 2019, arXiv:1711.05101.

    Examples
    --------
    >>> w = np.array([2.0])
    >>> opt = fastlr.AdamW(w, lr=0.1, weight_decay=0.5)
    >>> opt.step(np.array([0.0]))
    True
    >>> w
    array([1.9])
    """

    conventions = {library: {**Adam.conventions[library], "decoupled": 1} for library in ("torch", "keras", "optax")}

    weight_decay: Schedulable = setting(1e-2, low=0.0, keras=4e-3, optax=1e-4)
