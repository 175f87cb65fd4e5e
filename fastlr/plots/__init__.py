"""Pictures of what `fastlr.lab` returns, and of schedules.  Nothing is computed here.  A file is a kind of picture."""

from fastlr.plots.comparisons import curves
from fastlr.plots.diagnoses import diagnosis
from fastlr.plots.finding import finding
from fastlr.plots.rates import POINTS, schedules
from fastlr.plots.studies import study
from fastlr.plots.style import COLOURS, MARKERS, png
from fastlr.plots.sweeps import sweep

__all__ = ["COLOURS", "MARKERS", "POINTS", "curves", "diagnosis", "finding", "png", "schedules", "study", "sweep"]
