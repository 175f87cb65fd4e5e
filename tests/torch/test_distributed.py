"""Two processes that train together."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("what", ["zero", "fsdp"])
def test_two_processes_do_as_one(tmp_path, what):
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.torch.distributed", what, str(rank), str(tmp_path / "store")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for rank in range(2)
    ]
    try:
        done = [process.communicate(timeout=120) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [out.strip() for out, _ in done] == ["ok", "ok"], [err[-2000:] for _, err in done]
