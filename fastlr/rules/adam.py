"""Adam.  Kingma & Ba 2015, arXiv:1412.6980, algorithm 1; amsgrad: Reddi et al. 2018, arXiv:1904.09237.

    m = beta1 m + (1 - beta1) g
    v = beta2 v + (1 - beta2) g^2
    w = w - lr / (1 - beta1^t) * m / (sqrt(v / (1 - beta2^t)) + eps)        amsgrad: u = max(u, v) for v

Where libraries disagree:

- torch and optax put eps beside the unbiased root, as above; keras and scikit-learn take the paper's shorter form
  (end of its section 2), lr sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps), where eps weighs more early.
- weight decay is added to g by torch and scikit-learn; keras and optax shrink w by 1 - lr weight_decay.
- amsgrad takes the maximum of v, in optax of the unbiased v.
"""

from dataclasses import KW_ONLY, dataclass

from fastlr.rules.base import Rule
from fastlr.rules.settings import Schedulable, flag, setting
from fastlr.rules.text import Coefficients, Kernel
from fastlr.rules.vocabulary import maximum, power, sqrt


def adam(w, g, m, v, scale, decay, shrink, beta1, rest1, beta2, rest2, root, eps_root, eps, step):
    g = scale * g + decay * w
    m = beta1 * m + rest1 * g
    v = beta2 * v + (rest2 * g) * g  # in this order, for g * g may overflow where the product does not
    w = w - (shrink * w + step * m / (root * sqrt(v + eps_root) + eps))
    return w, m, v


def adam_amsgrad(w, g, m, v, u, scale, decay, shrink, beta1, rest1, beta2, rest2, unbias, root, eps_root, eps, step):
    g = scale * g + decay * w
    m = beta1 * m + rest1 * g
    v = beta2 * v + (rest2 * g) * g
    u = maximum(u, unbias * v)
    w = w - (shrink * w + step * m / (root * sqrt(u + eps_root) + eps))
    return w, m, v, u


def adam_step(
    t, lr, beta1, beta2, eps, eps_root, weight_decay, amsgrad, maximize, decoupled, short_form, unbiased_maximum
):
    bias1 = 1.0 - power(beta1, t)
    bias2 = 1.0 - power(beta2, t)
    scale = -1.0 if maximize else 1.0
    decay = 0.0 if decoupled else weight_decay
    shrink = lr * weight_decay if decoupled else 0.0
    rest1 = 1.0 - beta1
    rest2 = 1.0 - beta2
    unbias = 1.0 / bias2 if unbiased_maximum else 1.0
    root = 1.0 if short_form or (amsgrad and unbiased_maximum) else 1.0 / sqrt(bias2)
    step = lr * sqrt(bias2) / bias1 if short_form else lr / bias1
    # eps_root belongs to the unbiased v, the kernel's v is biased
    eps_root = eps_root / (root * root)
    return scale, decay, shrink, beta1, rest1, beta2, rest2, unbias, root, eps_root, eps, step


@dataclass(frozen=True)
class Adam(Rule):
    """Adam: a step as long as the rate, whatever the size of the gradients.

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
        At least 0; added to the gradient (like torch, sklearn) or taken off the weights (like keras, optax).
    amsgrad : bool
        Divide by the root of the largest average so far.
    maximize : bool
        Go up instead of down.
    eps_root : float or callable of the step
        Added inside the root, at least 0; optax's `eps_root`.
    like : {"torch", "keras", "optax", "sklearn"}
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
    Kingma & Ba 2015, arXiv:1412.6980; Reddi et al. 2018, arXiv:1904.09237 (amsgrad).

    Examples
    --------
    >>> w = np.ones(3, dtype="float32")
    >>> opt = fastlr.Adam(w, lr=0.1)
    >>> opt.step(np.array([1, 10, 100], dtype="float32"))
    True
    >>> w
    array([0.9, 0.9, 0.9], dtype=float32)
    """

    kernels = (Kernel(adam), Kernel(adam_amsgrad))
    coefficients = Coefficients(adam_step)
    conventions = {
        "torch": {"decoupled": 0, "short_form": 0, "unbiased_maximum": 0},
        "keras": {"decoupled": 1, "short_form": 1, "unbiased_maximum": 0},
        "optax": {"decoupled": 1, "short_form": 0, "unbiased_maximum": 1},
        "sklearn": {"decoupled": 0, "short_form": 1, "unbiased_maximum": 0},
    }

    betas: tuple[Schedulable, Schedulable] = setting((0.9, 0.999), low=0.0, below=1.0, parts=("beta1", "beta2"))
    eps: Schedulable = setting(1e-8, low=0.0, keras=1e-7)
    weight_decay: Schedulable = setting(0.0, low=0.0)
    amsgrad: bool = flag(False)
    _: KW_ONLY
    maximize: bool = flag(False)
    eps_root: Schedulable = setting(0.0, low=0.0)

    @property
    def kernel(self) -> Kernel:
        return self.kernels[1 if self.amsgrad else 0]
