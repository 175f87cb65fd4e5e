"""Steps of some rows of a table: `Optimizer.step_rows` and `Optimizer.catch_up`.

Design: a table is an array whose group takes its steps here, from the first `step_rows` on; `Optimizer.step` then
passes it by as it passes a frozen group by.  The engine's `Table` does the work; it knows arrays of rows and values and no
optimizer, so others may use it as well.

What a row misses while it is not touched is made up for ("exact") or not ("lazy").  To make up for it the coefficients of
every step are kept, the very numbers that the kernel was called with, from the step at which the last row was brought
up to date.  So nothing has to be computed again, and a rate that followed a metric or was changed by hand is the one
that was used.  That is 48 bytes a step for Adam in float32, and 8 bytes for each row.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from fastlr import kernels
from fastlr.arrays import Array, where
from fastlr.engine.oracle import OracleTable
from fastlr.engine.rows import RowError, Table

if TYPE_CHECKING:
    from fastlr.groups import Group
    from fastlr.optimizer import Optimizer

Mode: TypeAlias = Literal["lazy", "exact"]
MODES: tuple[Mode, ...] = get_args(Mode)
Integers: TypeAlias = NDArray[np.integer[Any]]


class History:
    """The coefficients of every step behind step `begin`."""

    def __init__(self, begin: int, coefficients: Array) -> None:
        self.begin = begin
        self._kept, self._count = coefficients, len(coefficients)

    @property
    def array(self) -> Array:
        """One step a row."""
        return self._kept[: self._count]

    def append(self, coefficients: Array) -> None:
        """Add those of the next step."""
        if self._count == len(self._kept):
            more = np.empty((max(64, 2 * self._count), len(coefficients)), coefficients.dtype)
            more[: self._count] = self.array
            self._kept = more
        self._kept[self._count] = coefficients
        self._count += 1


class RowSteps:
    """How a table takes its steps, and what has to be kept for it."""

    def __init__(self, table: Table, mode: Mode, steps: int) -> None:
        self.table, self.mode, self.busy = table, mode, False
        self.last: NDArray[np.int64] | None = None
        if mode == "exact":
            self.last = np.full(table.rows, steps, np.int64) if steps else np.zeros(table.rows, np.int64)
        self.history = History(steps, self._no_steps())

    def _no_steps(self) -> Array:
        empty: Array = self.table.rounded([])
        return empty.reshape(0, self.table.coefficient_count)

    def step(self, rows: Integers, values: Array, settings: Sequence[float], steps: int) -> None:
        """Make the step behind `steps` others; where it raises nothing is changed."""
        coefficients = self.table.coefficients(steps + 1, settings)
        self._run(rows, values, coefficients, steps)
        if self.last is not None:
            self.history.append(coefficients)

    def catch_up(self, rows: Integers | None, steps: int) -> None:
        """Make the steps that rows, or all rows, have missed."""
        if self.last is None:
            return
        self._run(rows, None, None, steps)
        if rows is None:
            self.history = History(steps, self._no_steps())

    def _run(self, rows: Integers | None, values: Array | None, coefficients: Array | None, steps: int) -> None:
        if self.busy:
            raise RuntimeError("this table is in the middle of a step in another thread; give each thread its own")
        self.busy = True
        try:
            past = self.history
            self.table.step(rows, values, coefficients, self.last, steps, past.array, past.begin)
        finally:
            self.busy = False

    def save(self, *, copies: bool) -> dict[str, Any]:
        """What a restart needs, as plain values and arrays."""
        if self.last is None:
            return {"mode": self.mode}
        last, past = self.last, self.history.array
        return {
            "mode": self.mode,
            "last": last.copy() if copies else last,
            "begin": self.history.begin,
            "coefficients": past.copy() if copies else past,
        }


def step(opt: "Optimizer", param: str | Array, rows: Integers, values: Array, mode: Mode | None) -> bool:
    """See `Optimizer.step_rows`."""
    call = f"{opt.name}.step_rows"
    name, group = _found(opt, param, call)
    taker = _taker(opt, name, group, mode, call)
    rows = _checked_rows(rows, f"{call}: rows")
    _check_values(values, rows, taker.table, f"{call}: values")
    if group.frozen:
        return False
    _run(lambda: taker.step(rows.reshape(-1), values, group.settings_at(group.steps), group.steps), taker, rows, call)
    # Nothing has been changed where that has raised; nothing below can.
    if group.rows is not taker:
        group.take_rows(taker)
    group.count_step()
    opt._follow_tables()
    return True


def catch_up(opt: "Optimizer", param: str | Array | None, rows: Integers | None) -> None:
    """See `Optimizer.catch_up`."""
    call = f"{opt.name}.catch_up"
    if param is None and rows is not None:
        raise TypeError(f"{call}: rows must be of a table, pass param as well")
    groups = opt.groups if param is None else [_found(opt, param, call)[1]]
    chosen = None if rows is None else _checked_rows(rows, f"{call}: rows")
    for group in groups:
        taker = group.rows
        if taker is not None and not group.frozen:
            flat = None if chosen is None else chosen.reshape(-1)
            _run(lambda taker=taker, group=group: taker.catch_up(flat, group.steps), taker, chosen, call)  # type: ignore[misc]


def _run(work: Any, taker: RowSteps, rows: Integers | None, call: str) -> None:
    try:
        work()
    except RowError as error:
        assert rows is not None
        at = np.unravel_index(error.args[0], rows.shape)
        place = ", ".join(map(str, at))
        raise IndexError(
            f"{call}: rows[{place}] must be in [0, {taker.table.rows}), the table's rows, got {rows[at]}"
        ) from None


def _found(opt: "Optimizer", param: Any, call: str) -> tuple[str, "Group"]:
    """The name and the group of a parameter, given by name or itself."""
    names = [name for name, array in opt.params.items() if array is param or (isinstance(param, str) and name == param)]
    if not names:
        got = repr(param) if isinstance(param, str) else f"another {type(param).__name__}"
        raise ValueError(f"{call}: param must be one of the optimizer's arrays or names {list(opt.params)}, got {got}")
    return names[0], next(group for group in opt.groups if names[0] in group.names)


def check_table(names: Sequence[str], array: Array, call: str) -> None:
    """Raise unless an array, the first of a group's, can take steps by rows."""
    if len(names) > 1:
        raise ValueError(
            f"{call}: {where(names[0])} must be in a group of its own, got one with {list(names)}; make the optimizer "
            'of a list of groups, [{"params": ...}, {"params": table}], or with '
            f"overrides={{{names[0]!r}: {{}}}}"
        )
    if array.ndim == 0:
        raise ValueError(f"{call}: {where(names[0])} must have rows, got an array of shape ()")


