"""The lab: load data, train a network with any optimizer, measure.  It returns data; `fastlr.plots` draws it."""

from fastlr.lab.data import DataSet, Part, Scaling, Split, prepare
from fastlr.lab.mlp import MLP
from fastlr.lab.optimizers import OPTIMIZERS, Choice, choose
from fastlr.lab.results import Comparison, Configuration, Epoch, Progress, Run, Scores
from fastlr.lab.sources import BUILT_IN, load
from fastlr.lab.tables import DataError
from fastlr.lab.training import compare, evaluate

__all__ = [
    "BUILT_IN",
    "MLP",
    "OPTIMIZERS",
    "Choice",
    "Comparison",
    "Configuration",
    "DataError",
    "DataSet",
    "Epoch",
    "Part",
    "Progress",
    "Run",
    "Scaling",
    "Scores",
    "Split",
    "choose",
    "compare",
    "evaluate",
    "load",
    "prepare",
]
