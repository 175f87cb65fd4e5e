"""The lab: load data, train a network with any optimizer, measure.  It returns data; `fastlr.plots` draws it."""

from fastlr.lab.batch import train
from fastlr.lab.data import DataSet, Part, Scaling, Split, prepare
from fastlr.lab.diagnosis import Diagnosis, Monitor, diagnose
from fastlr.lab.finding import Finding, find_lr
from fastlr.lab.mlp import MLP
from fastlr.lab.optimizers import OPTIMIZERS, Choice, choose
from fastlr.lab.problems import Problem, Quadratic, Rosenbrock, linear, logistic
from fastlr.lab.results import Comparison, Configuration, Epoch, Progress, Run, Scores
from fastlr.lab.rows import Histories, Row
from fastlr.lab.sources import BUILT_IN, load
from fastlr.lab.studies import PRESETS, STUDIES, Claim, StudyResult, study
from fastlr.lab.sweeps import Adaptive, Curve, Objective, Sweep, Trial, rates, sweep
from fastlr.lab.tables import DataError
from fastlr.lab.training import compare, evaluate
from fastlr.lab.workloads import Workload, blobs, workload

__all__ = [
    "BUILT_IN",
    "MLP",
    "OPTIMIZERS",
    "PRESETS",
    "STUDIES",
    "Adaptive",
    "Choice",
    "Claim",
    "Comparison",
    "Configuration",
    "Curve",
    "DataError",
    "DataSet",
    "Diagnosis",
    "Epoch",
    "Finding",
    "Histories",
    "Monitor",
    "Objective",
    "Part",
    "Problem",
    "Progress",
    "Quadratic",
    "Rosenbrock",
    "Row",
    "Run",
    "Scaling",
    "Scores",
    "Split",
    "StudyResult",
    "Sweep",
    "Trial",
    "Workload",
    "blobs",
    "choose",
    "compare",
    "diagnose",
    "evaluate",
    "find_lr",
    "linear",
    "load",
    "logistic",
    "prepare",
    "rates",
    "study",
    "sweep",
    "train",
    "workload",
]
