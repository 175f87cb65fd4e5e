"""What a monitor costs: its share of a training step of the digits network."""

import itertools
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import fastlr
from fastlr.lab import Monitor, load, workload
from fastlr.lab.diagnosis.probe import EVERY
from fastlr.lab.mlp import MLP


@dataclass(frozen=True)
class Reported:
    """What `opt.report` tells of a step."""

    step: int = 0
    applied: bool = True
    lr: tuple[float, ...] = (1e-3,)
    grad_norm: float = 1.0
    ratio: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(("w1", "b1", "w2", "b2"), 1e-3))
    along_last: float | None = -1.0
    along_before: float | None = -1.0
    nonfinite: int = 0


STEPS, ROUNDS = 400, 25


def share() -> dict[str, float]:
    """Microseconds of a step (gradient and Adam, batch 32), and of a monitor that measures, or that reads reports."""
    task = workload(load("digits"))
    assert isinstance(task.problem, MLP)
    assert task.split is not None
    model, packed = task.problem, fastlr.pack(task.problem.init(0))
    optimizer = fastlr.Adam(packed, lr=1e-3)
    batch = task.split.train.x[:32], task.split.train.y[:32]
    monitor = Monitor(features=task.split.train.x, optimizer=optimizer)

    def step() -> None:
        model.loss_and_grad(packed.params, packed.grads, batch)
        optimizer.step()

    def watch() -> None:
        monitor.observe(1.0, params=packed.flat, grads=packed.flat_grads)

    reader, plain, looked = Monitor(), Reported(along_last=None, along_before=None), Reported()
    reports = itertools.cycle([looked, *[plain] * (EVERY - 1)])

    def read() -> None:
        reader.observe(1.0, report=next(reports))

    rounds = [[_microseconds(run) for run in (step, watch, read)] for _ in range(ROUNDS)]
    one, measuring, reading = map(statistics.median, zip(*rounds, strict=True))
    found = {"step": round(one, 1), "measuring": round(measuring, 2), "reading": round(reading, 2)}
    return {**found, "share": round(max(measuring, reading) / one, 4)}


def _microseconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(STEPS):
        run()
    return (time.perf_counter() - began) / STEPS * 1e6
