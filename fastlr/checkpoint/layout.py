"""A checkpoint as the bytes of a safetensors file, and back.

Design: 8 bytes of length, a JSON header padded to 64 bytes, the arrays' bytes without gaps, wide items first so that
all are aligned.  The last 32 bytes are the SHA-256 of all others; the header calls them a tensor, "checksum", for the
format has no other place for them.  So whatever flips, the header included, is found before a byte is interpreted, and
nothing written has to be gone back to.  SHA-256 because processors have instructions for it: 1.8 GB/s where BLAKE2b
makes 0.8, and in a thread of its own.  1 GB of Adam took what a plain write and fsync take on a disk of 0.6 GB/s, and
1 GB/s where those made 2.
"""

import json
import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fastlr.checkpoint import tree
from fastlr.checkpoint.hashing import SIZE, Digest
from fastlr.checkpoint.tree import AnyArray

VERSION = 1
MARK = b'{"__metadata__":{"fastlr.checkpoint":"'
"""What the header of every version begins with, and what tells our files from others'."""
LENGTH = 8
ALIGNMENT = 64
CHUNK = 4 << 20
LARGEST_HEADER = 100_000_000
"""The safetensors package refuses more."""
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
CODES = {code: name for name, code in DTYPES.items()}


class UnreadableError(ValueError):
    """The file is damaged, or of a newer version of fastlr, or no checkpoint of fastlr."""


@dataclass(frozen=True)
class Encoded:
    """A file that is not written yet: its first bytes, and the arrays that follow."""

    header: bytes
    arrays: Sequence[AnyArray]

    def pieces(self) -> Generator[bytes | memoryview, None, None]:
        """Its bytes in order, the checksum last; views of the arrays, not copies."""
        with Digest() as digest:
            for piece in self._content():
                digest.update(piece)
                yield piece
            yield digest.result()

    def _content(self) -> Iterator[bytes | memoryview]:
        yield self.header
        for array in self.arrays:
            flat = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).view(np.uint8)
            yield from (chunk.data for chunk in _chunks(flat))


def _chunks(flat: AnyArray) -> Iterator[AnyArray]:
    return (flat[begin : begin + CHUNK] for begin in range(0, flat.size, CHUNK))


def encoded(document: tree.Tree, call: str) -> Encoded:
    """A tree as a file.

    Raises
    ------
    TypeError, ValueError
        For what the format cannot hold.
    """
    plain, arrays = tree.split(document, call)
    codes = {name: _code(array, name, call) for name, array in arrays.items()}
    ordered = sorted(arrays.items(), key=lambda item: -item[1].itemsize)
    metadata = {"fastlr.checkpoint": str(VERSION), "document": json.dumps(plain)}
    entries: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, array in ordered:
        entries[name] = _entry(codes[name], array.shape, end, array.nbytes)
        end += array.nbytes
    entries["checksum"] = _entry("U8", (SIZE,), end, SIZE)
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(LENGTH + len(text)) % ALIGNMENT)
    if len(text) > LARGEST_HEADER:
        raise ValueError(
            f"{call}: names and plain values must fit {LARGEST_HEADER:,} bytes as JSON, got {len(text):,}; "
            "make long lists NumPy arrays"
        )
    return Encoded(len(text).to_bytes(LENGTH, "little") + text, [array for _, array in ordered])


def _entry(code: str, shape: tuple[int, ...], begin: int, size: int) -> dict[str, Any]:
    return {"dtype": code, "shape": list(shape), "data_offsets": [begin, begin + size]}


def _code(array: AnyArray, name: str, call: str) -> str:
    code = CODES.get(array.dtype.newbyteorder("<").str)
    if code is None:
        raise TypeError(
            f"{call}: {name} must be an array of bool, of integers or of floats up to 64 bits, "
            f"got {array.dtype}; convert it"
        )
    return code


def read(path: Path, call: str) -> Any:
    """The tree in a file, after everything about the file has been verified; its arrays share one buffer.

    Read rather than mapped: what was verified is what is used, and a disk that fails is an error, not a signal.

    Raises
    ------
    UnreadableError
        For a file that is damaged, of a newer version, or something else.
    OSError
        Where reading fails.
    """
    with open(path, "rb", buffering=0) as file:
        content = _verified(file, call)
    try:
        return _decoded(content, call)
    except UnreadableError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # The checksum is right, so it was not damaged but made like this.
        raise UnreadableError(f"{call}: must be written by fastlr.checkpoint, got another's work: {error!r}") from error


def _verified(file: BinaryIO, call: str) -> AnyArray:
    """All bytes of a file whose checksum is right."""
    size = os.fstat(file.fileno()).st_size
    if file.read(LENGTH + len(MARK))[LENGTH:] != MARK or size < LENGTH + len(MARK) + SIZE:
        raise UnreadableError(
            f"{call}: must be a checkpoint of fastlr, got a file that does not begin like one; "
            "it is another program's, or damaged"
        )
    file.seek(0)
    content = np.empty(size, np.uint8)
    with Digest() as digest:
        for chunk in _chunks(content[:-SIZE]):
            _fill(file, chunk, call)
            digest.update(chunk)
        _fill(file, content[-SIZE:], call)
        found = digest.result()
    if content[-SIZE:].tobytes() != found:
        raise UnreadableError(
            f"{call}: its checksum must be that of its content, got another; the file is damaged, use an older one"
        )
    return content


def _fill(file: BinaryIO, chunk: AnyArray, call: str) -> None:
    """Read all of a chunk, which may take several reads."""
    view = chunk.data
    while view:
        count = file.readinto(view)  # type: ignore[attr-defined]  # of raw files
        if not count:
            raise UnreadableError(f"{call}: must not change while it is read, got shorter; load it again")
        view = view[count:]


def _decoded(content: AnyArray, call: str) -> Any:
    begin = LENGTH + int.from_bytes(content[:LENGTH].tobytes(), "little")
    entries = json.loads(content[LENGTH:begin].tobytes())
    metadata = entries.pop("__metadata__")
    version = metadata["fastlr.checkpoint"]
    if version != str(VERSION):
        raise UnreadableError(f"{call}: version must be {VERSION}, got {version}; update fastlr to read it")
    arrays = {name: _array(entry, content[begin:]) for name, entry in entries.items() if name != "checksum"}
    return tree.join(json.loads(metadata["document"]), arrays)


def _array(entry: dict[str, Any], data: AnyArray) -> AnyArray:
    begin, end = entry["data_offsets"]
    return data[begin:end].view(DTYPES[entry["dtype"]]).reshape(entry["shape"])
