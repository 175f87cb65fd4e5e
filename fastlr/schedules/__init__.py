"""Learning rates as values: pure functions of the step that print, compare, pickle and become JSON.

lr = fastlr.schedules.Warmup(fastlr.schedules.Cosine(0.1, total=900), 100)
opt = fastlr.Adam(params, lr=lr)     # asks lr(step) before each step that it takes, from 0 on
lr(np.arange(1000))                  # all of them

`Plateau` and `Greedy` follow a metric instead; `like_torch`, `like_keras` and `like_optax` have those libraries' names
and arguments; `check` and `landmarks` say what a run will get.  This list of imports is `FAMILIES`: add a line, and
everything picks it up.
"""

from fastlr.schedules import like_keras as like_keras
from fastlr.schedules import like_optax as like_optax
from fastlr.schedules import like_torch as like_torch
from fastlr.schedules.base import Constant as Constant
from fastlr.schedules.base import Schedule as Schedule
from fastlr.schedules.compose import Clamp as Clamp
from fastlr.schedules.compose import Function as Function
from fastlr.schedules.compose import Mirror as Mirror
from fastlr.schedules.compose import PerEpoch as PerEpoch
from fastlr.schedules.compose import Product as Product
from fastlr.schedules.compose import Sequential as Sequential
from fastlr.schedules.cosine import Cosine as Cosine
from fastlr.schedules.cosine import CosineRestarts as CosineRestarts
from fastlr.schedules.cosine import FlatCosine as FlatCosine
from fastlr.schedules.cycle import Cyclic as Cyclic
from fastlr.schedules.cycle import Interpolated as Interpolated
from fastlr.schedules.cycle import OneCycle as OneCycle
from fastlr.schedules.cycle import SlantedTriangular as SlantedTriangular
from fastlr.schedules.decay import Exponential as Exponential
from fastlr.schedules.decay import InversePower as InversePower
from fastlr.schedules.decay import InverseSqrt as InverseSqrt
from fastlr.schedules.decay import InverseTime as InverseTime
from fastlr.schedules.decay import Linear as Linear
from fastlr.schedules.decay import Polynomial as Polynomial
from fastlr.schedules.driven import Driven as Driven
from fastlr.schedules.drops import MultiStep as MultiStep
from fastlr.schedules.drops import Piecewise as Piecewise
from fastlr.schedules.drops import StepDrop as StepDrop
from fastlr.schedules.greedy import Greedy as Greedy
from fastlr.schedules.landmarks import Landmarks as Landmarks
from fastlr.schedules.landmarks import landmarks as landmarks
from fastlr.schedules.lint import Remark as Remark
from fastlr.schedules.lint import check as check
from fastlr.schedules.plain import from_dict as from_dict
from fastlr.schedules.plateau import Plateau as Plateau
from fastlr.schedules.warmup import WSD as WSD
from fastlr.schedules.warmup import Noam as Noam
from fastlr.schedules.warmup import Warmup as Warmup

FAMILIES: tuple[type[Schedule], ...] = tuple(
    value
    for value in list(vars().values())
    if isinstance(value, type) and issubclass(value, Schedule) and value is not Schedule
)
