"""Structures and their names; which memory may be shared: both against brute force."""

from collections import OrderedDict, UserDict, UserList, deque, namedtuple
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastlr
from fastlr import arrays
from tests.helpers import SHAPES, flattened, trees

Pair = namedtuple("Pair", "w b")
LEAVES = st.builds(np.ones, SHAPES)
A, B, C = (np.full(3, i) for i in range(3))


@pytest.mark.parametrize(
    ("tree", "names"),
    [
        (A, [""]),
        ([A, B], ["0", "1"]),
        ((A, B), ["0", "1"]),
        (Pair(A, B), ["0", "1"]),
        (deque([A, B]), ["0", "1"]),
        (UserList([A, B]), ["0", "1"]),
        ({"w": A, "b": B}, ["w", "b"]),
        (OrderedDict(w=A, b=B), ["w", "b"]),
        (UserDict(w=A, b=B), ["w", "b"]),
        (MappingProxyType({"w": A, "b": B}), ["w", "b"]),
        ({0: A, ("a", 1): B}, ["0", "('a', 1)"]),
        ({"layers": [{"w": A}, {"w": B, "b": (C,)}]}, ["layers.0.w", "layers.1.w", "layers.1.b.0"]),
        ([[], A, {}, [[B]]], ["1", "3.0.0"]),
        ([], []),
    ],
)
def test_leaves_are_named_by_their_path(tree: Any, names: list[str]) -> None:
    found = list(arrays.leaves(tree, "call"))
    assert [name for name, _ in found] == names
    assert all(array is expected for (_, array), expected in zip(found, (A, B, C), strict=False))


@given(trees(LEAVES))
def test_leaves_come_in_order(tree: Any) -> None:
    found = [array for _, array in arrays.leaves(tree, "call")]
    assert list(map(id, found)) == list(map(id, flattened(tree)))


def reordered(tree: Any) -> Any:
    """Dicts in reverse order, tuples for lists: what gradients may be."""
    if isinstance(tree, np.ndarray):
        return tree
    if isinstance(tree, dict):
        return {key: reordered(tree[key]) for key in reversed(tree)}
    return tuple(map(reordered, tree)) if isinstance(tree, list) else list(map(reordered, tree))


@given(trees(LEAVES))
def test_gradients_match_by_key(tree: Any) -> None:
    """Not by the order of a mapping, nor by the kind of sequence."""
    got = list(arrays.matched(tree, reordered(tree), "call"))
    assert list(map(id, got)) == list(map(id, flattened(tree)))


@given(trees(LEAVES), st.data())
def test_gradients_of_another_structure_are_refused(tree: Any, data: Any) -> None:
    paths = [name for name, _ in arrays.leaves(tree, "call")]
    path = data.draw(st.sampled_from(paths))
    wrong = data.draw(st.sampled_from([1.0, [A], {"a": A}, "ab", (), {}]))
    other = replaced(tree, path, wrong)
    with pytest.raises(TypeError, match=r"^call: .* must be a NumPy array, got "):
        list(arrays.matched(tree, other, "call"))
    if path:  # and the other way round: a structure is expected, there is an array
        outer = path.split(".", 1)[0]
        with pytest.raises((TypeError, ValueError), match=r"^call: .* must "):
            list(arrays.matched(tree, replaced(tree, outer, A) if "." in path else A, "call"))


@given(trees(LEAVES), st.data())
def test_none_stands_for_gradients_that_are_not_there(tree: Any, data: Any) -> None:
    paths = [name for name, _ in arrays.leaves(tree, "call")]
    path = data.draw(st.sampled_from(paths))
    outer = ".".join(path.split(".")[: data.draw(st.integers(0, path.count(".") + 1))])
    got = list(arrays.matched(tree, replaced(tree, outer, None), "call"))
    absent = [name == outer or name.startswith(f"{outer}.") or not outer for name in paths]
    assert [array is None for array in got] == absent


def replaced(tree: Any, path: str, value: Any) -> Any:
    head, _, rest = path.partition(".")
    if not head:
        return value
    if isinstance(tree, dict):
        return {key: replaced(child, rest, value) if key == head else child for key, child in tree.items()}
    return [replaced(child, rest, value) if str(k) == head else child for k, child in enumerate(tree)]


SLICES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), min_size=1, max_size=5)


def parts(base: Any, slices: list[tuple[int, int]]) -> list[Any]:
    return [base[start : start + length] for start, length in slices]


@given(SLICES)
def test_parameters_must_not_overlap(slices: list[tuple[int, int]]) -> None:
    params = parts(np.zeros(17), slices)
    overlap = any(np.shares_memory(a, b) for i, a in enumerate(params) for b in params[:i])
    named = [(str(i), array) for i, array in enumerate(params)]
    if overlap:
        with pytest.raises(ValueError, match=r"^call: array '\d' and array '\d' must not overlap, got "):
            arrays.check_parameters(named, "call")
    else:
        arrays.check_parameters(named, "call")


@given(SLICES, st.sampled_from(["params", "state"]), st.integers(1, 5), st.data())
def test_gradients_must_not_overlap_what_a_step_writes(
    slices: list[tuple[int, int]], around: str, length: int, data: Any
) -> None:
    """A gradient anywhere in the memory that holds parameters or state: within, across an edge, in a gap."""
    base = np.ones(18)
    params: list[Any] = []
    for part in parts(base, slices):
        params += [] if any(np.shares_memory(part, other) for other in params) else [part]
    opt = fastlr.SGD([*params, np.zeros(length)], momentum=0.5)
    state = [arrays["m"] for arrays in opt.state.values()]
    memory = base if around == "params" else state[0].base.view(float)
    start = data.draw(st.integers(0, memory.size - length))
    gradient = memory[start : start + length]
    before = memory.tobytes(), gradient.tobytes()
    grads = [*map(np.ones_like, params), gradient]
    if any(np.shares_memory(gradient, array) for array in [*params, *state]):
        with pytest.raises(ValueError, match=rf"the gradient of array '{len(params)}' must not share memory"):
            opt.step(grads)
        assert (memory.tobytes(), gradient.tobytes()) == before
    else:
        assert opt.step(grads)
        assert gradient.tobytes() == before[1]


@pytest.mark.parametrize("dtype", arrays.DTYPES)
@given(st.lists(SHAPES, max_size=5))
def test_buffers_begin_on_a_cache_line_and_are_divided_without_gaps(dtype: Any, shapes: list[Any]) -> None:
    like = [np.empty(shape, np.int8) for shape in shapes]
    flat = arrays.empty_flat(sum(array.size for array in like), dtype)
    assert flat.ctypes.data % 64 == 0 or not flat.size
    assert flat.flags.c_contiguous
    assert flat.flags.writeable
    assert flat.dtype == dtype
    flat[:] = range(flat.size)
    views = arrays.views(flat, like)
    assert [view.shape for view in views] == [tuple(shape) for shape in shapes]
    assert [x for view in views for x in view.ravel()] == list(range(flat.size))
    assert all(np.shares_memory(view, flat) for view in views if view.size)
