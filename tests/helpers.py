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
