"""Traces of many runs at once: what a `Monitor` would have seen of each."""

from collections.abc import Sequence

import numpy as np

from docs.diagnosis.problems import Task
from fastlr.lab import Histories, Row, train
from fastlr.lab.batch import Moment
from fastlr.lab.data import Floats
from fastlr.lab.diagnosis.features import spread
from fastlr.lab.diagnosis.probe import Probe
from fastlr.lab.diagnosis.trace import Trace


class Watcher:
    """Keeps losses and looks of rows under training."""

    def __init__(self, steps: int, rows: int) -> None:
        self.columns = {
            name: np.full((steps, rows), np.nan)
            for name in ("loss", "grad_norm", "along_last", "along_before", "ratio")
        }
        self.probes: dict[int, Probe] = {}

    def __call__(self, moment: Moment) -> None:
        """Look at a block."""
        self.columns["loss"][moment.step, moment.rows] = moment.losses
        probe = self.probes.setdefault(moment.rows.start, Probe())
        look = probe.show([moment.params], [moment.grads]) if probe.due() else None
        if look is not None:
            for name in ("grad_norm", "along_last", "along_before", "ratio"):
                self.columns[name][moment.step, moment.rows] = getattr(look, name)


def recorded(task: Task, rows: Sequence[Row]) -> tuple[Histories, list[Trace]]:
    """Train rows; their histories and traces."""
    workload, per_epoch = task.workload, task.workload.steps_per_epoch
    steps = workload.epochs * per_epoch
    watcher = Watcher(steps, len(rows))
    histories = train(workload, rows, watch=watcher)
    assert workload.split is not None
    scales = spread(workload.split.train.x)
    rates = np.repeat(histories.rates[:-1], per_epoch, axis=0)
    traces = []
    for r in range(len(rows)):
        columns = {name: values[:, r] for name, values in watcher.columns.items()}
        columns["lr"] = rates[:, r]
        columns["val_loss"] = _at_ends(histories.test_loss[1:, r], per_epoch, steps)
        columns["accuracy"] = _at_ends(histories.train_metric[1:, r], per_epoch, steps)
        traces.append(_cut(columns, int(histories.diverged[r]), scales))
    return histories, traces


def _at_ends(values: Floats, per_epoch: int, steps: int) -> Floats:
    column = np.full(steps, np.nan)
    column[per_epoch - 1 :: per_epoch] = values
    return column


def _cut(columns: dict[str, Floats], diverged: int, scales: float) -> Trace:
    """Until a run diverged: nobody trains on."""
    broke = None if diverged < 0 else float(diverged)
    end = len(columns["loss"]) if broke is None else max(diverged, 1)
    step = np.arange(end, dtype=np.float64)
    return Trace({"step": step, **{name: values[:end] for name, values in columns.items()}}, broke, scales)


def by_epoch(trace: Trace, per_epoch: int) -> Trace:
    """The same run as a file would have it that has the mean loss of each epoch, and its first rate."""
    count = len(trace) // per_epoch * per_epoch
    if count == 0:
        return Trace({name: trace[name][:1] for name in ("step", "loss", "lr")}, trace.broke)
    loss = trace["loss"][:count].reshape(-1, per_epoch).mean(axis=1)
    columns = {"step": np.arange(1.0, len(loss) + 1), "loss": loss, "lr": trace["lr"][:count:per_epoch]}
    return Trace(columns, None if trace.broke is None else len(loss) + 1.0)
