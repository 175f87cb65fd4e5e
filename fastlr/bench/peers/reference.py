"""NumPy: fastlr's reference, the formula as one writes it down."""

import itertools
from collections.abc import Callable, Iterator

from fastlr import reference
from fastlr.arrays import Array
from fastlr.bench.cases import Case
from fastlr.bench.peers.base import Library, start
from fastlr.bench.timing import Step


def _make(case: Case) -> Step:
    rule = case.rule
    steps: Callable[..., Iterator[Array]] = getattr(reference, type(rule).__name__.lower())
    arrays = [
        steps(weights, itertools.repeat(gradient), **rule.settings())
        for weights, gradient in zip(*start(case), strict=True)
    ]
    if len(arrays) == 1:
        return arrays[0].__next__

    def step() -> None:
        for array in arrays:
            next(array)

    return step


LIBRARY = Library("numpy", {"numpy": _make}, ("numpy",), "numpy", "pip install numpy")
