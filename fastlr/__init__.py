"""fastlr: fused optimizer steps on the CPU, bit-for-bit equal to plain NumPy.

opt = fastlr.Adam(params, lr=1e-3)
opt.step(grads)                       # updates the arrays in place
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from fastlr import reference as reference
from fastlr import rules as rules
from fastlr import schedules as schedules
from fastlr.buffers import Packed as Packed
from fastlr.buffers import pack as pack
from fastlr.classes import from_rule as from_rule
from fastlr.complete.report import NonFiniteError as NonFiniteError
from fastlr.complete.report import Report as Report
from fastlr.complete.scaler import LossScaler as LossScaler
from fastlr.config import show_config as show_config
from fastlr.engine.threads import get_num_threads as get_num_threads
from fastlr.engine.threads import set_num_threads as set_num_threads
from fastlr.groups import Group as Group
from fastlr.groups import layerwise as layerwise
from fastlr.optimizer import Optimizer as Optimizer
from fastlr.rules.averaging import EMA as EMA
from fastlr.rules.averaging import UniformAverage as UniformAverage

if _TYPE_CHECKING:
    from fastlr.sklearn.patch import Patch as _Patch

SGD = from_rule(rules.SGD)
Adagrad = from_rule(rules.Adagrad)
RMSprop = from_rule(rules.RMSprop)
Adam = from_rule(rules.Adam)
AdamW = from_rule(rules.AdamW)
RowwiseAdagrad = from_rule(rules.RowwiseAdagrad)

__version__ = "0.1.0"


def patch_sklearn() -> "_Patch":
    """Let scikit-learn's own `MLPClassifier` and `MLPRegressor` train with fastlr's optimizers.

    Networks that are fitted while the patch is in force get the numbers that they get without it: the same bits with
    `solver="sgd"`, all but the last bits of each step with `solver="adam"` (in float64, which is their default).

    Returns
    -------
    Patch
        To use in a `with` block, or to call `undo()` of.  Patches may overlap: the last to be undone restores
        scikit-learn's classes.

    Examples
    --------
    >>> from sklearn.neural_network import MLPClassifier
    >>> model = MLPClassifier(5, solver="sgd", max_iter=1000, tol=0.01, random_state=0)
    >>> x, y = [[0.0], [1.0]], [0, 1]
    >>> plain = model.fit(x, y).coefs_[0]
    >>> with fastlr.patch_sklearn():
    ...     patched = model.fit(x, y).coefs_[0]
    >>> bool((patched == plain).all())
    True
    """
    from fastlr.sklearn.patch import Patch  # scikit-learn is imported when it is asked for

    return Patch()
