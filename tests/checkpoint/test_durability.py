"""Whatever happens while a checkpoint is written or to the file later: the old one, the new one, or a clean error."""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr import checkpoint
from fastlr.checkpoint.files import UNFINISHED
from tests.checkpoint.subjects import Scaler, adam, listed
from tests.helpers import normal, outcome

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_a_killed_writer_leaves_the_old_or_the_new(kills: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.checkpoint.killed", str(tmp_path), str(kills)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.stderr == ""
    numbers = re.fullmatch(r"saves (\d+), killed while writing (\d+)\n", done.stdout)
    assert numbers
    assert int(numbers[1]) > kills
    assert int(numbers[2]) > kills // 5  # or this would have shown little


def damages(content: bytes) -> Iterator[bytes]:
    rng = np.random.default_rng(0)
    for position in rng.permutation(8 * len(content))[:1000].tolist():
        flipped = bytearray(content)
        flipped[position // 8] ^= 1 << position % 8
        yield bytes(flipped)
    lengths = rng.permutation(len(content))[:1000].tolist()
    yield from (content[:length] for length in {0, 1, 8, len(content) - 1, *lengths})
    yield from (content + b"\0", content * 2, bytes(len(content)), content[::-1])


def test_damage_is_found_before_anything_changes(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path / "run", adam(), scaler=Scaler(2.0)).path
    opt, scaler, content = adam(5), Scaler(8.0), path.read_bytes()
    before, count = outcome(opt), 0
    for damaged in damages(content):
        path.unlink()  # some file systems sync what is truncated and written again
        path.write_bytes(damaged)
        with pytest.raises(checkpoint.UnreadableError, match="damaged"):
            checkpoint.load(path, opt, scaler=scaler)
        count += 1
    assert count > 2000
    assert (outcome(opt), scaler.scale) == (before, 8.0)
    path.write_bytes(content)
    assert checkpoint.load(path, opt, scaler=scaler).steps == 2


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """The system writes that many bytes of a file and refuses the next, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def sync_fails_at(call: int) -> Iterator[None]:
    real, calls = os.fsync, iter(range(100))

    def fsync(file: int) -> None:
        if next(calls) == call:
            raise OSError(28, "No space left on device")
        real(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield


@contextmanager
def rename_fails() -> Iterator[None]:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        yield


@contextmanager
def interrupted() -> Iterator[None]:
    """Ctrl-C while the file is synced."""

    def fsync(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield


TROUBLE = {
    "disk full at once": (lambda _: files_end_at(0), OSError),
    "disk full in the header": (lambda _: files_end_at(100), OSError),
    "disk full in an array": (lambda _: files_end_at(40_000), OSError),
    "disk full at the checksum": (lambda size: files_end_at(size - 10), OSError),
    "sync fails": (lambda _: sync_fails_at(0), OSError),
    "rename fails": (lambda _: rename_fails(), PermissionError),
    "interrupted": (lambda _: interrupted(), KeyboardInterrupt),
}


@pytest.mark.parametrize("kind", TROUBLE)
@pytest.mark.parametrize("background", [False, True])
def test_trouble_leaves_the_previous_file(kind: str, background: bool, tmp_path: Path) -> None:
    trouble, error = TROUBLE[kind]
    opt, twin, again = (fastlr.Adam({"w": normal(0, 10_000)}) for _ in range(3))
    path = checkpoint.save(tmp_path / "run", opt).path
    before = path.read_bytes()
    gradient = {"w": normal(1, 10_000)}
    for each in (opt, twin):
        each.step(gradient)
    with trouble(len(before)), pytest.raises(error):
        checkpoint.save(path, opt, background=background).wait()
    assert path.read_bytes() == before
    assert listed(tmp_path) == ["run"]
    assert outcome(opt) == outcome(twin)
    for each in (opt, twin):
        each.step(gradient)
    checkpoint.save(path, opt)
    assert checkpoint.load(path, again).steps == 2
    assert outcome(again) == outcome(opt) == outcome(twin)


def test_the_new_file_is_whole_where_the_folder_cannot_be_synced(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "run", adam())
    with pytest.raises(OSError, match="No space left"), sync_fails_at(1):
        checkpoint.save(tmp_path / "run", adam(), metadata={"new": True})
    assert checkpoint.load(tmp_path / "run", adam()).metadata == {"new": True}
    assert listed(tmp_path) == ["run"]


def test_everything_is_synced_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content before the rename, the folder after it, and the folders that were made."""
    events: list[Any] = []
    fsync, replace = os.fsync, os.replace

    def synced(file: int) -> None:
        fsync(file)
        name = Path(os.readlink(f"/proc/self/fd/{file}"))
        events.append("content" if UNFINISHED.fullmatch(name.name) else name.relative_to(tmp_path).as_posix())

    def renamed(*args: Any) -> None:
        replace(*args)
        events.append("rename")

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    checkpoint.save(tmp_path / "a" / "b" / "run", adam())
    assert sorted(events[:2]) == [".", "a"]
    assert events[2:] == ["content", "rename", "a/b"]


def test_only_our_own_leftovers_are_removed(tmp_path: Path) -> None:
    ours = ".fastlr-checkpoint-0123456789abcdef.partial"
    others = [".fastlr-checkpoint-.partial", "run.partial", ".run.tmp", f"{ours}.txt", f"x{ours}"]
    for name in (ours, *others):
        (tmp_path / name).write_text("x")
    checkpoint.save(tmp_path / "run", adam())
    assert listed(tmp_path) == sorted([*others, "run"])


def test_a_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    path = checkpoint.save(tmp_path / "run", adam()).path
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
