"""Averages of the weights, kept beside them and put in their place."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from fastlr.arrays import Array, empty_flat, views

BLOCK = 1 << 16  # weights that are exchanged at once


def beside(params: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    """Copies of these parameters in one flat buffer, so that they are neighbours where the parameters are."""
    arrays = [params[name] for name in names]
    flat = empty_flat(sum(array.size for array in arrays), arrays[0].dtype)
    copies = dict(zip(names, views(flat, arrays), strict=True))
    for name, copy in copies.items():
        copy[...] = params[name]
    return copies


class Averages:
    """How many steps are in the averages, and which of them and of the weights are in the others' place."""

    def __init__(self, call: str) -> None:
        self._call = call
        self.count = 0
        self.in_place = False
        """Whether the averages are where the weights belong."""

    @contextmanager
    def swapped(self, exchange: Callable[[], None]) -> Iterator[None]:
        """The averages in place of the parameters, which are put back whatever happens."""
        if self.in_place:
            raise RuntimeError(f"{self._call}.averaged(): the averages are in place already")
        if self.count == 0:  # nothing was averaged
            yield
            return
        exchange()
        self.in_place = True
        try:
            yield
        finally:
            exchange()
            self.in_place = False

    def check_weights_in_place(self, method: str) -> None:
        """Raise while averages are where the weights belong."""
        if self.in_place:
            raise RuntimeError(f"{self._call}.{method}(): the averages are in place; leave averaged() first")


class ArrayAverages(Averages):
    """The average of each parameter."""

    def __init__(self, call: str) -> None:
        super().__init__(call)
        self.arrays: dict[str, Array] = {}

    def exchange(self, params: Mapping[str, Array]) -> None:
        """Put each where the other is."""
        for name, average in self.arrays.items():
            _exchange(params[name].reshape(-1), average.reshape(-1))


def _exchange(a: Array, b: Array) -> None:
    for start in range(0, a.size, BLOCK):
        part = slice(start, start + BLOCK)
        kept = a[part].copy()
        a[part] = b[part]
        b[part] = kept
