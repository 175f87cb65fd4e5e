"""PyTorch's own database of optimizer inputs: what it holds, fastlr's classes do as PyTorch's do."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from fastlr.rules import RULES

ROOT = Path(__file__).parents[2]


def test_every_input_and_every_error_of_pytorchs_database():
    command = [sys.executable, "-m", "tests.torch.database"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found = Counter(re.findall(r"^(input|error) (\w+) torch\.float(32|64)", done.stdout, re.MULTILINE))
    for rule in RULES:
        for bits in ("32", "64"):
            assert found["input", rule.__name__, bits] >= 10
            assert found["error", rule.__name__, bits] >= 7
