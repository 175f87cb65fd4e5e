"""Nested values as JSON and named arrays, and back.

Design: the JSON has null where an array was, and the array's name is the JSON Pointer (RFC 6901, without the first
slash) of that place: "optimizer/state/w/m".  So no value needs a marker that another value could look like.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

AnyArray: TypeAlias = NDArray[Any]
Tree: TypeAlias = Any
"""A mapping of str to trees, a list or tuple of trees, an array, or a str, int, float, bool or None."""


def split(tree: Tree, call: str) -> tuple[Any, dict[str, AnyArray]]:
    """The tree with None for each array, and the arrays by name.

    Raises
    ------
    TypeError, ValueError
        For what neither JSON nor an array can hold.

    Examples
    --------
    >>> split({"steps": np.int64(3), "m": {"a/b": np.zeros(2)}}, "save")
    ({'steps': 3, 'm': {'a/b': None}}, {'m/a~1b': array([0., 0.])})
    """
    arrays: dict[str, AnyArray] = {}
    return _split(tree, "", arrays, call), arrays


def _split(tree: Tree, name: str, arrays: dict[str, AnyArray], call: str) -> Any:
    if isinstance(tree, np.ndarray):
        arrays[_checked(name, call)] = tree
        return None
    if isinstance(tree, Mapping):
        return {_key(key, name, call): _split(child, _below(name, key), arrays, call) for key, child in tree.items()}
    if isinstance(tree, list | tuple):
        return [_split(child, _below(name, i), arrays, call) for i, child in enumerate(tree)]
    return _plain(tree, name, call)


def _plain(value: Any, name: str, call: str) -> Any:
    """The value in JSON's types; NaN and infinities stay, for Python's JSON has them."""
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or isinstance(plain, str | bool | int | float):
        return plain
    raise TypeError(
        f"{call}: {name} must be a NumPy array, a number, str, bool or None, or a list or mapping of such, "
        f"got {type(value).__name__}; convert it"
    )


def _key(key: Any, name: str, call: str) -> str:
    if isinstance(key, str):
        return key
    raise TypeError(f"{call}: keys of {name or 'metadata'} must be str, got {key!r}; use {str(key)!r}")


def _below(name: str, key: Any) -> str:
    step = str(key).replace("~", "~0").replace("/", "~1")
    return f"{name}/{step}" if name else step


def _checked(name: str, call: str) -> str:
    """The name of a tensor must be UTF-8, or the file would be unreadable elsewhere."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{call}: the name {name!r} must be valid Unicode, got a lone surrogate; rename it") from None
    return name


def join(plain: Any, arrays: Mapping[str, AnyArray]) -> Tree:
    """The tree that `split` took apart, with lists for tuples.

    Examples
    --------
    >>> join({"steps": 3, "m": {"a/b": None}}, {"m/a~1b": np.zeros(2)})
    {'steps': 3, 'm': {'a/b': array([0., 0.])}}
    """
    for name, array in arrays.items():
        *path, last = [step.replace("~1", "/").replace("~0", "~") for step in name.split("/")]
        place = plain
        for step in path:
            place = place[_index(place, step)]
        place[_index(place, last)] = array
    return plain


def _index(place: Any, step: str) -> Any:
    return int(step) if isinstance(place, list) else step


def mapped(tree: Tree, function: Callable[[AnyArray], AnyArray]) -> Tree:
    """The same tree with what the function makes of each array."""
    if isinstance(tree, np.ndarray):
        return function(tree)
    if isinstance(tree, Mapping):
        return {key: mapped(child, function) for key, child in tree.items()}
    return [mapped(child, function) for child in tree] if isinstance(tree, list | tuple) else tree


def copied(tree: Tree) -> Tree:
    """The same tree with arrays of its own."""
    return mapped(tree, np.copy)


def overlaid(here: Tree, saved: Tree) -> Tree:
    """What is here, with what was saved in every place that both have.

    Examples
    --------
    >>> overlaid({"a": 1, "b": [{"c": 2}]}, {"a": 7, "b": [{"d": 8}], "e": 9})
    {'a': 7, 'b': [{'c': 2}]}
    """
    if isinstance(here, Mapping) and isinstance(saved, Mapping):
        return {key: overlaid(child, saved[key]) if key in saved else child for key, child in here.items()}
    if _listed(here) and _listed(saved) and len(here) == len(saved):
        return [overlaid(child, other) for child, other in zip(here, saved, strict=True)]
    return saved


def _listed(tree: Tree) -> bool:
    return isinstance(tree, list | tuple) and all(isinstance(child, Mapping) for child in tree)
