"""Every mistake: the message names the call, the value, the range and the remedy, and nothing has changed."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import fastlr
from fastlr import checkpoint
from fastlr.checkpoint.layout import encoded
from tests.checkpoint.subjects import Scaler, adam, listed
from tests.helpers import normal, outcome

V, T = ValueError, TypeError


def save(**options: Any) -> Callable[[Path], Any]:
    return lambda folder: checkpoint.save(folder / "new", adam(), **options)


def save_as(name: str, **options: Any) -> Callable[[Path], Any]:
    return lambda folder: checkpoint.save(f"{folder}/{name}", adam(), **options)


def save_it(opt: Any, **options: Any) -> Callable[[Path], Any]:
    return lambda folder: checkpoint.save(folder / "new", opt, **options)


NOT_SAVED: list[tuple[str, Callable[[Path], Any], type[Exception], str]] = [
    ("no optimizer", save_it({"w": 1}), T, r"opt must be an optimizer of fastlr, got dict; pass .*others by keyword"),
    (
        "no part",
        save(rng=3),
        T,
        r"rng must have state_dict\(\) and load_state_dict\(\), got int; values can be saved in metadata",
    ),
    ("no mapping", save(metadata=[1]), T, r"metadata must be a mapping, got list; use \{'value': ...\}"),
    (
        "object",
        save(metadata={"a": [{"b": {1}}]}),
        T,
        r"metadata/a/0/b must be a NumPy array, a number, .*got set; convert it",
    ),
    ("bytes", save(metadata={"a": b"x"}), T, r"metadata/a must be .*got bytes; convert it"),
    ("complex", save(metadata={"a": np.complex128(1)}), T, r"metadata/a must be .*got complex128; convert it"),
    ("key", save(metadata={"a": {3: 1}}), T, r"keys of metadata/a must be str, got 3; use '3'"),
    ("first key", save(metadata={3: 1}), T, r"keys of metadata must be str, got 3; use '3'"),
    (
        "strings",
        save(metadata={"a": np.array(["x"])}),
        T,
        r"metadata/a must be an array of bool, .*got <U1; convert it",
    ),
    (
        "long double",
        save(metadata={"a": np.ones(1, "g")}),
        T,
        r"metadata/a must be .* up to 64 bits, got float128; convert it",
    ),
    (
        "surrogate",
        save(metadata={"\ud800": np.ones(1)}),
        V,
        r"the name 'metadata/\\ud800' must be valid Unicode, got a lone surrogate; rename it",
    ),
    ("keep 0", save_as("{steps}", keep=0), V, r"keep must be an int of at least 1, got 0"),
    ("keep True", save_as("{steps}", keep=True), V, r"keep must be an int of at least 1, got True"),
    ("keep 1.0", save_as("{steps}", keep=1.0), V, r"keep must be an int of at least 1, got 1\.0"),
    (
        "keep one",
        save(keep=2),
        V,
        r"with keep=2 the name of the file must have \{steps\} in it, got 'new'; or leave out keep",
    ),
    ("twice", save_as("{steps}{steps}"), V, r"\{steps\} must be at most once in the path, in the name of the file"),
    ("folder named", save_as("{steps}/a"), V, r"\{steps\} must be at most once in the path, in the name of the file"),
    ("to be a folder", save_as("new/"), IsADirectoryError, r"must be a file, got a folder; add a name, "),
    ("a folder", save_as("."), IsADirectoryError, r"must be a file, got a folder; add a name, \{steps\}\.safetensors"),
]


@pytest.mark.parametrize(
    ("make", "error", "message"), [row[1:] for row in NOT_SAVED], ids=[row[0] for row in NOT_SAVED]
)
def test_what_cannot_be_saved(make: Any, error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=rf"^save\('{re.escape(str(tmp_path))}.*'\): {message}"):
        make(tmp_path)
    assert listed(tmp_path) == []


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        checkpoint.save(tmp_path / "file" / "run", adam())
    assert listed(tmp_path) == ["file"]


def sealed(header: Any) -> bytes:
    """A file of which the checksum is right."""
    text = json.dumps(header, separators=(",", ":")).encode()
    content = len(text).to_bytes(8, "little") + text
    return content + hashlib.sha256(content).digest()


def ours(document: str, **entries: Any) -> bytes:
    return sealed({"__metadata__": {"fastlr.checkpoint": "1", "document": document}, **entries})


F4 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
BEGIN = "must be a checkpoint of fastlr, got a file that does not begin like one; it is another program's, or damaged"
MADE = r"must be written by fastlr\.checkpoint, got another's work: "
NO_CHECKPOINTS = {
    "empty": (b"", BEGIN),
    "short": (b"abc", BEGIN),
    "pickle": (b"\x80\x04\x95" + b"x" * 200, BEGIN),
    "another library": (safetensors.numpy.save({"w": np.ones(3)}, {"format": "pt"}), BEGIN),
    "newer": (
        sealed({"__metadata__": {"fastlr.checkpoint": "2"}}),
        r"version must be 1, got 2; update fastlr to read it",
    ),
    "no document": (sealed({"__metadata__": {"fastlr.checkpoint": "1"}}), MADE),
    "no JSON": (ours("{"), MADE),
    "beyond the end": (ours('{"params": {"w": null}}', **{"params/w": F4 | {"data_offsets": [0, 800]}}), MADE),
    "wrong shape": (ours('{"params": {"w": null}}', **{"params/w": F4 | {"shape": [3]}}), MADE),
    "unknown type": (ours('{"params": {"w": null}}', **{"params/w": F4 | {"dtype": "F4"}}), MADE),
    "no place": (ours('{"params": {}}', **{"other/w": F4}), MADE),
    "a number for a place": (ours('{"params": 3}', **{"params/w": F4}), MADE),
    "no entry": (ours("{}", w=3), MADE),
}


@pytest.mark.parametrize("kind", NO_CHECKPOINTS)
def test_files_that_are_no_checkpoints(kind: str, tmp_path: Path) -> None:
    content, message = NO_CHECKPOINTS[kind]
    (tmp_path / "run").write_bytes(content)
    opt = adam()
    before = outcome(opt)
    with pytest.raises(checkpoint.UnreadableError, match=rf"^load\('{re.escape(str(tmp_path))}/run'\): {message}"):
        checkpoint.load(tmp_path / "run", opt)
    assert outcome(opt) == before


@pytest.mark.parametrize("document", [{"params": {}}, [], 3])
def test_a_whole_file_without_what_is_needed(document: Any, tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes(b"".join(encoded(document, "save").pieces()))
    with pytest.raises(checkpoint.UnreadableError, match="got a file without params, optimizer, "):
        checkpoint.load(tmp_path / "run", adam(), strict=False)


def params(**changed: Any) -> dict[str, Any]:
    return {"w": normal(0, 2, 3), "b": normal(1, 3), **changed}


NAMES = r"the checkpoint must have what is here, missing "
BOTH = r"; strict=False loads what both have"
OTHERS: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "rule": (lambda: fastlr.SGD(params()), {}, "SGD.load_state_dict: optimizer must be 'SGD', got 'Adam'"),
    "like": (
        lambda: fastlr.Adam(params(), like="keras"),
        {},
        "Adam.load_state_dict: like must be 'keras', got 'torch'",
    ),
    "state": (
        lambda: fastlr.Adam(params(), amsgrad=True),
        {},
        "Adam.load_state_dict: group 0 must be made with the same options",
    ),
    "names": (
        lambda: fastlr.Adam({"w": normal(0, 2, 3), "bias": normal(1, 3)}),
        {},
        NAMES + re.escape("['params/bias'], unexpected ['params/b']") + BOTH,
    ),
    "groups": (
        lambda: fastlr.Adam([{"params": params()}]),
        {},
        NAMES + re.escape("['params/0.b', 'params/0.w'], unexpected ['params/b', 'params/w']") + BOTH,
    ),
    "shape": (
        lambda: fastlr.Adam(params(w=normal(0, 3, 2))),
        {},
        r"parameter 'w' must be float32 of shape \(3, 2\), got float32 of shape \(2, 3\)",
    ),
    "dtype": (
        lambda: fastlr.Adam({name: array.astype("f8") for name, array in params().items()}),
        {},
        r"parameter 'w' must be float64 of shape \(2, 3\), got float32 of shape \(2, 3\)",
    ),
    "part missing": (adam, {"new": Scaler()}, NAMES + re.escape("['parts/new'], unexpected []") + BOTH),
    "no part": (adam, {"scaler": 3}, r"scaler must have state_dict\(\) and load_state_dict\(\), got int"),
    "no optimizer": (Scaler, {}, "opt must be an optimizer of fastlr, got Scaler"),
}
"""Made anew: an optimizer, the parts but the scaler that was saved, what is said when it loads Adam's checkpoint."""


