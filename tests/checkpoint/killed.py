"""Saves all the time in a child process, kills it at random moments, and looks what is there.

python -m tests.checkpoint.killed FOLDER KILLS
"""

import mmap
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import fastlr
from fastlr import checkpoint

SIZE = 1 << 16
LONGEST = 0.03  # seconds to live


def made() -> Any:
    return fastlr.Adam({"w": np.zeros(SIZE)})


def save(path: Path, opt: Any, number: int) -> None:
    """Everything in the checkpoint is the number."""
    opt.load_state_dict({**opt.state_dict(), "steps": number})
    for array in (*opt.params.values(), *opt.state["w"].values()):
        array.fill(number)
    checkpoint.save(path, opt, metadata={"number": number})


def save_for_ever(path: Path, opt: Any, progress: Any) -> None:
    while True:
        progress[0] += 1
        save(path, opt, int(progress[0]))
        progress[1] = progress[0]


def found(path: Path) -> int:
    """The number of a checkpoint that is whole."""
    opt = made()
    number = checkpoint.load(path, opt).metadata["number"]
    for array in (*opt.params.values(), *opt.state["w"].values()):
        assert (array == number).all()
    assert opt.steps == number
    return int(number)


def main(folder: Path, kills: int) -> None:
    path, opt, rng = folder / "run", made(), np.random.default_rng(0)
    progress = np.frombuffer(mmap.mmap(-1, 16), np.int64)  # begun, finished; shared with the children
    seen = 0
    save(path, opt, 0)
    for _ in range(kills):
        child = os.fork()
        if not child:
            save_for_ever(path, opt, progress)
        time.sleep(rng.uniform(0, LONGEST))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        begun, finished = progress.tolist()
        assert finished <= found(path) <= begun
        seen += len(os.listdir(folder)) - 1
        progress[:] = begun + 1
        save(path, opt, begun + 1)
        assert os.listdir(folder) == ["run"]
    print(f"saves {progress[1]}, killed while writing {seen}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
