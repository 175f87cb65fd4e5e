"""The range test: which learning rate to use, from a few hundred steps."""

from fastlr.lab.finding.checking import Check
from fastlr.lab.finding.find import find_lr
from fastlr.lab.finding.others import OTHERS, suggested
from fastlr.lab.finding.reading import Reading
from fastlr.lab.finding.result import Finding

__all__ = ["OTHERS", "Check", "Finding", "Reading", "find_lr", "suggested"]
