"""Steps of some rows of a table: what they cost by the rows touched, and whether the size of the table matters.

In this folder, `asv run --python=same --bench '^table_rows'` compares with PyTorch as well, which asv's own
environments lack.
"""

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np

import fastlr

from .timing import Repeated

WIDTH = 64
BATCHES = 5  # in turns, so that the caches do not hold the rows of the step before


def by_rows(kind: str, mode: str) -> Callable[[Any], Callable[[Any, Any], object]]:
    """fastlr's own."""

    def made(table: Any) -> Callable[[Any, Any], object]:
        optimizer = getattr(fastlr, kind)(table)
        return lambda rows, values: optimizer.step_rows(table, rows, values, mode=mode)

    return made


def by_numpy(table: Any) -> Callable[[Any, Any], object]:
    """Adam as one would write it with fancy indexing."""
    m, v, steps = np.zeros_like(table), np.zeros_like(table), iter(range(1, 1 << 60))
    beta1, beta2, lr, eps = map(np.float32, (0.9, 0.999, 1e-3, 1e-8))

    def step(rows: Any, values: Any) -> None:
        t = next(steps)
        rows, which = np.unique(rows, return_inverse=True)
        g = np.zeros((len(rows), WIDTH), np.float32)
        np.add.at(g, which, values)
        m[rows] = mean = beta1 * m[rows] + (1 - beta1) * g
        v[rows] = square = beta2 * v[rows] + (1 - beta2) * g * g
        root = np.sqrt(square) / np.float32((1 - 0.999**t) ** 0.5) + eps
        table[rows] -= lr / np.float32(1 - 0.9**t) * mean / root

    return step


def by_torch(kind: str) -> Callable[[Any], Callable[[Any, Any], object]]:
    """PyTorch's, whose gradient is made of the same arrays."""

    def made(table: Any) -> Callable[[Any, Any], object]:
        try:
            import torch
        except ImportError as error:
            raise NotImplementedError("torch is not installed") from error  # which asv takes for skipping
        torch.sparse.check_sparse_tensor_invariants.disable()  # type: ignore[no-untyped-call]
        weight = torch.nn.Parameter(torch.from_numpy(table))
        optimizer = getattr(torch.optim, kind)([weight], lr=1e-3)

        def step(rows: Any, values: Any) -> None:
            index = torch.from_numpy(rows)[None]
            weight.grad = torch.sparse_coo_tensor(index, torch.from_numpy(values), weight.shape)
            optimizer.step()

        return step

    return made


RUNNERS: dict[str, Callable[[Any], Callable[[Any, Any], object]]] = {
    "Adam lazy": by_rows("Adam", "lazy"),
    "Adam exact": by_rows("Adam", "exact"),
    "Adagrad": by_rows("Adagrad", "lazy"),
    "RowwiseAdagrad": by_rows("RowwiseAdagrad", "lazy"),
    "numpy Adam": by_numpy,
    "torch SparseAdam": by_torch("SparseAdam"),
    "torch Adagrad": by_torch("Adagrad"),
}


def step_of(runner: str, size: int, count: int) -> Callable[[], object]:
    """What takes a step of `count` rows, some of them twice, of a table of `size` when it is called."""
    rng = np.random.default_rng(0)
    table = np.ones((size, WIDTH), np.float32)
    batches = cycle(
        [(rng.integers(0, size, count), rng.standard_normal((count, WIDTH), np.float32)) for _ in range(BATCHES)]
    )
    step = RUNNERS[runner](table)
    return lambda: step(*next(batches))


class TableRows(Repeated):
    """Rows of 64 float32 weights, drawn at random."""

    params = (list(RUNNERS), (10_000, 1_000_000), (10, 1_000, 10_000, 100_000))
    param_names = ("runner", "table", "rows")

    def setup(self, runner: str, size: int, count: int) -> None:
        """Fill the table and its state."""
        step = step_of(runner, size, count)
        for _ in range(BATCHES):
            step()
        self.prepare(step, max(1, min(1_000, 20_000 // count)))

    def time_step(self, *parameters: object) -> None:
        """Seconds for one."""
        self.run()
