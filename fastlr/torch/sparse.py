"""Steps of the rows that a sparse gradient has, made in place by the engine's `Table`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastlr import kernels
from fastlr.binding import work_of
from fastlr.engine import Work
from fastlr.engine.oracle_rows import OracleTable
from fastlr.engine.rows import Table
from fastlr.rules import Rule
from fastlr.torch.formulas import arguments
from fastlr.torch.layout import Layout
from fastlr.torch.memory import flat, span
from fastlr.torch.state import STEP, Entry, entry_of
from fastlr.torch.tensors import local, why_not


@dataclass(frozen=True)
class RowStep:
    """A step of some rows of a parameter, which nothing keeps from being made."""

    param: Tensor
    entry: Entry
    table: Table
    rows: NDArray[np.int64]
    values: Tensor
    coefficients: Any

    def make(self) -> None:
        """Make it, and count it where PyTorch does."""
        self.table.step(self.rows, flat(self.values), self.coefficients)
        if STEP in self.entry.state:
            self.entry.state[STEP] += 1
        torch.autograd.graph.increment_version(self.param)


def fits(param: Tensor, gradient: Tensor, group: dict[str, Any]) -> bool:
    """Whether the engine can step the rows of a parameter that a gradient has: rows of memory, of the same numbers."""
    if gradient.layout is not torch.sparse_coo or gradient.sparse_dim() == 0 or local(gradient) is not gradient:
        return False
    if why_not(param, None, group) or local(param) is not param or not param.is_contiguous():
        return False
    values, dimensions = gradient._values(), gradient.sparse_dim()
    return (
        (values.dtype, values.device, gradient.shape) == (param.dtype, param.device, param.shape)
        and values.shape == (gradient._nnz(), *param.shape[dimensions:])
        and not values.is_neg()
    )


def prepared(
    layout: Layout, members: Sequence[tuple[Tensor, int]], state: dict[Tensor, dict[str, Any]], chosen: Sequence[int]
) -> Iterator[RowStep]:
    """Steps of the chosen of the members, which are parameters and their groups.

    Raises
    ------
    ValueError, IndexError
        For a state of another shape, or a row that a parameter does not have; what the state was given is taken out.
    """
    entries: list[Entry] = []
    try:
        for index in chosen:
            param, g = members[index]
            yield _prepared(layout, param, g, state, entries, f"{layout.subject.call}.step(): parameter {index}")
    except BaseException:
        for entry in entries:
            entry.withdraw(state)
        raise


def _prepared(
    layout: Layout, param: Tensor, g: int, state: dict[Tensor, dict[str, Any]], entries: list[Entry], call: str
) -> RowStep:
    subject, rule, gradient = layout.subject, layout.rule(g), param.grad
    assert gradient is not None
    formula = subject.formula
    names, plain = formula.names(rule), formula.sparse == "only"
    entry = entry_of(param, state, names, subject.initial, counts=formula.counts, call=call, plain_count=plain)
    entries.append(entry)
    dimensions = gradient.sparse_dim()
    rows = _rows(gradient, call)
    tensors = [param, *(entry.state[name] for name in names)]
    shape = (prod(param.shape[:dimensions]), *param.shape[dimensions:])
    arrays = tuple(flat(tensor).reshape(shape) for tensor in tensors)
    kind, work = _kind(rule, param.dtype)
    table = kind(work, arrays, kernels.flushes(rule))
    values = gradient._values().detach().contiguous()
    if any(_overlap(values, tensor) for tensor in tensors):
        values = values.clone()
    coefficients = table.coefficients(entry.steps + 1, arguments(rule, layout.settings(g)))
    return RowStep(param, entry, table, rows, values, coefficients)


@lru_cache(maxsize=64)  # 30 us, and rules are the same in every step
def _kind(rule: Rule, dtype: torch.dtype) -> tuple[type[Table], Work]:
    backend = kernels.resolve(rule)
    return OracleTable if backend == "numpy" else Table, work_of(rule, str(dtype).removeprefix("torch."), backend)


def _rows(gradient: Tensor, call: str) -> NDArray[np.int64]:
    """Which rows a gradient has; of several sparse dimensions, each place in them is a row."""
    indices, shape = gradient._indices().numpy(), gradient.shape[: gradient.sparse_dim()]
    for given, size in zip(indices, shape, strict=True):
        if given.size and not 0 <= given.min() <= given.max() < size:
            raise IndexError(
                f"{call}: the indices of its gradient must be in [0, {size}), got {given.min()} to {given.max()}"
            )
    rows = indices[0] if len(shape) == 1 else np.ravel_multi_index(tuple(indices), shape)
    return np.ascontiguousarray(rows, dtype=np.int64)


def _overlap(one: Tensor, other: Tensor) -> bool:
    here, there = span(one), span(other)
    return here is not None and there is not None and here[0] < there[1] and there[0] < here[1]
