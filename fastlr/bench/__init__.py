"""The race behind `fastlr bench`: fastlr, other libraries and the memory bus, in one run on one machine.

Design: a library is a process, because several OpenMP runtimes in one disturb one another.  All but the one whose turn
it is sleep, and after its turn it waits until its threads have come to rest.  Turns are interleaved and ratios taken
within a round, because on a shared machine times drift by a factor, and only what is measured side by side compares.
"""

from fastlr.bench.cases import RACED, SIZES, Case, chosen, quick, standard
from fastlr.bench.peers import PEERS
from fastlr.bench.process import ContestantError
from fastlr.bench.records import from_json, to_json
from fastlr.bench.results import Absence, LeftOut, Missing, Race, Result, Timing
from fastlr.bench.rounds import Progress, race
from fastlr.bench.tables import markdown

__all__ = [
    "PEERS",
    "RACED",
    "SIZES",
    "Absence",
    "Case",
    "ContestantError",
    "LeftOut",
    "Missing",
    "Progress",
    "Race",
    "Result",
    "Timing",
    "chosen",
    "from_json",
    "markdown",
    "quick",
    "race",
    "standard",
    "to_json",
]
