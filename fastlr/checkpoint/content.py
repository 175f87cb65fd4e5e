"""What is saved of optimizers and of other parts, and how they take it back."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol, runtime_checkable

from fastlr import statedict
from fastlr.checkpoint.layout import UnreadableError
from fastlr.checkpoint.tree import AnyArray, Tree, copied
from fastlr.groups import Group
from fastlr.optimizer import Optimizer
from fastlr.schedules import Schedule
from fastlr.statedict import Stateful

Parts = Mapping[str, Stateful]


@runtime_checkable
class Counting(Stateful, Protocol):
    """An optimizer that is not `fastlr.Optimizer`, such as `fastlr.torch.portable` makes of PyTorch's."""

    @property
    def steps(self) -> int:
        """How many steps it has taken."""
        ...


def check(opt: Optimizer | Counting, parts: Parts, call: str) -> None:
    """Raise unless these can be saved and loaded."""
    if not isinstance(opt, Optimizer | Counting) or hasattr(opt, "param_groups"):
        raise TypeError(
            f"{call}: opt must be an optimizer of fastlr, got {type(opt).__name__}; "
            "pass one of PyTorch's as fastlr.torch.portable(opt), others by keyword"
        )
    for name, part in parts.items():
        if not (hasattr(part, "state_dict") and hasattr(part, "load_state_dict")):
            raise TypeError(
                f"{call}: {name} must have state_dict() and load_state_dict(), got {type(part).__name__}; "
                "values can be saved in metadata"
            )


def document(opt: Optimizer | Counting, parts: Parts, metadata: Mapping[str, Any], *, copies: bool) -> dict[str, Tree]:
    """Everything to be saved, by name; with `copies` nothing of it changes when training goes on."""
    return {
        **_of_optimizer(opt, copies=copies),
        "parts": {name: _of_part(part, copies=copies) for name, part in parts.items()},
        "metadata": copied(metadata) if copies else metadata,
    }


def check_document(saved: Tree, call: str) -> None:
    """Raise unless a file whose checksum is right has what `document` returns."""
    wanted = ("params", "optimizer", "schedules", "parts", "metadata")
    if not isinstance(saved, Mapping) or not all(key in saved for key in wanted):
        raise UnreadableError(f"{call}: must be written by fastlr.checkpoint, got a file without {', '.join(wanted)}")


def _of_part(part: Stateful, *, copies: bool) -> dict[str, Tree]:
    if isinstance(part, Optimizer):
        return _of_optimizer(part, copies=copies)
    return {"state": own_state(part) if copies else part.state_dict()}


def own_state(part: Stateful) -> Tree:
    """A state that nobody changes; an optimizer's is a copy already."""
    return part.state_dict() if isinstance(part, Optimizer) else copied(part.state_dict())


def _of_optimizer(opt: Optimizer | Counting, *, copies: bool) -> dict[str, Tree]:
    """Its parameters, what it says of itself, and the schedules, which it takes for code."""
    if not isinstance(opt, Optimizer):
        return {"params": {}, "optimizer": own_state(opt) if copies else opt.state_dict(), "schedules": []}
    params = dict(opt.params)
    return {
        "params": copied(params) if copies else params,
        "optimizer": statedict.save(opt, copies=copies),
        "schedules": [dict(_schedules(group)) for group in opt.groups],
    }


def _schedules(group: Group) -> Iterator[tuple[str, dict[str, Any]]]:
    for varying in group.varying:
        if isinstance(varying.function, Schedule):
            with suppress(TypeError):  # made of a function: code, as a function without a schedule is
                yield varying.name, varying.function.to_dict()


def names_here(opt: Optimizer | Counting, parts: Parts) -> set[str]:
    """What a checkpoint must have."""
    own = {f"params/{name}" for name in opt.params} if isinstance(opt, Optimizer) else set()
    return own.union(*(_names_of(name, part) for name, part in parts.items()))


def _names_of(name: str, part: Stateful) -> set[str]:
    params = part.params if isinstance(part, Optimizer) else ()
    return {f"parts/{name}", *(f"parts/{name}/params/{each}" for each in params)}


def names_in(saved: Mapping[str, Tree]) -> set[str]:
    """What a checkpoint has."""
    return set(_names_in(saved, ""))


def _names_in(saved: Mapping[str, Tree], prefix: str) -> Iterator[str]:
    yield from (f"{prefix}params/{name}" for name in saved.get("params", ()))
    for name, part in saved.get("parts", {}).items():
        yield f"{prefix}parts/{name}"
        yield from _names_in(part, f"{prefix}parts/{name}/")


def check_params(opt: Optimizer, saved: Mapping[str, AnyArray], call: str) -> None:
    """Raise unless the parameters that were saved fit those of the same name."""
    for name, param in opt.params.items():
        if name not in saved:
            continue
        other = saved[name]
        if (other.shape, other.dtype) != (param.shape, param.dtype):
            raise ValueError(
                f"{call}: parameter {name!r} must be {param.dtype} of shape {param.shape}, "
                f"got {other.dtype} of shape {other.shape}"
            )
        if not param.flags.writeable:
            raise ValueError(f"{call}: parameter {name!r} must be writeable, got a read-only array")
