"""The caller's arrays: their structure, their names, whether a step can update them in place."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, pairwise
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
Tree: TypeAlias = Any
"""An array, or a sequence or mapping of trees."""

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
ALIGNMENT = 64  # bytes: a cache line, and the widest register
PAGE = 4096  # bytes
_starts = cycle(range(0, 17 * PAGE, 17 * ALIGNMENT))


def leaves(tree: Tree, call: str, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every array of a tree in order, named by its path: ("layers.0.w", array)."""
    if isinstance(tree, np.ndarray):
        yield name, tree
        return
    for key, child in _children(tree, call, name):
        yield from leaves(child, call, f"{name}.{key}" if name else str(key))


def _children(tree: Tree, call: str, name: str) -> list[tuple[Any, Tree]]:
    if isinstance(tree, Mapping):
        return list(tree.items())
    if isinstance(tree, Sequence) and not isinstance(tree, str | bytes):
        return list(enumerate(tree))
    raise TypeError(
        f"{call}: {where(name)} must be a NumPy array, or a sequence or mapping of arrays, got {type(tree).__name__}"
    )


def where(name: str) -> str:
    """How an error names an array."""
    return f"array {name!r}" if name else "the array"


def matched(tree: Tree, other: Tree, call: str, name: str = "") -> list[Array | None]:
    """The leaves of `other` in the order of `tree`, whose structure it must have; None stands for a tree of None."""
    if other is None:
        return [None for _ in leaves(tree, call)]
    if isinstance(tree, np.ndarray):
        if not isinstance(other, np.ndarray):
            raise TypeError(f"{call}: {where(name)} must be a NumPy array, got {type(other).__name__}")
        return [other]
    found: list[Array | None] = []
    for key, child, counterpart in _pairs(tree, other, call, f"gradients {name!r}" if name else "gradients"):
        if isinstance(child, np.ndarray) and isinstance(counterpart, np.ndarray):  # no names to make for most
            found.append(counterpart)
        else:
            found += matched(child, counterpart, call, f"{name}.{key}" if name else str(key))
    return found


def _pairs(tree: Tree, other: Tree, call: str, path: str) -> list[tuple[Any, Tree, Tree]]:
    """(key, child of `tree`, child of `other`) for each child."""
    if isinstance(tree, Mapping):
        if not isinstance(other, Mapping):
            raise TypeError(f"{call}: {path} must be a mapping like the parameters, got {type(other).__name__}")
        if tree.keys() != other.keys():
            missing, unknown = (
                sorted(map(str, keys)) for keys in (tree.keys() - other.keys(), other.keys() - tree.keys())
            )
            raise ValueError(f"{call}: {path} must have the parameters' keys; missing {missing}, unknown {unknown}")
        return [(key, child, other[key]) for key, child in tree.items()]
    if not isinstance(other, Sequence) or isinstance(other, str | bytes):
        raise TypeError(f"{call}: {path} must be a list or tuple like the parameters, got {type(other).__name__}")
    if len(tree) != len(other):
        raise ValueError(f"{call}: {path} must have {len(tree)} entries like the parameters, got {len(other)}")
    return list(zip(range(len(tree)), tree, other, strict=True))


def check_parameters(named: Sequence[tuple[str, Array]], call: str) -> None:
    """Raise unless a step can update all of these arrays in place."""
    if not named:
        raise ValueError(f"{call}: there are no parameters: pass at least one float32 or float64 array")
    names = [name for name, _ in named]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{call}: two arrays are named {twice!r}: rename a key, names join their path with '.'")
    for name, array in named:
        _check_parameter(array, f"{call}: {where(name)}")
        if array.dtype != named[0][1].dtype:
            raise TypeError(
                f"{call}: {where(name)} must be {named[0][1].dtype} like {where(names[0])}, got {array.dtype}; "
                "convert one, or use an optimizer for each dtype"
            )
    _check_apart(named, call)