def _taker(opt: "Optimizer", name: str, group: "Group", mode: Any, call: str) -> RowSteps:
    """What makes the steps of a group, which is not changed if this is the first."""
    if mode is not None and mode not in MODES:
        raise ValueError(f"{call}(mode={mode!r}): mode must be one of {', '.join(map(repr, MODES))}")
    if group.rows is None:
        check_table(group.names, opt.params[name], call)
        return RowSteps(table(opt, group), mode or "lazy", group.steps)
    if mode not in (None, group.rows.mode):
        raise ValueError(f"{call}(mode={mode!r}): mode must be {group.rows.mode!r}, as in the table's first step")
    return group.rows


def table(opt: "Optimizer", group: "Group") -> Table:
    """The engine's table of a group's only array."""
    (name,) = group.names
    kind = OracleTable if opt.backend == "numpy" else Table
    return kind(group.work, (opt.params[name], *opt.state[name].values()), kernels.flushes(group.rule))


def _checked_rows(rows: Any, label: str) -> NDArray[np.int64]:
    if not isinstance(rows, np.ndarray):
        raise TypeError(f"{label} must be a NumPy array of int64 or int32, got {type(rows).__name__}")
    if rows.dtype not in (np.dtype(np.int64), np.dtype(np.int32)):
        raise TypeError(f"{label} must be int64 or int32, got {rows.dtype}; convert it with .astype('int64')")
    return np.require(rows, np.int64, ["C", "A"])


def _check_values(values: Any, rows: Integers, table: Table, label: str) -> None:
    parameter: Array = table.arrays[0]
    if not isinstance(values, np.ndarray):
        raise TypeError(f"{label} must be a NumPy array, got {type(values).__name__}")
    if values.dtype != parameter.dtype or not values.dtype.isnative:
        raise TypeError(
            f"{label} must be {parameter.dtype} like the table, got {values.dtype}; "
            f"convert it with .astype('{parameter.dtype}')"
        )
    if values.shape != rows.shape + parameter.shape[1:]:
        raise ValueError(
            f"{label} must have shape {rows.shape + parameter.shape[1:]}, a row of the table for each of rows, "
            f"got {values.shape}"
        )
    if not values.flags.c_contiguous or not values.flags.aligned:
        raise ValueError(
            f"{label} must be C-contiguous and aligned, got strides {values.strides} for shape {values.shape}; "
            "use np.ascontiguousarray(...)"
        )
    if any(np.may_share_memory(values, array) for array in table.arrays):
        raise ValueError(f"{label} must not share memory with the table or its state; pass a copy")


def restored(opt: "Optimizer", group: "Group", entry: Mapping[str, Any], call: str) -> RowSteps | None:
    """What made a saved group's steps, or None; nothing is changed."""
    saved = entry.get("rows")
    if saved is None:
        return None
    label = f"{call}: rows"
    if not isinstance(saved, Mapping) or saved.get("mode") not in MODES:
        raise ValueError(f"{label} must have a mode, one of {', '.join(map(repr, MODES))}, got {saved!r}")
    check_table(group.names, opt.params[group.names[0]], call)
    steps = int(entry["steps"])
    found = RowSteps(table(opt, group), saved["mode"], steps)
    if found.last is None:
        return found
    last, begin, past = (saved.get(key) for key in ("last", "begin", "coefficients"))
    wanted = found.history.array
    if not (_like(last, found.last.dtype, found.last.shape) and isinstance(begin, int)):
        raise ValueError(f"{label} must have last, int64 of shape {found.last.shape}, and begin, a whole number")
    if not _like(past, wanted.dtype, (steps - begin, wanted.shape[1])):
        raise ValueError(f"{label} must have coefficients, {wanted.dtype} of shape {(steps - begin, wanted.shape[1])}")
    if last.size and not 0 <= begin <= last.min() <= last.max() <= steps:
        raise ValueError(f"{label}: last must be in [{begin}, {steps}], got from {last.min()} to {last.max()}")
    found.last[...] = last
    found.history = History(begin, np.array(past))
    return found


def _like(array: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
    return isinstance(array, np.ndarray) and array.dtype == dtype and array.shape == shape
