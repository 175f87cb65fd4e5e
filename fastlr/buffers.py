"""Parameters and gradients in two flat buffers: the layout in which a step is one stream through memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastlr.arrays import DTYPES, Array, Tree, empty_flat, leaves, views, where


@dataclass(frozen=True, eq=False)
class Packed:
    """Parameters and gradients of a model, as views into two flat buffers.

    Attributes
    ----------
    params, grads : like what was packed
        Views into the flat buffers, in the caller's structure (mappings become dicts, sequences lists or tuples).
        Assigning to an entry writes into its buffer: `grads["w"] = g` is `grads["w"][...] = g`.
    flat, flat_grads : array, shape (number of weights,)
        The buffers: C-contiguous, beginning on a 64-byte boundary.
    """

    params: Tree
    grads: Tree
    flat: Array
    flat_grads: Array

    def __repr__(self) -> str:
        count = sum(1 for _ in leaves(self.params, "Packed"))
        return f"Packed({count} arrays, {self.flat.size:,} weights, {self.flat.dtype})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _repacked, (self.params, self.flat_grads)


def pack(params: Tree, dtype: DTypeLike | None = None) -> Packed:
    """Copy parameters into one flat buffer and make a second one, zeroed, for their gradients.

    Parameters
    ----------
    params : array, or sequence or mapping of arrays, nested as you like
        Of any layout; float32 or float64 throughout unless `dtype` is given.  An array that is there twice becomes two.
    dtype : float32 or float64, optional
        To convert to.

    Returns
    -------
    Packed
        Write gradients into `packed.grads`, then call `opt.step()` without an argument.

    Raises
    ------
    TypeError
        For something that is not an array, or for a dtype that is not float32 or float64, or for two dtypes.

    Examples
    --------
    >>> packed = fastlr.pack({"w": np.ones((2, 3)), "b": np.zeros(3)})
    >>> packed
    Packed(2 arrays, 9 weights, float64)
    >>> packed.params["b"] = np.array([7, 8, 9])
    >>> packed.flat
    array([1., 1., 1., 1., 1., 1., 7., 8., 9.])
    """
    named = list(leaves(params, "pack(params)"))
    if not named:
        raise ValueError("pack(params): there are no parameters: pass at least one array")
    target = _target_dtype(named, dtype)
    arrays = [array for _, array in named]
    count = sum(array.size for array in arrays)
    flat, flat_grads = empty_flat(count, target), empty_flat(count, target)
    flat_grads.fill(0)
    packed = views(flat, arrays)
    for view, array in zip(packed, arrays, strict=True):
        view[...] = array
    return Packed(_rebuilt(params, iter(packed)), _rebuilt(params, iter(views(flat_grads, arrays))), flat, flat_grads)


def _repacked(params: Tree, flat_grads: Array) -> Packed:
    """A copy: pickled, the views would come back as arrays of their own."""
    packed = pack(params)
    packed.flat_grads[:] = flat_grads
    return packed


class _DictOfViews(dict[Any, Any]):
    """Replacing a view would lose the buffer behind it without a word, so an assignment writes into it."""

    def __setitem__(self, key: Any, value: Any) -> None:
        _write(self[key], value, key)

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __ior__(self, other: Any) -> "_DictOfViews":  # type: ignore[misc]
        self.update(other)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)  # copies are no views


class _ListOfViews(list[Any]):
    """As `_DictOfViews`."""

    def __setitem__(self, key: Any, value: Any) -> None:
        _write(self[key], value, key)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


def _write(view: Tree, value: Any, key: Any) -> None:
    call = f"Packed[{key!r}] = ..."
    if not isinstance(view, np.ndarray):
        raise TypeError(f"{call}: only arrays can be assigned to, this is a {type(view).__name__} of them")
    if np.shape(value) not in ((), view.shape):
        raise ValueError(f"{call}: must be a number or have shape {view.shape}, got shape {np.shape(value)}")
    if not np.can_cast(np.asarray(value).dtype, view.dtype, "same_kind"):
        raise TypeError(f"{call}: must be real numbers, got {np.asarray(value).dtype}; zero gradients with 0")
    view[...] = value


def _rebuilt(tree: Tree, new: Iterator[Array]) -> Tree:
    """A tree of the same structure with other arrays."""
    if isinstance(tree, np.ndarray):
        return next(new)
    if isinstance(tree, Mapping):
        return _DictOfViews((key, _rebuilt(child, new)) for key, child in tree.items())
    items = [_rebuilt(child, new) for child in tree]
    if isinstance(tree, tuple):
        return type(tree)(*items) if hasattr(tree, "_fields") else tuple(items)
    return _ListOfViews(items)


def _target_dtype(named: list[tuple[str, Array]], dtype: DTypeLike | None) -> np.dtype[Any]:
    try:
        found = {array.dtype.newbyteorder("=") for _, array in named} if dtype is None else {np.dtype(dtype)}
    except TypeError:
        raise TypeError(f"pack(params): dtype must be float32 or float64, got {dtype!r}") from None
    for name, array in named:
        if not np.can_cast(array.dtype, np.float64, "same_kind"):
            raise TypeError(f"pack(params): {where(name)} must hold real numbers, got {array.dtype}")
    if len(found) == 1 and found <= set(DTYPES):
        return found.pop()
    names = " and ".join(sorted(map(str, found)))
    raise TypeError(f"pack(params): dtype must be float32 or float64 throughout, got {names}; pass dtype='float32'")
