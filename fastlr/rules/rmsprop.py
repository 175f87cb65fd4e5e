"""RMSprop, plain, centered, with momentum, or both.  Tieleman & Hinton 2012, lecture 6.5; Graves 2013, arXiv:1308.0850.

    v = alpha v + (1 - alpha) g^2        a = alpha a + (1 - alpha) g (centered)
    d = g / (sqrt(v - a^2) + eps)        plain: g / (sqrt(v) + eps)
    m = momentum m + d                   w = w - lr m        without momentum: w = w - lr d

Where libraries disagree:

- torch puts eps beside the root (1e-8) and the rate outside the buffer, as above; keras (eps 1e-7) and optax (1e-8)
  put eps inside the root and the rate inside the buffer: m = momentum m + lr d, w = w - m.
- v - a^2 is never negative except by rounding, where torch then gives NaN: here it is 0.
- weight decay is added to g by torch; keras and optax shrink w by 1 - lr weight_decay.
"""

from dataclasses import KW_ONLY, dataclass

from fastlr.rules.base import Rule
from fastlr.rules.settings import Schedulable, flag, setting
from fastlr.rules.text import Coefficients, Kernel
from fastlr.rules.vocabulary import positive, sqrt


def rmsprop(w, g, v, scale, decay, shrink, alpha, rest, eps_root, eps, lr):
    g = scale * g + decay * w
    v = alpha * v + (rest * g) * g
    w = w - (shrink * w + lr * g / (sqrt(v + eps_root) + eps))
    return w, v


def rmsprop_momentum(w, g, v, m, scale, decay, shrink, alpha, rest, eps_root, eps, momentum, inside, outside):
    g = scale * g + decay * w
    v = alpha * v + (rest * g) * g
    m = momentum * m + inside * g / (sqrt(v + eps_root) + eps)
    w = w - (shrink * w + outside * m)
    return w, v, m


def rmsprop_centered(w, g, v, a, scale, decay, shrink, alpha, rest, eps_root, eps, lr):
    g = scale * g + decay * w
    v = alpha * v + (rest * g) * g
    a = alpha * a + rest * g
    w = w - (shrink * w + lr * g / (sqrt(positive(v - a * a) + eps_root) + eps))
    return w, v, a


def rmsprop_centered_momentum(
    w, g, v, a, m, scale, decay, shrink, alpha, rest, eps_root, eps, momentum, inside, outside
):
    g = scale * g + decay * w
    v = alpha * v + (rest * g) * g
    a = alpha * a + rest * g
    m = momentum * m + inside * g / (sqrt(positive(v - a * a) + eps_root) + eps)
    w = w - (shrink * w + outside * m)
    return w, v, a, m


def rmsprop_step(t, lr, alpha, eps, weight_decay, momentum, maximize, decoupled, eps_inside, lr_inside):
    scale = -1.0 if maximize else 1.0
    decay = 0.0 if decoupled else weight_decay
    shrink = lr * weight_decay if decoupled else 0.0
    rest = 1.0 - alpha
    eps_root = eps if eps_inside else 0.0
    eps = 0.0 if eps_inside else eps
    inside = lr if lr_inside else 1.0
    outside = 1.0 if lr_inside else lr
    return scale, decay, shrink, alpha, rest, eps_root, eps, momentum, inside, outside, lr


@dataclass(frozen=True)
class RMSprop(Rule):
    """RMSprop: the gradient divided by the root of a running average of its square.

    Parameters
    ----------
    params : array, or sequence or mapping of arrays, or `Packed`, or list of groups
        float32 or float64; updated in place.
    lr : float or callable of the step
        Learning rate; 0.01, like keras 0.001.
    alpha : float or callable of the step
        Decay of the average in [0, 1); 0.99, like keras and optax 0.9 (`rho`, `decay`).
    eps : float or callable of the step
        Added to the root, at least 0; 1e-8.  Like keras (1e-7) and optax (1e-8) inside the root.
    weight_decay : float or callable of the step
        At least 0; added to the gradient (like torch) or taken off the weights (like keras, optax).
    momentum : float or callable of the step
        What is kept of the buffer of steps, at least 0; 0 (no buffer).
    centered : bool
        Divide by the root of the variance instead of the mean square.
    maximize : bool
        Go up instead of down.
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
    Tieleman & Hinton 2012, Coursera lecture 6.5; Graves 2013, arXiv:1308.0850, section 4.2 (centered).

    Examples
    --------
    >>> w = np.array([1.0])
    >>> opt = fastlr.RMSprop(w, lr=0.1, alpha=0.75, eps=0.0)
    >>> opt.step(np.array([4.0]))
    True
    >>> w  # 1 - 0.1 * 4 / sqrt(0.25 * 16)
    array([0.8])
    """

    kernels = (Kernel(rmsprop), Kernel(rmsprop_momentum), Kernel(rmsprop_centered), Kernel(rmsprop_centered_momentum))
    coefficients = Coefficients(rmsprop_step)
    conventions = {
        "torch": {"decoupled": 0, "eps_inside": 0, "lr_inside": 0},
        "keras": {"decoupled": 1, "eps_inside": 1, "lr_inside": 1},
        "optax": {"decoupled": 1, "eps_inside": 1, "lr_inside": 1},
    }

    lr: Schedulable = setting(1e-2, low=0.0, keras=1e-3)
    alpha: Schedulable = setting(0.99, low=0.0, below=1.0, keras=0.9, optax=0.9)
    eps: Schedulable = setting(1e-8, low=0.0, keras=1e-7)
    weight_decay: Schedulable = setting(0.0, low=0.0)
    momentum: Schedulable = setting(0.0, low=0.0)
    centered: bool = flag(False)
    _: KW_ONLY
    maximize: bool = flag(False)

    @property
    def kernel(self) -> Kernel:
        return self.kernels[2 * self.centered + (self.momentum != 0)]
