"""{steps} in the name of the file: which are kept, which is loaded."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fastlr import checkpoint
from tests.checkpoint.subjects import adam, listed


def at(steps: int) -> Any:
    opt = adam()
    opt.load_state_dict({**opt.state_dict(), "steps": steps})
    return opt


def save_all(folder: Path, numbers: Sequence[int], **options: Any) -> None:
    """Each a second newer than the last, all of them in the past."""
    for i, steps in enumerate(numbers):
        path = checkpoint.save(folder / "run-{steps}.safetensors", at(steps), **options).path
        os.utime(path, (i, i))


def numbers(folder: Path) -> list[int]:
    return sorted(int(name.removeprefix("run-").removesuffix(".safetensors")) for name in listed(folder))


def test_keeps_those_written_last(tmp_path: Path) -> None:
    save_all(tmp_path, [1, 2, 3, 5, 8, 13])
    assert numbers(tmp_path) == [1, 2, 3, 5, 8, 13]
    save_all(tmp_path, [21], keep=3)
    assert numbers(tmp_path) == [8, 13, 21]
    checkpoint.save(tmp_path / "run-{steps}.safetensors", at(34), keep=1)
    assert numbers(tmp_path) == [34]


def test_a_run_that_went_back_is_newer(tmp_path: Path) -> None:
    """Though it has fewer steps."""
    save_all(tmp_path, [100, 200, 300])
    save_all(tmp_path, [150], keep=2)
    os.utime(tmp_path / "run-150.safetensors", (9, 9))
    assert numbers(tmp_path) == [150, 300]
    assert checkpoint.load(tmp_path / "run-{steps}.safetensors", at(0)).steps == 150
    save_all(tmp_path, [160], keep=1)
    assert numbers(tmp_path) == [160]


def test_the_last_is_kept_whatever_the_clock_says(tmp_path: Path) -> None:
    save_all(tmp_path, [1, 2])
    for steps in (1, 2):
        os.utime(tmp_path / f"run-{steps}.safetensors", (10**10 + steps, 10**10 + steps))  # in a far future
    save_all(tmp_path, [3], keep=2)
    assert numbers(tmp_path) == [2, 3]


def test_of_one_time_the_one_with_more_steps_is_newer(tmp_path: Path) -> None:
    steps = [5, 9, 10, 1, 2, 8, 7, 4, 3, 6]
    save_all(tmp_path, steps)
    for each in steps:
        os.utime(tmp_path / f"run-{each}.safetensors", (5, 5))
    assert checkpoint.load(tmp_path / "run-{steps}.safetensors", at(0)).path.name == "run-10.safetensors"


def test_removes_nothing_else(tmp_path: Path) -> None:
    """Neither what is no checkpoint nor what the pattern does not stand for, nor links and folders."""
    save_all(tmp_path, [1, 2])
    checkpoint.save(tmp_path / "run-best.safetensors", adam())
    checkpoint.save(tmp_path / "other" / "run-3.safetensors", adam())
    content = (tmp_path / "run-1.safetensors").read_bytes()
    for name in ("run-04.safetensors", "run--4.safetensors", "run-4.safetensors.bak", "xrun-4.safetensors", "run-4"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "run-5.safetensors").write_bytes(b"\x10" + content[1:9] + b"another program's")
    (tmp_path / "run-6.safetensors").mkdir()
    (tmp_path / "run-7.safetensors").symlink_to("other/run-3.safetensors")
    (tmp_path / "run-\u0668.safetensors").write_bytes(content)  # an Arabic digit
    before = listed(tmp_path)
    checkpoint.save(tmp_path / "run-{steps}.safetensors", at(9), keep=1)
    gone = {"run-1.safetensors", "run-2.safetensors"}
    assert set(listed(tmp_path)) == {*before, "run-9.safetensors"} - gone
    assert gone < set(before)
    assert listed(tmp_path / "other") == ["run-3.safetensors"]


def test_names_are_no_patterns(tmp_path: Path) -> None:
    for name in ("a.b*[c]-{steps}", "axb*[c]-{steps}"):
        checkpoint.save(tmp_path / name, at(3), keep=1)
    assert checkpoint.save(tmp_path / "a.b*[c]-{steps}", at(4), keep=1).path.name == "a.b*[c]-4"
    assert listed(tmp_path) == ["a.b*[c]-4", "axb*[c]-3"]
