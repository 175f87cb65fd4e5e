"""What the README shows, runs."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("k", range(len(BLOCKS)))
def test_python_blocks_run(k, tmp_path, monkeypatch):
    # A rule's text is read from its file, so the block must be one.
    (tmp_path / f"readme_block_{k}.py").write_text(BLOCKS[k])
    monkeypatch.syspath_prepend(tmp_path)
    __import__(f"readme_block_{k}")


def test_there_are_eight():
    assert len(BLOCKS) == 8
