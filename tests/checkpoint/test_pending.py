"""Saves in the background: of the moment of the call, one at a time, and no error is lost."""

import os
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Timer
from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr import checkpoint
from tests.checkpoint.subjects import Scaler, adam, listed
from tests.helpers import normal, outcome


class Gate:
    """Lets files be synced, or not yet, or fails."""

    def __init__(self) -> None:
        self.open = Event()
        self.error: Exception | None = None

    def pass_through(self, _: int) -> None:
        assert self.open.wait(30)
        if self.error:
            raise self.error


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(os, "fsync", gate.pass_through)
    yield gate
    gate.open.set()


def test_is_of_the_moment_of_the_call(gate: Gate, tmp_path: Path) -> None:
    opt, other, scaler, array = adam(1), adam(2), Scaler(2.0, [1.0]), np.ones(3)
    before = outcome(opt), outcome(other)
    metadata = {"array": array, "list": [1]}
    saving = checkpoint.save(tmp_path / "{steps}", opt, metadata=metadata, background=True, other=other, scaler=scaler)
    assert not saving.done()
    assert repr(saving) == f"Saving({str(tmp_path / '2')!r}, under way)"
    for each in (opt, other):
        each.step({"w": normal(0, 2, 3), "b": normal(0, 3)})
    array.fill(7)
    scaler.recent.fill(7)
    scaler.scale = 7.0
    metadata["list"].append(2)
    gate.open.set()
    assert saving.wait() == tmp_path / "2"
    assert saving.done()
    assert repr(saving).endswith("done)")
    opt, other, scaler = adam(3), adam(4), Scaler()
    loaded = checkpoint.load(saving.path, opt, other=other, scaler=scaler)
    assert (outcome(opt), outcome(other)) == before
    assert (scaler.scale, scaler.recent.tolist()) == (2.0, [1.0])
    assert scaler.recent.base is None  # or keeping it would keep all of the file
    assert (loaded.metadata["array"].tolist(), loaded.metadata["list"]) == ([1, 1, 1], [1])


def test_waiting_has_a_limit(gate: Gate, tmp_path: Path) -> None:
    saving = checkpoint.save(tmp_path / "run", adam(), background=True)
    with pytest.raises(TimeoutError, match=r"must finish in 0\.01 s, got no further; it goes on"):
        saving.wait(0.01)
    gate.open.set()
    assert saving.wait(30) == tmp_path / "run"


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("name", ["run", "{steps}"])
def test_a_save_to_the_same_path_waits(name: str, background: bool, gate: Gate, tmp_path: Path) -> None:
    first = checkpoint.save(tmp_path / name, adam(), metadata={"first": True}, background=True)
    elsewhere = checkpoint.save(tmp_path / "x" / name, adam(), background=True)
    Timer(0.1, gate.open.set).start()
    assert not first.done()
    assert not elsewhere.done()
    second = checkpoint.save(tmp_path / name, adam(), background=background)
    assert first.done()
    assert checkpoint.load(second.wait(), adam()).metadata == {}
    elsewhere.wait()
    assert listed(tmp_path) == sorted([second.path.name, "x"])


@pytest.mark.parametrize("asked", ["{steps}", "2"])
def test_loading_waits_for_what_is_being_saved(asked: str, gate: Gate, tmp_path: Path) -> None:
    Timer(0.1, gate.open.set).start()
    checkpoint.save(tmp_path / "{steps}", adam(), metadata={"new": True}, background=True)
    assert checkpoint.load(tmp_path / asked, adam()).metadata == {"new": True}


def test_loading_leaves_errors_to_others(gate: Gate, tmp_path: Path) -> None:
    gate.open.set()
    checkpoint.save(tmp_path / "run", adam(), metadata={"old": True})
    saving = failed(gate, tmp_path / "run")
    assert checkpoint.load(tmp_path / "run", adam()).metadata == {"old": True}
    with pytest.raises(OSError, match="No space left"):
        saving.wait()


