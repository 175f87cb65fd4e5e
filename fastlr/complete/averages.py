"""Averages of the weights, kept beside them and put in their place."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock

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
    """The average of each parameter, and how many steps are in it."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self.count = 0
        self._claim = Lock()

    @property
    def in_place(self) -> bool:
        """Whether the averages are where the weights belong, or on their way."""
        return self._claim.locked()

    @contextmanager
    def claimed(self, call: str) -> Iterator[None]:
        """The weights' place taken, by one at a time."""
        if not self._claim.acquire(blocking=False):
            raise RuntimeError(f"{call}: the averages are in place already")
        try:
            yield
        finally:
            self._claim.release()

    @contextmanager
    def swapped(self, params: Mapping[str, Array]) -> Iterator[None]:
        """The averages in place of the parameters, which are put back whatever happens."""
        pairs = [(params[name], average) for name, average in self.arrays.items()] if self.count else []
        done = 0
        try:
            for weights, average in pairs:
                _exchange(weights.reshape(-1), average.reshape(-1))
                done += 1
            yield
        finally:
            for weights, average in pairs[:done]:
                _exchange(weights.reshape(-1), average.reshape(-1))


def _exchange(a: Array, b: Array) -> None:
    for start in range(0, a.size, BLOCK):
        part = slice(start, start + BLOCK)
        kept = a[part].copy()
        a[part] = b[part]
        b[part] = kept
