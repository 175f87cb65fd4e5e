"""An optimizer's state as plain dictionaries and arrays, by name."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from fastlr import rows
from fastlr.arrays import Array
from fastlr.rules.base import Rule

if TYPE_CHECKING:
    from fastlr.groups import Group
    from fastlr.optimizer import Optimizer

VERSION = 1
NO_SETTINGS = ("params", "steps", "frozen", "schedules", "rows")
"""What a group's entry holds besides its settings."""


@runtime_checkable
class Stateful(Protocol):
    """Anything whose state is mappings, lists, plain values and NumPy arrays."""

    def state_dict(self) -> Any:
        """The state."""
        ...

    def load_state_dict(self, state_dict: Any, /) -> Any:
        """Go on from a state."""
        ...


def save(optimizer: "Optimizer", *, copies: bool = True) -> dict[str, Any]:
    """See `Optimizer.state_dict`; without copies the arrays are those that steps update."""
    around = optimizer._complete
    if around is not None:
        around.averages.check_weights_in_place("state_dict")
    return {
        "fastlr": VERSION,
        "optimizer": optimizer.name,
        "like": optimizer.like,
        "steps": optimizer.steps,
        "dtype": str(optimizer.dtype),
        "shapes": {name: array.shape for name, array in optimizer.params.items()},
        "groups": [
            {
                **{key: _saved(value) for key, value in group.rule.settings().items()},
                "params": list(group.names),
                "steps": group.steps,
                "frozen": group.frozen,
                "schedules": {name: schedule.state_dict() for name, schedule in _driven(group).items()},
                **({"rows": group.rows.save(copies=copies)} if group.rows else {}),
            }
            for group in optimizer.groups
        ],
        "state": {
            name: {symbol: array.copy() if copies else array for symbol, array in arrays.items()}
            for name, arrays in optimizer.state.items()
        },
        **({} if around is None else {"around": around.state(copies=copies)}),
    }


def _saved(value: Any) -> Any:
    """A setting as plain data: None for a function of the step, which is code."""
    if isinstance(value, tuple):
        return tuple(map(_saved, value))
    return None if callable(value) else value


def _merged(saved: Any, current: Any) -> Any:
    """What was saved, but where there was or is a function of the step, what is here stays."""
    if isinstance(current, tuple) and isinstance(saved, tuple | list) and len(saved) == len(current):
        return tuple(map(_merged, saved, current))
    return current if saved is None or callable(current) else saved


def load(optimizer: "Optimizer", saved: Mapping[str, Any]) -> None:
    """See `Optimizer.load_state_dict`."""
    call = f"{optimizer.name}.load_state_dict"
    around = optimizer._complete
    optimizer._check_idle("load_state_dict")
    _check_head(saved, optimizer, call)
    entries = saved["groups"]
    if not isinstance(entries, Sequence) or not all(isinstance(entry, Mapping) for entry in entries):
        raise TypeError(f"{call}: groups must be a list of mappings, got {entries!r}")
    if len(entries) != len(optimizer.groups):
        raise ValueError(f"{call}: groups must be {len(optimizer.groups)}, got {len(entries)}")
    groups = list(zip(optimizer.groups, entries, strict=True))
    rules = [_saved_rule(group, entry, f"{call}: group {i}") for i, (group, entry) in enumerate(groups)]
    _check_state(saved["state"], optimizer, call)
    takers = [rows.restored(optimizer, group, entry, f"{call}: group {i}") for i, (group, entry) in enumerate(groups)]
    if not isinstance(saved.get("around", {}), Mapping):
        raise TypeError(f"{call}: around must be a mapping, got {saved['around']!r}")
    saved_around = {"skipped": 0, **saved.get("around", {})}  # options that keep nothing may come and go
    check_keys(saved_around, {"skipped": 0} if around is None else around.state(copies=False), f"{call}: around")
    if around is not None:
        around.check(saved_around, f"{call}: around")
    # Nothing has been changed yet; the next line changes nothing where it fails, and nothing below it can.
    _load_schedules(groups, call)
    if around is not None:
        around.load(saved_around)
    for (group, entry), rule, taker in zip(groups, rules, takers, strict=True):
        group.update(rule)
        group.restore(int(entry["steps"]), entry["frozen"], taker)
    for key, arrays in optimizer.state.items():
        for symbol, array in arrays.items():
            array[...] = saved["state"][key][symbol]
    optimizer._plan.steps = optimizer._steps_before = int(saved["steps"])
    optimizer._follow_tables()


def _driven(group: "Group") -> dict[str, Any]:
    """The schedules that have a state of their own, such as `fastlr.schedules.Plateau`, by setting."""
    return {v.name: v.function for v in group.varying if isinstance(v.function, Stateful)}


