"""Loading: everything is verified before anything is changed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastlr.checkpoint import content, layout, pending
from fastlr.checkpoint.content import Counting, Parts
from fastlr.checkpoint.series import series
from fastlr.checkpoint.tree import Tree, copied, overlaid
from fastlr.optimizer import Optimizer
from fastlr.statedict import Stateful


@dataclass(frozen=True)
class Loaded:
    """What was in a checkpoint.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    steps : int
        How many steps the optimizer has taken.
    metadata : dict
        As it was saved, with lists for tuples.
    schedules : list of dict
        For each group the schedules that were in use, by setting, for `fastlr.schedules.from_dict`.  Those of the
        optimizer stay: a schedule is code.
    missing, unexpected : tuple of str
        With `strict=False`, what is here but not in the file, which stayed as it was, and what is in the file but not
        here, which was left out: "params/w", "parts/scaler".
    """

    path: Path
    steps: int
    metadata: dict[str, Any]
    schedules: list[dict[str, Any]]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]


def load(path: str | os.PathLike[str], opt: Optimizer | Counting, *, strict: bool = True, **parts: Stateful) -> Loaded:
    """Load what `save` has saved, into an optimizer made with the same rule and parameters of the same names.

    The parameters are written into the arrays that the optimizer updates; the steps that follow are those that would
    have followed the save, bit for bit.

    Parameters
    ----------
    path : str or path
        With "{steps}" in the name of the file: the one written last.  A save to it in the background is waited for.
    opt : Optimizer, or `fastlr.torch.portable(optimizer)`
    strict : bool
        False: load the parameters, their state and the parts that are both here and in the file, and say in the result
        which were not.  Shapes and settings must fit still.
    **parts
        As for `save`.

    Returns
    -------
    Loaded

    Raises
    ------
    UnreadableError
        For a file that is damaged, of a newer version of fastlr or of another program; a ValueError.
    OSError
        Where reading fails.
    TypeError, ValueError, KeyError
        For a checkpoint of another optimizer or of other parameters, or what a part raises.  In all cases, nothing is
        changed.
    """
    call = f"load({os.fspath(path)!r})"
    content.check(opt, parts, call)
    target = series(path, call)
    pending.settle(target.path)
    file = target.newest(call)
    call = f"load({str(file)!r})"
    saved = layout.read(file, call)
    content.check_document(saved, call)
    here, there = content.names_here(opt, parts), content.names_in(saved)
    missing, unexpected = tuple(sorted(here - there)), tuple(sorted(there - here))
    if strict and (missing or unexpected):
        raise ValueError(
            f"{call}: the checkpoint must have what is here, missing {list(missing)}, unexpected {list(unexpected)}; "
            "strict=False loads what both have"
        )
    _restore(opt, saved, parts, call, strict=strict)
    return Loaded(file, opt.steps, copied(saved["metadata"]), saved["schedules"], missing, unexpected)


def _restore(opt: Optimizer | Counting, saved: Mapping[str, Tree], parts: Parts, call: str, *, strict: bool) -> None:
    both = [(name, part) for name, part in parts.items() if name in saved["parts"]]
    pairs = [(part, _state(part, saved["parts"][name], f"{call}: {name}", strict=strict)) for name, part in both]
    if isinstance(opt, Optimizer):
        state = _state(opt, saved, call, strict=strict)
    else:
        _check_other(saved["optimizer"], call)
        pairs.append((opt, copied(saved["optimizer"])))
    before = [(part, content.own_state(part)) for part, _ in pairs]
    try:
        for part, its in pairs:
            part.load_state_dict(its)
        if isinstance(opt, Optimizer):
            opt.load_state_dict(state)  # last, for it changes all or nothing and so needs no copy
    except BaseException as error:
        error.add_note(f"in {call}")
        for part, its in before:
            part.load_state_dict(its)
        raise
    if isinstance(opt, Optimizer):
        _write_params(opt, saved["params"])
    for name, part in both:
        if isinstance(part, Optimizer):
            _write_params(part, saved["parts"][name]["params"])


def _check_other(saved: Tree, call: str) -> None:
    if not isinstance(saved, Mapping) or "fastlr" in saved:
        raise ValueError(f"{call}: must hold an optimizer as the one here, got one of fastlr's for arrays")


def _state(part: Stateful, saved: Mapping[str, Tree], call: str, *, strict: bool) -> Tree:
    """What the part is to load, after what can be verified here has been."""
    if isinstance(part, Optimizer) != ("optimizer" in saved):
        kinds = ("an optimizer", "something else")
        here, there = kinds if isinstance(part, Optimizer) else kinds[::-1]
        raise ValueError(f"{call} must be {here} in the checkpoint as it is here, got {there}")
    if not isinstance(part, Optimizer):
        return copied(saved["state"])  # the part may keep the arrays, but not with them all of the file
    content.check_params(part, saved["params"], call)
    return saved["optimizer"] if strict else _matching(part.state_dict(), saved["optimizer"])


def _matching(here: dict[str, Any], saved: Mapping[str, Tree]) -> Tree:
    """The optimizer's own state, with what was saved for the names that both have."""
    found = overlaid(here, saved)
    if _fits(found.get("groups"), here["groups"]):
        for group, own in zip(found["groups"], here["groups"], strict=True):
            group["params"] = own["params"]  # says what is here, and is no state
        for group, its in zip(found["groups"], saved["groups"], strict=True):
            group["rows"] = its.get("rows")  # how far a table's rows are goes with its steps, whatever was here
    return found


def _fits(groups: Any, own: Sequence[Any]) -> bool:
    return isinstance(groups, list) and len(groups) == len(own)


def _write_params(opt: Optimizer, saved: Mapping[str, Tree]) -> None:
    for name, param in opt.params.items():
        if name in saved:
            param[...] = saved[name]