def _check_parameter(array: Array, label: str) -> None:
    check_dtype(array, label)
    if not array.flags.c_contiguous:
        raise ValueError(
            f"{label} must be C-contiguous, got strides {array.strides} for shape {array.shape}; "
            "use np.ascontiguousarray(...) or fastlr.pack, which copy"
        )
    if not array.flags.aligned:
        raise ValueError(
            f"{label} must be aligned to its items of {array.itemsize} bytes, "
            f"got address {array.ctypes.data:#x}; copy it"
        )
    if not array.flags.writeable:
        raise ValueError(f"{label} must be writeable, got a read-only array; copy it, or set its flags.writeable")


def check_dtype(array: Array, label: str) -> None:
    """Raise unless the array is of float32 or float64 in the machine's byte order."""
    if array.dtype not in DTYPES:
        order = "" if array.dtype.isnative else " in the other byte order"
        raise TypeError(
            f"{label} must be float32 or float64, got {array.dtype}{order}; convert it with .astype('float32')"
        )


def _check_apart(named: Sequence[tuple[str, Array]], call: str) -> None:
    """Raise if two arrays share memory: a step would update it twice."""
    spans = sorted((array.ctypes.data, array.ctypes.data + array.nbytes, name) for name, array in named if array.size)
    for (begin, end, name), (next_begin, next_end, next_name) in pairwise(spans):
        if next_begin < end:
            same = (begin, end) == (next_begin, next_end)
            raise ValueError(
                f"{call}: {where(name)} and {where(next_name)} must not overlap, got "
                f"{'the same memory twice' if same else f'{min(end, next_end) - next_begin} bytes in both'}; "
                "pass shared weights once, with the sum of their gradients"
            )


def explain_misfit(name: str, parameter: Array, gradient: Any, call: str) -> Exception:
    """The error for a gradient that the engine refused."""
    label = f"{call}: the gradient of {where(name)}" if name else f"{call}: the gradient"
    if gradient is None:
        return TypeError(
            f"{label} must be a NumPy array, got NoneType; it may be None for a frozen group, and for a table that has "
            "taken its first step by step_rows"
        )
    if not isinstance(gradient, np.ndarray):
        return TypeError(f"{label} must be a NumPy array, got {type(gradient).__name__}")
    if gradient.dtype != parameter.dtype or not gradient.dtype.isnative:
        order = "" if gradient.dtype.isnative else " in the other byte order"
        return TypeError(
            f"{label} must be {parameter.dtype} like its parameter, got {gradient.dtype}{order}; "
            f"convert it with .astype('{parameter.dtype}')"
        )
    if gradient.shape != parameter.shape:
        return ValueError(f"{label} must have its parameter's shape {parameter.shape}, got {gradient.shape}")
    if not gradient.flags.c_contiguous or not gradient.flags.aligned:
        return ValueError(
            f"{label} must be C-contiguous and aligned, got strides {gradient.strides} for shape {gradient.shape}; "
            "use np.ascontiguousarray(...)"
        )
    if not gradient.flags.writeable:
        return ValueError(f"{label} must be writeable to be zeroed (zero_grads=True); pass a copy, or zero it yourself")
    return ValueError(
        f"{label} must not share memory with parameters, optimizer state or (to be zeroed) another gradient; "
        "pass a copy"
    )


def empty_flat(count: int, dtype: np.dtype[Any]) -> Array:
    """An uninitialised 1-d array that begins on a cache line, and each at another place of its page.

    A processor takes a load for dependent on an unfinished store whose address ends alike: a step of AdamW over 1,000
    weights took 0.58 us with arrays that began at the same place of their pages, and 0.45 with these.
    """
    raw = np.empty(count * dtype.itemsize + PAGE, dtype=np.uint8)
    offset = (next(_starts) - raw.ctypes.data) % PAGE
    flat: Array = raw[offset : offset + count * dtype.itemsize].view(dtype)
    return flat


def views(flat: Array, like: Sequence[Array]) -> list[Array]:
    """Consecutive parts of a flat array in the shapes of others."""
    ends = np.cumsum([array.size for array in like], dtype=np.int64)
    return [flat[end - array.size : end].reshape(array.shape) for end, array in zip(ends, like, strict=True)]
