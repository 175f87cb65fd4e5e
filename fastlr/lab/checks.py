"""What several calls of the lab ask of their arguments."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from fastlr.lab.tables import closest

T = TypeVar("T")


def known(call: str, argument: str, name: str, values: Mapping[str, T]) -> T:
    """The value of that name, or an error that says which there are.

    >>> known("study", "preset", "keros", {"keras": 1})
    Traceback (most recent call last):
    ValueError: study(preset='keros'): unknown, did you mean 'keras'? there are 'keras'
    """
    if name in values:
        return values[name]
    close = closest(str(name), values)
    guess = f"did you mean {close!r}? " if close else ""
    raise ValueError(f"{call}({argument}={name!r}): unknown, {guess}there are {', '.join(map(repr, values))}")


def seeds_of(call: str, seeds: int | Sequence[int]) -> tuple[int, ...]:
    """The seeds themselves.

    >>> seeds_of("sweep", 3), seeds_of("sweep", [7, 8])
    ((0, 1, 2), (7, 8))
    """
    if isinstance(seeds, int):
        if seeds < 1:
            raise ValueError(f"{call}(seeds={seeds}): there must be at least one seed; 5 show how much luck there is")
        return tuple(range(seeds))
    numbers = tuple(seeds)
    if not numbers:
        raise ValueError(f"{call}(seeds={seeds!r}): there must be at least one seed; 5 show how much luck there is")
    for seed in numbers:
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise ValueError(f"{call}(seeds={seeds!r}): seeds must be whole numbers, at least 0, got {seed!r}")
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{call}(seeds={seeds!r}): seeds must differ; a seed twice is the same run twice")
    return numbers
