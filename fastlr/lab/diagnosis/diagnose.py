"""A diagnosis of whatever tells of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastlr.lab.checks import known
from fastlr.lab.diagnosis.faults import judge
from fastlr.lab.diagnosis.logs import Log, read_log
from fastlr.lab.diagnosis.monitor import Monitor
from fastlr.lab.diagnosis.result import Diagnosis
from fastlr.lab.diagnosis.trace import Trace


def diagnose(
    source: str | Path | Monitor | Trace | Log | Sequence[Mapping[str, Any]],
    *,
    run: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Diagnosis:
    """Say what is wrong with a run, how sure that is, what shows it, and which rate to use instead.

    Parameters
    ----------
    source : path, Monitor, Trace, Log, or sequence of mappings
        A log file (CSV, JSON lines, JSON), or its records, or who watched the run.
    run : str, optional
        Which, of a log of several runs.
    columns : mapping of str to str, optional
        The log's name of "loss", "lr", "step", ... where guessing fails; see `read_log`.

    Returns
    -------
    Diagnosis

    Raises
    ------
    DataError
        For a log that cannot be read.
    ValueError
        For a log of several runs where none is named, or an unknown one.

    Examples
    --------
    A loss that falls in a straight line is far from its end:

    >>> from fastlr.lab import diagnose
    >>> found = diagnose([{"step": k, "loss": 2.3 - 0.0001 * k, "lr": 1e-5} for k in range(1000)])
    >>> found.fault
    'too low'
    >>> found.lr > 3e-5
    True
    """
    if isinstance(source, Monitor):
        return source.diagnose()
    if isinstance(source, Trace):
        return judge(source)
    log = source if isinstance(source, Log) else read_log(source, columns)
    by_name = {trace.name: trace for trace in log.traces}
    if run is not None:
        return judge(known("diagnose", "run", run, by_name))
    if len(log.traces) > 1:
        raise ValueError(f"diagnose(run=None): run must be one of {', '.join(map(repr, by_name))}")
    return judge(log.traces[0])
