"""Two processes that train together, by ZeRO and by FSDP2 with its parameters on the CPU."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_two_processes_do_as_one(tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.torch.distributed", str(rank), str(tmp_path / "store")],
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
    assert [out.split() for out, _ in done] == [["zero", "fsdp"]] * 2, [err[-2000:] for _, err in done]
