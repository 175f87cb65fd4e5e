"""Sweeps: rates times seeds, for one optimizer or several, and what the U curve says."""

from fastlr.lab.sweeps.curve import Curve
from fastlr.lab.sweeps.driver import sweep
from fastlr.lab.sweeps.journal import Trial
from fastlr.lab.sweeps.objective import Objective
from fastlr.lab.sweeps.rates import Adaptive
from fastlr.lab.sweeps.result import Sweep

__all__ = ["Adaptive", "Curve", "Objective", "Sweep", "Trial", "sweep"]
