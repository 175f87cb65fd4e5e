"""The file: what other programs see in it, and what any tree becomes."""

import json
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastlr import checkpoint
from fastlr.checkpoint import layout
from tests.checkpoint.subjects import Scaler, adam
from tests.helpers import SHAPES, bits, normal

ARRAYS = hnp.arrays(st.sampled_from([*layout.CODES, ">f4", ">i8"]), SHAPES)
LAID_OUT = [lambda a: a, np.asfortranarray, lambda a: a.T, lambda a: a[..., ::-1] if a.ndim else a]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),  # lone surrogates as well
    st.builds(lambda array, change: change(array), ARRAYS, st.sampled_from(LAID_OUT)),
)
TREES = st.recursive(LEAVES, lambda child: st.lists(child) | st.dictionaries(st.text(), child), max_leaves=10)


def written(path: Path, document: Any) -> Path:
    path.write_bytes(b"".join(layout.encoded(document, "save").pieces()))
    return path


def plain(tree: Any) -> Any:
    """For `==`: arrays as bits in the machine's byte order, floats as their text."""
    if isinstance(tree, np.ndarray):
        return bits(tree.astype(tree.dtype.newbyteorder("=")))
    if isinstance(tree, dict):
        return {key: plain(child) for key, child in tree.items()}
    if isinstance(tree, list | tuple):
        return [plain(child) for child in tree]
    return repr(tree)


def misaligned(path: Path) -> list[str]:
    """Names of tensors that a program which maps the file could not use where they are."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(length))
    del entries["__metadata__"]
    offsets = {name: (entry["data_offsets"][0], layout.DTYPES[entry["dtype"]]) for name, entry in entries.items()}
    return [name for name, (begin, code) in offsets.items() if (8 + length + begin) % np.dtype(code).itemsize]


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), TREES))
@example({"~1": np.ones(1), "/": np.ones(2), "~01": np.ones(3), "~": {"1": 4}})
@example({"bytes": np.ones(3, "i1"), "floats": np.ones(2), "halves": np.ones(1, "f2"), "": np.ones(1, "f4")})
def test_any_tree_comes_back(tmp_path_factory: Any, tree: Any) -> None:
    path = written(tmp_path_factory.getbasetemp() / "tree", {"tree": tree})
    back = layout.read(path, "load")["tree"]
    assert plain(back) == plain(tree)
    assert list(back) == list(tree)
    tensors = safetensors.numpy.load_file(path)
    assert tensors.pop("checksum").tobytes() == path.read_bytes()[-32:]
    assert misaligned(path) == []


def test_other_programs_can_read_it(tmp_path: Path) -> None:
    opt = adam()
    path = checkpoint.save(tmp_path / "run.safetensors", opt, scaler=Scaler(2.0, [1, 2])).path
    tensors = safetensors.numpy.load_file(path)
    expected = {"parts/scaler/state/recent": np.array([1, 2], "f4")}
    expected |= {f"params/{name}": array for name, array in opt.params.items()}
    expected |= {f"optimizer/state/{n}/{s}": array for n, arrays in opt.state.items() for s, array in arrays.items()}
    del tensors["checksum"]
    assert bits(tensors) == bits(expected)
    with safetensors.safe_open(path, "numpy") as file:
        assert file.metadata()["fastlr.checkpoint"] == "1"
        assert '"steps": 2' in file.metadata()["document"]


def test_the_same_state_is_the_same_bytes(tmp_path: Path) -> None:
    one, other = (checkpoint.save(tmp_path / name, adam(), scaler=Scaler()).path for name in "ab")
    assert one.read_bytes() == other.read_bytes()


def test_arrays_of_many_chunks(tmp_path: Path) -> None:
    arrays = {"a": normal(0, layout.CHUNK // 4 + 1), "b": normal(1, 5), "c": np.zeros(2 * layout.CHUNK, np.int8)}
    assert bits(layout.read(written(tmp_path / "run", arrays), "load")) == bits(arrays)


def test_numpy_numbers_are_numbers(tmp_path: Path) -> None:
    values = {"i": np.int64(2**62), "f": np.float32(0.1), "b": np.True_, "s": np.str_("é"), "nan": np.float64("nan")}
    back = layout.read(written(tmp_path / "run", values), "load")
    assert [type(value) for value in back.values()] == [int, float, bool, str, float]
    assert back["f"] == float(np.float32(0.1))
    assert math.isnan(back["nan"])


def test_a_file_that_shrinks_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checkpoint.save(tmp_path / "run", adam()).path
    size = path.stat().st_size
    monkeypatch.setattr(os, "fstat", lambda _: SimpleNamespace(st_size=size + 100))
    with pytest.raises(checkpoint.UnreadableError, match="must not change while it is read, got shorter"):
        layout.read(path, "load")


def test_headers_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the safetensors package."""
    assert layout.encoded({"text": "x" * 10_000}, "save")
    monkeypatch.setattr(layout, "LARGEST_HEADER", 10_000)
    with pytest.raises(ValueError, match=r"^save: names .* must fit 10,000 bytes as JSON, got 10,\d+; make long"):
        layout.encoded({"text": "x" * 10_000}, "save")