@pytest.mark.parametrize("kind", OTHERS)
def test_a_checkpoint_of_something_else(kind: str, tmp_path: Path) -> None:
    make, parts, message = OTHERS[kind]
    path, opt, scaler = checkpoint.save(tmp_path / "run", adam(), scaler=Scaler(2.0)).path, make(), Scaler(8.0)
    before = outcome(opt) if isinstance(opt, fastlr.Optimizer) else None
    with pytest.raises((TypeError, ValueError), match=rf"^(load\('{re.escape(str(path))}'\): )?{message}"):
        checkpoint.load(path, opt, **{"scaler": scaler, **parts})
    assert scaler.scale == 8.0
    assert before is None or outcome(opt) == before


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("kind", ["rule", "like", "state", "shape", "dtype"])
def test_what_has_to_fit_has_to_fit(kind: str, strict: bool, tmp_path: Path) -> None:
    make, _, message = OTHERS[kind]
    path, opt = checkpoint.save(tmp_path / "run", adam()).path, make()
    before = outcome(opt)
    with pytest.raises(ValueError, match=message):
        checkpoint.load(path, opt, strict=strict)
    assert outcome(opt) == before


@pytest.mark.parametrize("kinds", [(Scaler, adam), (adam, Scaler)])
def test_an_optimizer_for_another_part(kinds: Any, tmp_path: Path) -> None:
    saved, here = kinds
    path = checkpoint.save(tmp_path / "run", adam(), part=saved()).path
    with pytest.raises(ValueError, match="must have what is here"):
        checkpoint.load(path, adam(), part=here())
    words = ("an optimizer", "something else") if here is adam else ("something else", "an optimizer")
    with pytest.raises(ValueError, match="part must be {} in the checkpoint as it is here, got {}".format(*words)):
        checkpoint.load(path, adam(), strict=False, part=here())


def test_a_parameter_that_became_read_only(tmp_path: Path) -> None:
    path, opt = checkpoint.save(tmp_path / "run", adam()).path, adam(3)
    before = outcome(opt)
    opt.params["b"].flags.writeable = False
    with pytest.raises(ValueError, match="parameter 'b' must be writeable, got a read-only array"):
        checkpoint.load(path, opt)
    assert outcome(opt) == before


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run"):
        checkpoint.load(tmp_path / "run", adam())
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(FileNotFoundError, match=rf"must be a checkpoint of such a name, found none in '{folder}'"):
            checkpoint.load(folder / "{steps}", adam())
    with pytest.raises(IsADirectoryError, match="must be a file, got a folder"):
        checkpoint.load(os.fspath(tmp_path), adam())
