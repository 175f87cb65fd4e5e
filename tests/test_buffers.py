"""`pack`: values, structure, layout, and a caller's arrays left alone."""

import copy
import pickle
from collections import UserDict, UserList, namedtuple
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastlr
from tests.helpers import DTYPES, SHAPES, bits, changed, flattened, misaligned, normal, trees

Pair = namedtuple("Pair", "w b")
A, B = np.ones(2), np.zeros(1)


def check(packed: fastlr.Packed, source: Any, dtype: Any) -> None:
    """Everything that is promised of a packed structure."""
    expected = changed(source, lambda array: np.array(array.astype(dtype), order="C"))
    assert bits(packed.params) == bits(expected)
    assert bits(packed.grads) == bits(changed(expected, np.zeros_like))
    for tree, flat in ((packed.params, packed.flat), (packed.grads, packed.flat_grads)):
        views = flattened(tree)
        assert flat.ctypes.data % 64 == 0 or not flat.size
        assert flat.ndim == 1
        assert flat.dtype == np.dtype(dtype)
        assert flat.size == sum(view.size for view in views)
        flat[:] = np.arange(flat.size)
        assert [x for view in views for x in view.ravel()] == list(range(flat.size))
        assert all(type(view) is np.ndarray and view.flags.c_contiguous and view.flags.writeable for view in views)
    assert not np.shares_memory(packed.flat, packed.flat_grads)


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_round_trip(dtype: str, data: Any) -> None:
    """Any structure, any values (NaNs and subnormals as well); the caller's arrays keep every bit."""
    tree = data.draw(trees(hnp.arrays(dtype, SHAPES)))
    before = bits(tree)
    packed = fastlr.pack(tree)
    check(packed, tree, dtype)
    packed.flat[:] = 7
    packed.flat_grads[:] = 8
    assert bits(tree) == before
    assert not any(np.shares_memory(packed.flat, array) for array in flattened(tree))


KINDS = ["bool", "int8", "uint64", "float16", "float32", "float64", "longdouble", ">f4", ">f8", ">i2"]


@pytest.mark.parametrize("dtype", [*DTYPES, np.float32, "f8", float, np.dtype("=f4")])
@pytest.mark.parametrize("kind", KINDS)
def test_converts(kind: str, dtype: Any) -> None:
    source = {"w": np.array([[0, 1, 2], [3, 4, 100]]).astype(kind), "b": np.array([0.1, 1e-3]).astype(kind)}
    before = bits(source)
    check(fastlr.pack(source, dtype), source, dtype)
    assert bits(source) == before


def read_only(array: Any) -> Any:
    array = array.copy()
    array.flags.writeable = False
    return array


