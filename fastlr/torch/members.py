"""The parameters that the engine steps, a row of its plan each."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from fastlr.torch.memory import flat, span
from fastlr.torch.state import AVERAGE, Entry


@dataclass(frozen=True)
class Row:
    """A parameter that the engine steps.

    Attributes
    ----------
    index : int
        Which one, in the order of all groups.
    group : int
    dtype : str
    share : tuple
        Who has the same one is in the same group of the engine: the group, the share before, the steps taken.
    """

    index: int
    param: Tensor
    group: int
    dtype: str
    entry: Entry
    share: tuple[Any, ...]

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The weights and the state that the kernel takes, as arrays over their memory."""
        return tuple(flat(tensor) for tensor in (self.param, *(self.entry.state[name] for name in self.entry.names)))

    @property
    def average(self) -> NDArray[Any]:
        """The average of the weights, likewise."""
        return flat(self.entry.state[AVERAGE])


def apart(rows: list[Row]) -> tuple[list[Row], set[int]]:
    """The rows that share no memory, which steps of several threads would write twice; and which others do."""
    spans = sorted(
        (*found, row.index)
        for row in rows
        for tensor in (row.param, *(row.entry.state[name] for name in row.entry.watched))
        if (found := span(tensor)) and found[0] < found[1]
    )
    shared, end = set(), 0
    for begin, until, index in spans:
        if begin < end:
            shared.add(index)
        end = max(end, until)
    return [row for row in rows if row.index not in shared], shared
