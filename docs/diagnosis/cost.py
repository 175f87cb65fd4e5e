"""What a monitor costs: its share of a training step of the digits network."""

import statistics
import time
from collections.abc import Callable

import fastlr
from fastlr.lab import Monitor, load, workload
from fastlr.lab.mlp import MLP

STEPS, ROUNDS = 400, 25


def share() -> dict[str, float]:
    """Microseconds of a step (gradient and Adam, batch 32) without a monitor, and of what a monitor adds."""
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

    plain, extra = [], []
    for _ in range(ROUNDS):
        plain.append(_microseconds(step))
        extra.append(_microseconds(watch))
    one, added = statistics.median(plain), statistics.median(extra)
    return {"step": round(one, 1), "monitor": round(added, 2), "share": round(added / one, 4)}


def _microseconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(STEPS):
        run()
    return (time.perf_counter() - began) / STEPS * 1e6