LAYOUTS = {
    "contiguous": lambda a: a,
    "Fortran": np.asfortranarray,
    "transposed": lambda a: a.T,
    "strided": lambda a: np.repeat(a, 3, axis=1)[:, ::3],
    "reversed": lambda a: a[::-1, ::-1],
    "broadcast": lambda a: np.broadcast_to(a[0], (5, 4)),
    "read-only": read_only,
    "misaligned": misaligned,
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "big-endian and strided": lambda a: a.astype(a.dtype.newbyteorder(">"))[::2],
    "matrix": lambda a: a.view(np.matrix),
    "masked": lambda a: np.ma.masked_less(a, 0),
    "0-d": lambda a: a[0, 0, ...],
    "empty": lambda a: a[:0],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_copies_from_any_layout(layout: str, dtype: str) -> None:
    source = LAYOUTS[layout](normal(0, 3, 4, dtype=dtype))
    values = source.tolist() if layout != "masked" else source.data.tolist()
    packed = fastlr.pack([source, source])
    assert packed.params[0].shape == source.shape
    assert [packed.params[0].tolist(), packed.params[1].tolist()] == [values, values]
    assert not np.shares_memory(*packed.params)
    check(packed, [np.asarray(source.data if layout == "masked" else source)] * 2, dtype)


def test_memory_map(tmp_path: Path) -> None:
    source = np.memmap(tmp_path / "w", np.float32, "w+", shape=(2, 3))
    source[:] = normal(0, 2, 3)
    packed = fastlr.pack(source)
    check(packed, np.asarray(source), "float32")


KINDS_OF_STRUCTURE = [
    (Pair(A, B), Pair),
    ((A, B), tuple),
    ([A, B], list),
    (UserList([A, B]), list),
    (UserDict(w=A, b=B), dict),
    (MappingProxyType({"w": A, 0: B}), dict),
]


@pytest.mark.parametrize(("source", "kind"), KINDS_OF_STRUCTURE)
def test_keeps_the_kind_of_structure(source: Any, kind: type) -> None:
    """And makes plain what it cannot know how to make."""
    for wrap in (lambda tree: tree, lambda tree: {"inside": [tree]}):
        packed = fastlr.pack(wrap(source))
        for tree in (packed.params, packed.grads):
            made = tree if wrap(source) is source else tree["inside"][0]
            assert isinstance(made, kind)
            assert len(made) == 2
            if isinstance(made, dict):
                assert list(made) == list(source)


KEPT = {"dict": ({"w": A, "b": [B]}, "w"), "list": ([A, [B]], 0), "inside": ([{"w": A}, B], 0)}


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("value", [np.array([5.0, 6.0]), np.array([5, 6]), [5, 6], np.array([5, 6], "f4")])
def test_an_assignment_writes_into_the_buffer(kept: str, value: Any) -> None:
    source, key = KEPT[kept]
    packed = fastlr.pack(source)
    for tree, flat in ((packed.params, packed.flat), (packed.grads, packed.flat_grads)):
        holder, at = (tree[0], "w") if kept == "inside" else (tree, key)
        view = holder[at]
        holder[at] = value
        assert holder[at] is view
        assert flat[:2].tolist() == [5, 6]
        holder[at] += 1
        holder[at] = 2 * holder[at]
        assert flat[:2].tolist() == [12, 14]
        holder[at] = 0
        assert flat[:2].tolist() == [0, 0]
        assert flat[2:].tolist() == [0]


COPIES = [copy.copy, copy.deepcopy, lambda tree: pickle.loads(pickle.dumps(tree))]


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("source", [{"w": A}, [A], (A,)])
def test_a_structure_can_be_copied_and_saved(source: Any, copied: Any) -> None:
    packed = fastlr.pack(source)
    assert bits(copied(packed.params)) == bits(source)


@pytest.mark.parametrize("update", [lambda tree, new: tree.update(new), lambda tree, new: tree.__ior__(new)])
def test_an_update_writes_into_the_buffer(update: Any) -> None:
    packed = fastlr.pack({"w": A, "b": B})
    update(packed.grads, {"b": np.full(1, 7.0)})
    assert packed.flat_grads.tolist() == [0, 0, 7]
    assert np.shares_memory(packed.grads["b"], packed.flat_grads)


@pytest.mark.parametrize("copied", COPIES[1:])
def test_a_copy_is_packed_as_well(copied: Any) -> None:
    other = copied(fastlr.pack([A, B]))
    other.flat[:] = 7
    assert other.params[0].tolist() == [7, 7]


def test_repr() -> None:
    assert repr(fastlr.pack([np.ones((1000, 3)), np.ones(())])) == "Packed(2 arrays, 3,001 weights, float64)"
    assert repr(fastlr.pack(np.ones(0, "f4"))) == "Packed(1 arrays, 0 weights, float32)"


def test_is_a_constant_that_can_be_told_apart() -> None:
    packed, other = fastlr.pack(np.ones(2)), fastlr.pack(np.ones(2))
    assert packed == packed
    assert packed != other
    with pytest.raises(AttributeError, match="cannot assign"):
        packed.flat = other.flat  # type: ignore[misc]


@pytest.mark.parametrize("backend", ["cython", "numpy"])
def test_packed_gradients_and_others_take_turns(backend: str) -> None:
    packed, w = fastlr.pack([np.zeros(2), np.zeros(())]), np.zeros(3)
    opt, expected = fastlr.SGD(packed, 1.0, 0.5, backend=backend), fastlr.SGD(w, 1.0, 0.5)
    for step, ours in enumerate([False, True, False, False, True, True, False]):
        packed.flat_grads[:] = normal(step, 3)
        other = normal(10 + step, 3, dtype="float64")
        assert opt.step([other[:2], other[2, ...]] if ours else None) is True
        expected.step(other if ours else packed.flat_grads)
        assert packed.flat.tobytes() == w.tobytes()


@pytest.mark.parametrize("backend", ["cython", "numpy"])
def test_an_entry_of_packed_gradients_may_be_replaced(backend: str) -> None:
    """`packed.grads["w"] = g` is `packed.grads["w"][...] = g`: what was put in is used, and never freed memory."""
    packed = fastlr.pack({"w": np.zeros(3)})
    opt = fastlr.SGD(packed, lr=1.0, backend=backend)
    for value in (1.0, 10.0):
        packed.grads["w"] = np.full(3, value)
        opt.step()
    assert packed.flat.tolist() == [-11.0] * 3


@pytest.mark.parametrize("backend", ["cython", "numpy"])
@settings(max_examples=30)
@given(data=st.data())
def test_steps_without_an_argument(backend: str, data: Any) -> None:
    """The same bits as the arrays themselves, and as the packed gradients given."""
    shapes = data.draw(trees(st.builds(np.empty, SHAPES)))
    source, grads = ({"layers": changed(shapes, lambda a, s=seed: normal(s + a.size, *a.shape))} for seed in (1, 100))
    made = [fastlr.pack(source), fastlr.pack(source)]
    opts = [fastlr.Adam(params, backend=backend) for params in (source, made[1].params, made[0])]
    for packed in made:
        packed.flat_grads[:] = np.concatenate([g.ravel() for g in flattened(grads)])
    for _ in range(2):
        assert opts[0].step(grads)
        assert opts[1].step(made[1].grads)
        assert opts[2].step()
    assert bits(source) == bits(made[0].params) == bits(made[1].params)


@pytest.mark.parametrize("value", [None, "1", 1j, np.array([1j, 2j])])
def test_only_numbers_are_written(value: Any) -> None:
    """None is how PyTorch zeroes; as a number it would be NaN."""
    packed = fastlr.pack({"w": np.ones(2)})
    with pytest.raises((TypeError, ValueError), match=r"^Packed\['w'\] = ...: must be"):
        packed.grads["w"] = value
    assert packed.flat_grads.tolist() == [0, 0]
