"""Parameters and gradients in two flat buffers: the layout in which a step is one stream through memory."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fastlr.arrays import DTYPES, Array, Tree, empty_flat, leaves, rebuilt, views, where


@dataclass(frozen=True, eq=False)
class Packed:
    """Parameters and gradients of a model, as views into two flat buffers.

    Attributes
    ----------
    params, grads : like what was packed
        Views into the flat buffers, in the caller's structure (mappings become dicts).
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


def pack(params: Tree, dtype: DTypeLike | None = None) -> Packed:
    """Copy parameters into one flat buffer and make a second one, zeroed, for their gradients.

    Parameters
    ----------
    params : array, or sequence or mapping of arrays, nested as you like
        Of any layout; float32 or float64 throughout unless `dtype` is given.
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
    >>> packed.params["b"] += 7
    >>> packed.flat
    array([1., 1., 1., 1., 1., 1., 7., 7., 7.])
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
    return Packed(rebuilt(params, iter(packed)), rebuilt(params, iter(views(flat_grads, arrays))), flat, flat_grads)


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
