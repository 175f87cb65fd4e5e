"""Row-wise Adagrad, for embedding tables: one accumulator a row.  Mudigere et al. 2022, arXiv:2104.05158; Lerer et al.
2019 (PyTorch-BigGraph), arXiv:1903.12287.

    v = v + mean(g^2)        w = w - lr / (sqrt(v) + eps) g        lr = lr_0 / (1 + (t - 1) lr_decay)

for each row w with gradient g; v is one number, in float64.

The formula is that of FBGEMM's EXACT_ROWWISE_ADAGRAD (TorchRec, DLRM): weight decay is added to g before it is squared,
eps stands beside the root, and the rate of a row is computed first, then multiplied by g: so the kernel is SGD's.
"""

from dataclasses import KW_ONLY, dataclass

from fastlr.rules.base import Rule
from fastlr.rules.settings import Schedulable, flag, setting
from fastlr.rules.sgd import sgd
from fastlr.rules.text import Coefficients, Kernel, RowFunction
from fastlr.rules.vocabulary import sqrt


def rowwise_adagrad_row(square, v, lr, eps):
    v = v + square
    lr = lr / (sqrt(v) + eps)
    return v, lr


def rowwise_adagrad_step(t, lr, lr_decay, weight_decay, eps, maximize):
    scale = -1.0 if maximize else 1.0
    decay = weight_decay
    shrink = 0.0
    lr = lr / (1.0 + (t - 1.0) * lr_decay)
    return scale, decay, shrink, lr, eps


@dataclass(frozen=True)
class RowwiseAdagrad(Rule):
    """Row-wise Adagrad: the rate of each row of a table falls with the sum of its mean squared gradients.

    Its state is one number a row, 1/64 of Adagrad's for rows of 64 weights.  It is for tables: it takes its steps by
    `step_rows` alone, and each table is a group of its own.

    Parameters
    ----------
    params : array, or list of groups of one array each
        float32 or float64, the first dimension counts the rows; updated in place.
    lr : float or callable of the step
        Learning rate; 0.01.
    lr_decay : float or callable of the step
        The rate is divided by `1 + (t - 1) * lr_decay`, t = 1, 2, ...; at least 0.
    weight_decay : float or callable of the step
        At least 0; added to the gradient.
    initial_accumulator_value : float
        What the sums of mean squares start at, at least 0.
    eps : float or callable of the step
        Added to the root, at least 0; 1e-8.
    maximize : bool
        Go up instead of down.
    like : {"torch"}
        FBGEMM's formula is the only one.
    backend : {"auto", "cython", "numba", "numpy"}
        Who runs it; the bits are the same.
    denormals : {"keep", "flush"}
        What becomes of numbers below the normal range: see `fastlr.rules.Rule`.
    overrides, no_decay
        Settings by patterns of parameters' names: see `fastlr.rules.Rule`.

    Raises
    ------
    ValueError, TypeError
        For a setting or an array that cannot be used; nothing is changed then.

    References
    ----------
    Mudigere et al. 2022, ISCA, arXiv:2104.05158; Lerer et al. 2019, SysML, arXiv:1903.12287.

    Examples
    --------
    >>> table = np.ones((3, 2))
    >>> opt = fastlr.RowwiseAdagrad(table, lr=0.5, eps=0.0)
    >>> opt.step_rows(table, np.array([2]), np.array([[1.0, 7.0]]))
    True
    >>> table[2], opt.state[""]["v"]  # 1 - 0.5 / sqrt((1 + 49) / 2) * g
    (array([0.9, 0.3]), array([ 0.,  0., 25.]))
    """

    kernels = (Kernel(sgd),)
    coefficients = Coefficients(rowwise_adagrad_step)
    row = RowFunction(rowwise_adagrad_row)

    lr: Schedulable = setting(1e-2, low=0.0)
    lr_decay: Schedulable = setting(0.0, low=0.0)
    weight_decay: Schedulable = setting(0.0, low=0.0)
    initial_accumulator_value: float = setting(0.0, low=0.0, schedulable=False)
    eps: Schedulable = setting(1e-8, low=0.0)
    _: KW_ONLY
    maximize: bool = flag(False)

    def initial(self, state: str) -> float:
        return self.initial_accumulator_value
