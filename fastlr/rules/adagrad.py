"""Adagrad.  Duchi, Hazan & Singer 2011, JMLR 12, figure 1 (diagonal).

    v = v + g^2        w = w - lr g / (sqrt(v) + eps)        lr = lr_0 / (1 + (t - 1) lr_decay)

Where libraries disagree:

- torch: v starts at 0, eps = 1e-10 beside the root; keras and optax: v starts at 0.1, eps = 1e-7 inside it.
  (Keras of 2019: like="keras", lr=0.01, initial_accumulator_value=0.)
- weight decay is added to g by torch; keras and optax shrink w by 1 - lr weight_decay.
"""

from dataclasses import KW_ONLY, dataclass

from fastlr.rules.base import Rule
from fastlr.rules.settings import Schedulable, flag, setting
from fastlr.rules.text import Coefficients, Kernel
from fastlr.rules.vocabulary import sqrt


def adagrad(w, g, v, scale, decay, shrink, eps_root, eps, step):
    g = scale * g + decay * w
    v = v + g * g
    w = w - (shrink * w + step * g / (sqrt(v + eps_root) + eps))
    return w, v


def adagrad_step(t, lr, lr_decay, weight_decay, eps, maximize, decoupled, eps_inside):
    scale = -1.0 if maximize else 1.0
    decay = 0.0 if decoupled else weight_decay
    eps_root = eps if eps_inside else 0.0
    eps = 0.0 if eps_inside else eps
    step = lr / (1.0 + (t - 1.0) * lr_decay)
    shrink = step * weight_decay if decoupled else 0.0
    return scale, decay, shrink, eps_root, eps, step


@dataclass(frozen=True)
class Adagrad(Rule):
    """Adagrad: each weight's rate falls with the sum of its squared gradients.

    Parameters
    ----------
    params : array, or sequence or mapping of arrays, or `Packed`, or list of groups
        float32 or float64; updated in place.
    lr : float or callable of the step
        Learning rate; 0.01, like keras 0.001.
    lr_decay : float or callable of the step
        The rate is divided by `1 + (t - 1) * lr_decay`, t = 1, 2, ...; at least 0.
    weight_decay : float or callable of the step
        At least 0; added to the gradient (like torch) or taken off the weights (like keras, optax).
    initial_accumulator_value : float
        What the sums of squares start at, at least 0; 0, like keras and optax 0.1.
    eps : float or callable of the step
        Added to the root, at least 0; 1e-10.  Like keras and optax inside the root, 1e-7.
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
    Duchi, Hazan & Singer 2011, JMLR 12:2121.

    Examples
    --------
    >>> w = np.array([1.0])
    >>> opt = fastlr.Adagrad(w, lr=0.5, eps=0.0)
    >>> opt.step(np.array([3.0])), opt.step(np.array([4.0]))
    (True, True)
    >>> w  # 1 - 0.5 * 3/3 - 0.5 * 4/5
    array([0.1])
    """

    kernels = (Kernel(adagrad),)
    coefficients = Coefficients(adagrad_step)
    conventions = {
        "torch": {"decoupled": 0, "eps_inside": 0},
        "keras": {"decoupled": 1, "eps_inside": 1},
        "optax": {"decoupled": 1, "eps_inside": 1},
    }

    lr: Schedulable = setting(1e-2, low=0.0, keras=1e-3)
    lr_decay: Schedulable = setting(0.0, low=0.0)
    weight_decay: Schedulable = setting(0.0, low=0.0)
    initial_accumulator_value: float = setting(0.0, low=0.0, schedulable=False, keras=0.1, optax=0.1)
    eps: Schedulable = setting(1e-10, low=0.0, keras=1e-7, optax=1e-7)
    _: KW_ONLY
    maximize: bool = flag(False)

    def initial(self, state: str) -> float:
        return self.initial_accumulator_value