def test_what_is_being_written_is_no_leftover(gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = checkpoint.save(tmp_path / "slow", adam(), background=True)
    while not any(tmp_path.iterdir()):
        pass
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda file: None)
        checkpoint.save(tmp_path / "quick", adam())
    assert len(listed(tmp_path)) == 2
    gate.open.set()
    slow.wait()
    assert listed(tmp_path) == ["quick", "slow"]


def failed(gate: Gate, path: Path, **options: Any) -> checkpoint.Saving:
    gate.error = OSError(28, "No space left on device")
    gate.open.set()
    saving = checkpoint.save(path, adam(), background=True, **options)
    while not saving.done():
        pass
    gate.error = None
    return saving


def test_an_error_is_raised_by_wait(gate: Gate, tmp_path: Path) -> None:
    saving = failed(gate, tmp_path / "run")
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            saving.wait()
    assert repr(saving).endswith("failed)")
    checkpoint.save(tmp_path / "run", adam())  # somebody has been told
    assert listed(tmp_path) == ["run"]


def test_an_error_is_raised_by_the_next_save(gate: Gate, tmp_path: Path) -> None:
    failed(gate, tmp_path / "{steps}")
    checkpoint.save(tmp_path / "other", adam())
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(tmp_path / "{steps}", adam())
    assert listed(tmp_path) == ["other"]
    checkpoint.save(tmp_path / "{steps}", adam())
    assert listed(tmp_path) == ["2", "other"]


def test_what_cannot_be_saved_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="metadata/x must be"):
        checkpoint.save(tmp_path / "run", adam(), metadata={"x": object()}, background=True)
    assert listed(tmp_path) == []


AT_EXIT = """
import os, sys, time
import numpy as np, fastlr
from fastlr import checkpoint

def fsync(file):
    time.sleep(0.05)  # until the interpreter is on its way out
    if "fail" in sys.argv:
        raise OSError(28, "No space left on device")

os.fsync = fsync
opt = fastlr.SGD(np.ones(100_000))
for name in "ab":
    checkpoint.save(os.path.join(sys.argv[1], name), opt, background=True)
"""


@pytest.mark.parametrize("fail", [False, True])
def test_the_interpreter_waits_and_tells(fail: bool, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", AT_EXIT, str(tmp_path), "fail" if fail else "work"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if fail:
        errors = rf"OSError: \[Errno 28\] No space left on device\nwhile saving '{tmp_path}/([ab])' in the background\n"
        assert re.findall(errors, done.stderr) == ["a", "b"]
        assert listed(tmp_path) == []
    else:
        assert done.stderr == ""
        for name in "ab":
            opt = fastlr.SGD(np.zeros(100_000))
            checkpoint.load(tmp_path / name, opt)
            assert opt.params[""].all()


WEIGHTS = 1_000_000  # 8 MB


def peak(function: Any) -> tuple[float, float]:
    """Bytes allocated at most and at the end, by the weight."""
    tracemalloc.start()
    kept = function()
    now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return most / WEIGHTS, now / WEIGHTS


def test_parameters_and_parts_are_not_copied(tmp_path: Path) -> None:
    opt, scaler = fastlr.SGD(np.ones(WEIGHTS)), Scaler(1.0, np.ones(WEIGHTS))
    most, _ = peak(lambda: checkpoint.save(tmp_path / "run", opt, scaler=scaler))
    assert most < 1


@pytest.mark.parametrize("fails", [False, True])
def test_the_copies_are_let_go(fails: bool, gate: Gate, tmp_path: Path) -> None:
    opt = fastlr.SGD(np.ones(WEIGHTS), momentum=0.9)
    gate.error = OSError(28, "No space left on device") if fails else None
    gate.open.set()

    def work() -> checkpoint.Saving:
        saving = checkpoint.save(tmp_path / "run", opt, background=True)
        with suppress(OSError):
            saving.wait()
        return saving

    most, now = peak(work)
    assert 16 < most < 17  # one copy
    assert now < 1
