"""Averages of the weights, kept beside them and put in their place."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Any, TypeAlias

from fastlr.arrays import Array, empty_flat, views

BLOCK = 1 << 16  # weights that are exchanged at once
Pair: TypeAlias = tuple[Any, Any]
"""Weights and their average."""


def beside(params: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    """Copies of these parameters in one flat buffer, so that they are neighbours where the parameters are."""
    arrays = [params[name] for name in names]
    flat = empty_flat(sum(array.size for array in arrays), arrays[0].dtype)
    copies = dict(zip(names, views(flat, arrays), strict=True))
    for name, copy in copies.items():
        copy[...] = params[name]
    return copies


class Averages:
    """How many steps are in the averages, and whether they are where the weights belong."""

    def __init__(self, call: str) -> None:
        self._call = call
        self.count = 0
        self._claim = Lock()

    @property
    def in_place(self) -> bool:
        """Whether the averages are where the weights belong, or on their way."""
        return self._claim.locked()

    def check_weights_in_place(self, method: str) -> None:
        """Raise while averages are where the weights belong."""
        if self.in_place:
            raise RuntimeError(f"{self._call}.{method}(): the averages are in place; leave averaged() first")

    @contextmanager
    def swapped(
        self, pairs: Iterable[Pair], exchange: Callable[[Pair], None], *, busy: Callable[[], bool]
    ) -> Iterator[None]:
        """Have each pair of weights and average exchanged, by one at a time, and put back whatever happens."""
        if not self._claim.acquire(blocking=False):
            raise RuntimeError(f"{self._call}.averaged(): the averages are in place already")
        done: list[Pair] = []
        try:
            if busy():
                raise RuntimeError(f"{self._call}.averaged(): this optimizer is in the middle of a step")
            for pair in pairs if self.count else ():  # without a count nothing was averaged
                exchange(pair)
                done.append(pair)
            yield
        finally:
            for pair in done:
                exchange(pair)
            self._claim.release()


class ArrayAverages(Averages):
    """The average of each parameter."""

    def __init__(self, call: str) -> None:
        super().__init__(call)
        self.arrays: dict[str, Array] = {}

    def put_in(self, params: Mapping[str, Array], busy: Callable[[], bool]) -> AbstractContextManager[None]:
        """The averages in place of the parameters."""
        pairs = [(params[name].reshape(-1), average.reshape(-1)) for name, average in self.arrays.items()]
        return self.swapped(pairs, lambda pair: _exchange(*pair), busy=busy)


def _exchange(a: Array, b: Array) -> None:
    for start in range(0, a.size, BLOCK):
        part = slice(start, start + BLOCK)
        kept = a[part].copy()
        a[part] = b[part]
        b[part] = kept
