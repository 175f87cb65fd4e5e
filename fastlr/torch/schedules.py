"""Settings that are functions of the step: fastlr's schedules, or any other.

Design: a group holds numbers, as PyTorch's tools expect, those of the step that was taken last; the functions are kept
here.  What they need to go on, the step and the state of those that have one, is saved in the group's entry of
`state_dict()` as plain data, of which PyTorch's own optimizers take no notice.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastlr.rules import Rule
from fastlr.rules.settings import Setting
from fastlr.statedict import Stateful
from fastlr.torch.formulas import is_schedule

KEY = "schedules"
"""In a saved group."""


class Schedules:
    """The schedules of an optimizer's groups.

    Parameters
    ----------
    rule : subclass of Rule
        Which has the ranges of the settings.

    Attributes
    ----------
    steps : int
        How many steps were taken: the next takes the functions' values at this.
    """

    def __init__(self, rule: type[Rule]) -> None:
        self.steps = 0
        self._rule = rule
        self._settings = {name: kind for name, kind in rule.kinds().items() if isinstance(kind, Setting)}
        self._default: dict[str, Any] = {}
        self._groups: list[dict[str, Any]] = []

    def number(self, name: str, value: Any) -> Any:
        """An optimizer's argument as a number; a function is kept for the groups that have none of their own."""
        if not is_schedule(value):
            return value
        self._default[name] = value
        return self._at(name, value)

    def join(self, group: dict[str, Any], own: Sequence[str]) -> None:
        """Take the next group, which has brought these settings of its own."""
        self._groups.append({name: value for name, value in self._default.items() if name not in own})
        self._absorb(group, self._groups[-1])

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return any(self._groups)

    def absorb(self, groups: Sequence[dict[str, Any]]) -> None:
        """Take functions that somebody has written into groups."""
        for group, functions in zip(groups, self._groups, strict=True):
            self._absorb(group, functions)

    def apply(self, groups: Sequence[dict[str, Any]]) -> None:
        """Write the numbers of the next step into the groups."""
        for group, functions in zip(groups, self._groups, strict=True):
            self._absorb(group, functions)
            for name, value in functions.items():
                group[name] = self._at(name, value)

    def numbers(self, groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What the groups hold where there are functions."""
        return [
            {name: group[name] for name in functions} for group, functions in zip(groups, self._groups, strict=True)
        ]

    def _absorb(self, group: dict[str, Any], functions: dict[str, Any]) -> None:
        for name in self._settings:
            value = group.get(name)
            if is_schedule(value):
                functions[name] = value
                group[name] = self._at(name, value)

    def _at(self, name: str, value: Any) -> Any:
        if isinstance(value, tuple | list):
            return tuple(self._number(name, f"{name}[{i}]", part) for i, part in enumerate(value))
        return self._number(name, name, value)

    def _number(self, name: str, label: str, value: Any) -> float:
        if not callable(value):
            return float(value)
        found = value(self.steps)
        found = found.item() if getattr(found, "ndim", None) == 0 else found
        call = f"{self._rule.__name__}({label}={value!r})"
        return self._settings[name].number(found, call, f"{label}({self.steps})")

    def saved(self) -> list[dict[str, Any]]:
        """What each group's entry of a state is to hold besides."""
        return [
            {KEY: {"steps": self.steps, "states": {label: each.state_dict() for label, each in _stateful(functions)}}}
            if functions
            else {}
            for functions in self._groups
        ]

    def load(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Go on from what was saved; what is not there, as in a state of PyTorch's, stays."""
        for functions, entry in zip(self._groups, entries, strict=True):
            saved = entry.get(KEY)
            if saved is None:
                continue
            self.steps = int(saved["steps"])
            for label, each in _stateful(functions):
                if label in saved["states"]:
                    each.load_state_dict(saved["states"][label])


def _stateful(functions: Mapping[str, Any]) -> Iterator[tuple[str, Stateful]]:
    for name, value in functions.items():
        parts: Iterator[tuple[str, Any]] = (
            ((f"{name}[{i}]", part) for i, part in enumerate(value))
            if isinstance(value, tuple | list)
            else iter([(name, value)])
        )
        yield from ((label, part) for label, part in parts if isinstance(part, Stateful))
