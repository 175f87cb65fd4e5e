"""A file appears whole and on the disk, or not at all.

Design: written under a name of its own in the same folder, synced, renamed over the old one, and the folder synced.  A
writer holds a lock (flock) on what it writes, which the system drops when the writer dies however it dies; so a file of
such a name that nobody has locked is left over and the next save removes it.  A process id in the name would not do:
ids are used again, and mean nothing in another container.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

UNFINISHED = re.compile(r"\.fastlr-checkpoint-[0-9a-f]{16}\.partial")


def replace(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Make or replace a file; where that fails, what was there is there still.

    Raises
    ------
    OSError
        Where the system cannot do it.  If it is the folder that cannot be synced, the new file is in place.
    """
    _make_folder(path.parent)
    _remove_leftovers(path.parent)
    temporary, file = _created(path.parent)
    try:
        with file:  # until the rename, or another save could take the file for a leftover
            for piece in pieces:
                _write(file, piece)
            os.fsync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _make_folder(folder: Path) -> None:
    """The folder and those above it, each to be found after a power failure."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        _sync(each.parent)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _created(folder: Path) -> tuple[Path, BinaryIO]:
    """A new file that this process has locked."""
    while True:
        path = folder / f".fastlr-checkpoint-{secrets.token_hex(8)}.partial"
        file = open(path, "xb", buffering=0)  # noqa: SIM115  # unbuffered: close() has nothing to write, so cannot fail
        with suppress(OSError):  # a file system without locks has no leftovers removed either
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()  # another save removed it before it was locked


def _write(file: BinaryIO, piece: bytes | memoryview) -> None:
    view = memoryview(piece)
    while view:
        view = view[file.write(view) :]


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left, but nothing that is being written."""
    for name in os.listdir(folder):
        if UNFINISHED.fullmatch(name):
            with suppress(OSError):  # locked, or gone, or somebody else's
                _remove_if_unlocked(folder / name)


def _remove_if_unlocked(path: Path) -> None:
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