def _load_schedules(groups: Sequence[tuple["Group", Mapping[str, Any]]], call: str) -> None:
    """Restore the schedules that have a state, all or none of them."""
    pairs = []
    for i, (group, entry) in enumerate(groups):
        here, states = _driven(group), entry.get("schedules", {})
        if not isinstance(states, Mapping) or states.keys() - here.keys():
            raise ValueError(
                f"{call}: group {i} must have the schedules whose state was saved, "
                f"saved were {states!r}, here are {list(here)}; make the optimizer with them"
            )
        pairs += [(here[name], state) for name, state in states.items()]
    before = [(schedule, schedule.state_dict()) for schedule, _ in pairs]
    try:
        for schedule, state in pairs:
            schedule.load_state_dict(state)
    except Exception:
        for schedule, state in before:
            schedule.load_state_dict(state)
        raise


def _saved_rule(group: "Group", entry: Mapping[str, Any], call: str) -> Rule:
    """The settings that were saved for a group."""
    names = entry.get("params")
    if not isinstance(names, Sequence) or sorted(map(str, names)) != sorted(group.names):
        raise ValueError(f"{call} must hold the parameters {list(group.names)}, got {names}")
    _check_count(entry.get("steps"), call)
    if not isinstance(entry.get("frozen"), bool):
        raise TypeError(f"{call}: frozen must be True or False, got {entry.get('frozen')!r}")
    settings = {key: value for key, value in entry.items() if key not in NO_SETTINGS}
    if wrong := settings.keys() ^ group.rule.kinds().keys():
        raise ValueError(
            f"{call} must have the settings {list(group.rule.kinds())}, missing or unknown {sorted(map(str, wrong))}"
        )
    merged = {key: _merged(value, getattr(group.rule, key)) for key, value in settings.items()}
    rule = dataclasses.replace(group.rule, **merged)
    if rule.kernel is not group.rule.kernel:
        raise ValueError(f"{call} must be made with the same options, saved were {settings}")
    return rule


def _check_head(saved: Mapping[str, Any], optimizer: "Optimizer", call: str) -> None:
    if not isinstance(saved, Mapping):
        raise TypeError(f"{call}: must be what state_dict() returned, got {type(saved).__name__}")
    for key in ("fastlr", "optimizer", "like", "dtype", "shapes", "steps", "groups", "state"):
        if key not in saved:
            raise KeyError(f"{call}: must have an entry {key!r}, got {list(map(str, saved))}")
    if not isinstance(saved["fastlr"], int) or saved["fastlr"] != VERSION:
        raise ValueError(f"{call}: version must be {VERSION}, got {saved['fastlr']!r}; update fastlr to read it")
    for key, own in (("optimizer", optimizer.name), ("like", optimizer.like), ("dtype", str(optimizer.dtype))):
        if saved[key] != own:
            raise ValueError(f"{call}: {key} must be {own!r}, got {saved[key]!r}")
    shapes = {name: array.shape for name, array in optimizer.params.items()}
    if not isinstance(saved["shapes"], Mapping) or {k: tuple(v) for k, v in saved["shapes"].items()} != shapes:
        raise ValueError(f"{call}: shapes must be {shapes}, got {saved['shapes']}")
    _check_count(saved["steps"], call)


def _check_count(steps: Any, call: str) -> None:
    if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or not 0 <= steps < 2**53:
        raise ValueError(f"{call}: steps must be a whole number in [0, 2**53), got {steps!r}")


def _check_state(state: Mapping[str, Any], optimizer: "Optimizer", call: str) -> None:
    if not isinstance(state, Mapping) or state.keys() != optimizer.state.keys():
        got = list(map(str, state)) if isinstance(state, Mapping) else type(state).__name__
        raise ValueError(f"{call}: state must be for the parameters {list(optimizer.state)}, got {got}")
    for name, arrays in optimizer.state.items():
        if not isinstance(state[name], Mapping) or state[name].keys() != arrays.keys():
            held = list(map(str, state[name])) if isinstance(state[name], Mapping) else type(state[name]).__name__
            raise ValueError(f"{call}: state of {name!r} must have {list(arrays)}, got {held}")
        for symbol, array in arrays.items():
            check_array(state[name][symbol], array, f"{call}: {symbol} of {name!r}")


def check_array(saved: Any, array: Array, label: str) -> None:
    """Raise unless what was saved has the array's shape and dtype."""
    shape, dtype = getattr(saved, "shape", None), getattr(saved, "dtype", type(saved).__name__)
    if shape != array.shape or dtype != array.dtype:
        raise ValueError(f"{label} must be {array.dtype} of shape {array.shape}, got {dtype} of shape {shape}")


def check_keys(saved: Any, own: Mapping[str, Any], label: str) -> None:
    """Raise unless what was saved is a mapping with these keys."""
    if not isinstance(saved, Mapping) or saved.keys() != own.keys():
        got = list(map(str, saved)) if isinstance(saved, Mapping) else type(saved).__name__
        raise ValueError(f"{label} must have {list(own)}, got {got}; make the optimizer with the options of the other")
