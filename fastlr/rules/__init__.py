"""The maths: one file is one optimizer.  This list of imports is `RULES`: add a line, and everything picks it up."""

from fastlr.rules.adagrad import Adagrad as Adagrad
from fastlr.rules.adam import Adam as Adam
from fastlr.rules.adamw import AdamW as AdamW
from fastlr.rules.base import Rule as Rule
from fastlr.rules.options import Options as Options
from fastlr.rules.rmsprop import RMSprop as RMSprop
from fastlr.rules.rowwise_adagrad import RowwiseAdagrad as RowwiseAdagrad
from fastlr.rules.settings import flag as flag
from fastlr.rules.settings import setting as setting
from fastlr.rules.sgd import SGD as SGD
from fastlr.rules.text import Coefficients as Coefficients
from fastlr.rules.text import Kernel as Kernel
from fastlr.rules.vocabulary import bounded as bounded
from fastlr.rules.vocabulary import maximum as maximum
from fastlr.rules.vocabulary import positive as positive
from fastlr.rules.vocabulary import power as power
from fastlr.rules.vocabulary import sqrt as sqrt

_ALL = [
    value
    for value in list(vars().values())
    if isinstance(value, type) and issubclass(value, Rule) and value is not Rule
]
RULES: tuple[type[Rule], ...] = tuple(rule for rule in _ALL if rule.row is None)
ROW_RULES: tuple[type[Rule], ...] = tuple(rule for rule in _ALL if rule.row is not None)
"""Those for the rows of tables alone."""
