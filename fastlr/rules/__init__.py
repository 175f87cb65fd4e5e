"""The maths: one file is one optimizer.  A new one is added to this list, and everything else picks it up."""

from fastlr.rules.adagrad import Adagrad as Adagrad
from fastlr.rules.adam import Adam as Adam
from fastlr.rules.adamw import AdamW as AdamW
from fastlr.rules.base import Rule as Rule
from fastlr.rules.rmsprop import RMSprop as RMSprop
from fastlr.rules.sgd import SGD as SGD

RULES: tuple[type[Rule], ...] = (SGD, Adagrad, RMSprop, Adam, AdamW)
