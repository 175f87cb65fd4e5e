"""Name what is wrong with a run, show the evidence, give a number: from a live run or from its log.

`trace` keeps what was observed, `signals` makes unitless numbers of it, `scores` weighs them, `faults` decides,
`evidence` and `advice` speak, `repair` acts; `logs` reads files, `monitor` watches loops.
"""

from fastlr.lab.diagnosis.diagnose import diagnose
from fastlr.lab.diagnosis.logs import Log, read_log
from fastlr.lab.diagnosis.monitor import Monitor
from fastlr.lab.diagnosis.repair import Action
from fastlr.lab.diagnosis.result import Diagnosis, Evidence
from fastlr.lab.diagnosis.trace import Trace

__all__ = ["Action", "Diagnosis", "Evidence", "Log", "Monitor", "Trace", "diagnose", "read_log"]
