"""SGD, with momentum (Polyak 1964) or Nesterov's momentum (Sutskever et al. 2013).

    plain       w = w - lr g
    momentum    m = momentum m + (1 - dampening) g        w = w - lr m
    nesterov    m = momentum m + g                        w = w - lr (g + momentum m)

Where libraries disagree:

- torch and optax keep the rate outside the buffer, as above; keras and scikit-learn put it inside,
  m = momentum m + lr g and w = w - m, so a change of the rate takes effect gradually.
  (Their buffer has the other sign; ours is the same number negated.)
- torch does not dampen the first step; the others have no dampening.
- weight decay is added to g by torch and scikit-learn; keras and optax shrink w by 1 - lr weight_decay.
"""

from dataclasses import KW_ONLY, dataclass

from fastlr.rules.base import Rule
from fastlr.rules.settings import Schedulable, flag, setting
from fastlr.rules.text import Coefficients, Kernel


def sgd(w, g, scale, decay, shrink, lr):
    g = scale * g + decay * w
    w = w - (shrink * w + lr * g)
    return w


def sgd_momentum(w, g, m, scale, decay, shrink, momentum, inside, outside):
    g = scale * g + decay * w
    m = momentum * m + inside * g
    w = w - (shrink * w + outside * m)
    return w, m


def sgd_nesterov(w, g, m, scale, decay, shrink, momentum, inside, outside):
    g = scale * g + decay * w
    m = momentum * m + inside * g
    w = w - (shrink * w + outside * (inside * g + momentum * m))
    return w, m


def sgd_step(t, lr, momentum, dampening, weight_decay, maximize, decoupled, lr_inside):
    scale = -1.0 if maximize else 1.0
    decay = 0.0 if decoupled else weight_decay
    shrink = lr * weight_decay if decoupled else 0.0
    share = 1.0 if t == 1.0 else 1.0 - dampening
    inside = lr if lr_inside else share
    outside = 1.0 if lr_inside else lr
    return scale, decay, shrink, lr, momentum, inside, outside


@dataclass(frozen=True)
class SGD(Rule):
    """SGD: a step against the gradient, plain, with momentum, or with Nesterov's momentum.

    Parameters
    ----------
    params : array, or sequence or mapping of arrays, or `Packed`, or list of groups
        float32 or float64; updated in place.
    lr : float or callable of the step
        Learning rate; 1e-3, like keras 0.01, like sklearn 0.1.
    momentum : float or callable of the step
        What is kept of the buffer at each step, at least 0; 0 (no buffer), like sklearn 0.9.
    dampening : float or callable of the step
        1 - the gradient's share in the buffer, from the second step on; only like torch.
    weight_decay : float or callable of the step
        At least 0; added to the gradient (like torch, sklearn) or taken off the weights (like keras, optax).
    nesterov : bool
        Step to where the momentum will lead; like sklearn True.
    maximize : bool
        Go up instead of down.
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
    Polyak 1964, USSR Comp. Math. 4(5); Sutskever et al. 2013, ICML 28(3) (Nesterov).

    Examples
    --------
    >>> w = np.array([1.0, 2.0])
    >>> opt = fastlr.SGD(w, lr=0.5, momentum=0.9)
    >>> opt.step(np.array([1.0, 1.0]))
    True
    >>> w
    array([0.5, 1.5])
    """

    kernels = (Kernel(sgd), Kernel(sgd_momentum), Kernel(sgd_nesterov))
    coefficients = Coefficients(sgd_step)
    conventions = {
        "torch": {"decoupled": 0, "lr_inside": 0},
        "keras": {"decoupled": 1, "lr_inside": 1},
        "optax": {"decoupled": 1, "lr_inside": 0},
        "sklearn": {"decoupled": 0, "lr_inside": 1},
    }

    lr: Schedulable = setting(1e-3, low=0.0, keras=1e-2, sklearn=0.1)
    momentum: Schedulable = setting(0.0, low=0.0, sklearn=0.9)
    dampening: Schedulable = setting(0.0)
    weight_decay: Schedulable = setting(0.0, low=0.0)
    nesterov: bool = flag(False, sklearn=True)
    _: KW_ONLY
    maximize: bool = flag(False)

    def check(self) -> None:
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError(
                f"SGD(nesterov=True): momentum must be above 0 and dampening 0, "
                f"got momentum={self.momentum} and dampening={self.dampening}"
            )
        if self.dampening != 0 and self.like != "torch":
            raise ValueError(f"SGD(dampening={self.dampening}): dampening must be 0 with like={self.like!r}")

    @property
    def kernel(self) -> Kernel:
        return self.kernels[2 if self.nesterov else 1 if self.momentum else 0]
