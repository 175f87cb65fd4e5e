"""What the tests of the core share: structures of any kind, arrays, and bits to compare."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastlr

DTYPES = ["float32", "float64"]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


def bits(tree: Any) -> Any:
    """Arrays as dtype, shape and bytes, so that `==` tells signs of zero apart and NaN is NaN."""
    if isinstance(tree, np.ndarray):
        return tree.dtype.str, tree.shape, tree.tobytes()
    if isinstance(tree, Mapping):
        return {key: bits(child) for key, child in tree.items()}
    return [bits(child) for child in tree]


def outcome(opt: fastlr.Optimizer) -> Any:
    """What steps have made of an optimizer: its parameters and state to the bit, and how many they were."""
    return bits(opt.params), bits(opt.state), opt.steps


def normal(seed: int, *shape: int, dtype: Any = "float32") -> Any:
    return np.asarray(np.random.default_rng(seed).normal(size=shape), dtype=dtype)


def misaligned(array: Any) -> Any:
    """A copy that begins one byte off."""
    odd = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    odd[...] = array
    return odd


def trees(leaf: Any) -> Any:
    """An array, or nested lists, tuples and dicts of several, none of them empty."""
    keys = st.text("ab01", min_size=1, max_size=3)

    def branches(child: Any) -> Any:
        lists = st.lists(child, min_size=1, max_size=4)
        return st.one_of(lists, lists.map(tuple), st.dictionaries(keys, child, min_size=1, max_size=4))

    return st.recursive(leaf, branches, max_leaves=8)


def changed(tree: Any, function: Callable[[Any], Any]) -> Any:
    """The same structure with what the function makes of each array."""
    if isinstance(tree, np.ndarray):
        return function(tree)
    if isinstance(tree, dict):
        return {key: changed(child, function) for key, child in tree.items()}
    return type(tree)([changed(child, function) for child in tree])


def flattened(tree: Any) -> list[Any]:
    found: list[Any] = []
    changed(tree, found.append)
    return found


W, ONE = normal(40, 4), normal(41)
"""Arrays for mistakes."""


class Subject:
    """Optimizers of every kind, a few steps old, to none of which a mistake may make a difference."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.base = normal(1, 12)
        self.arrays = [self.base[0:4], self.base[8:12]]
        self.grads = {"w": normal(2, 2, 3), "b": [normal(3, 4), normal(4)]}
        self.rate: Any = None
        params = {"w": normal(5, 2, 3), "b": [normal(6, 4), normal(7)]}
        groups = [{"params": [normal(8, 3), normal(9, 2)], "lr": 0.1}, {"params": {"z": normal(10, 3)}}]
        timed = [{"params": normal(11, 3)}, {"params": normal(12, 3), "lr": lambda step: self.scheduled(step)}]
        self.buffers = fastlr.pack([normal(13, 3), normal(14, 2)])
        self.nested = fastlr.Adam(params, 0.1, amsgrad=True, backend=backend)
        self.flat = fastlr.SGD(self.arrays, 0.5, momentum=0.9, backend=backend)
        self.groups = fastlr.AdamW(groups, backend=backend)
        self.packed = fastlr.RMSprop(self.buffers, centered=True, backend=backend)
        self.single = fastlr.SGD(normal(15, 3, 2), lr=lambda step: self.scheduled(step), backend=backend)
        self.timed = fastlr.Adagrad(timed, backend=backend)
        self.optimizers = [self.nested, self.flat, self.groups, self.packed, self.single, self.timed]
        self.step()
        self.step()

    def scheduled(self, step: int) -> Any:
        return self.rate(step) if callable(self.rate) else self.rate

    def step(self) -> None:
        self.rate = 0.25
        self.buffers.flat_grads[:] = normal(20, 5)
        self.nested.step(self.grads)
        self.flat.step([normal(21, 4), normal(22, 4)])
        self.groups.step([[normal(23, 3), normal(24, 2)], {"z": normal(25, 3)}])
        self.packed.step()
        self.single.step(normal(26, 3, 2))
        self.timed.step([normal(27, 3), normal(28, 3)])

    def outcome(self) -> Any:
        arrays = [self.base, self.grads, self.buffers.flat, self.buffers.flat_grads, W, ONE]
        return bits(arrays), [outcome(opt) for opt in self.optimizers]

    def settings(self) -> Any:
        self.rate = 0.25
        return [(opt.lr, [group.rule for group in opt.groups]) for opt in self.optimizers]
