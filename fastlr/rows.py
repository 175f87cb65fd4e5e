"""Steps of some rows of a table: `Optimizer.step_rows` and `Optimizer.catch_up`.

Design: a table is an array whose group takes its steps here, from the first `step_rows` on; `Optimizer.step` then
passes it by as it passes a frozen group by.  Here is what knows optimizers, names and groups; `fastlr.rowsteps` knows a
table, and the engine's `Table` arrays of rows and values.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastlr import kernels
from fastlr.arrays import Array, where
from fastlr.engine.oracle_rows import OracleTable
from fastlr.engine.rows import RowError, Table
from fastlr.rowsteps import MODES, Integers, Mode, RowSteps

if TYPE_CHECKING:
    from fastlr.groups import Group
    from fastlr.optimizer import Optimizer


def step(opt: "Optimizer", param: str | Array, rows: Integers, values: Array, mode: Mode | None) -> bool:
    """See `Optimizer.step_rows`."""
    call = f"{opt.name}.step_rows"
    name, group = _found(opt, param, call)
    _check_plain(opt, call)
    with _alone(group, call):
        taker = _taker(opt, name, group, mode, call)
        rows = _checked_rows(rows, f"{call}: rows")
        _check_values(values, rows, taker.table, f"{call}: values")
        if group.frozen:
            return False
        settings = group.settings_at(group.steps)
        try:
            taker.step(rows.reshape(-1), values, settings, group.steps)
        except RowError as error:
            raise _explained(error.args[0], rows, taker.table, call) from None
        # Nothing has been changed where that has raised; nothing below can.
        if group.rows is not taker:
            group.take_rows(taker)
        group.count_step(settings)
        opt._follow_tables()
    return True


def catch_up(opt: "Optimizer", param: str | Array | None, rows: Integers | None) -> None:
    """See `Optimizer.catch_up`."""
    call = f"{opt.name}.catch_up"
    if rows is None:
        for group in opt.groups if param is None else [_found(opt, param, call)[1]]:
            with _alone(group, call):
                if group.rows is not None:
                    group.rows.catch_up(None, group.steps)
        return
    if param is None:
        raise TypeError(f"{call}: rows must be of a table, pass param as well")
    rows = _checked_rows(rows, f"{call}: rows")
    group = _found(opt, param, call)[1]
    with _alone(group, call):
        if group.rows is None:
            return
        try:
            group.rows.catch_up(rows.reshape(-1), group.steps)
        except RowError as error:
            raise _explained(error.args[0], rows, group.rows.table, call) from None


@contextmanager
def _alone(group: "Group", call: str) -> Iterator[None]:
    if group.stepping:
        raise RuntimeError(f"{call}: this table is in the middle of a step in another thread; give each thread its own")
    group.stepping = True
    try:
        yield
    finally:
        group.stepping = False


def _explained(index: int, rows: Integers, table: Table, call: str) -> IndexError:
    at = np.unravel_index(index, rows.shape)
    place = ", ".join(map(str, at))
    return IndexError(f"{call}: rows[{place}] must be in [0, {table.rows}), the table's rows, got {rows[at]}")


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


def _check_plain(opt: "Optimizer", call: str) -> None:
    """Raise if the optimizer does more with gradients than to update: rows would miss it without a word."""
    if options := list(opt.groups[0].rule.options()):
        raise ValueError(
            f"{call}: {', '.join(options)} must not be set, which are for steps of whole arrays; give the table an "
            "optimizer of its own"
        )


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
    found.load(saved, steps, label)
    return found
