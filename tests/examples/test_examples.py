"""The examples that need no framework run, smaller, and print what was gained."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def printed(name: str, capsys: pytest.CaptureFixture[str], **settings: Any) -> list[str]:
    main = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]
    main.__globals__.update(settings)
    main()
    return capsys.readouterr().out.splitlines()


def test_embedding_rows(capsys: pytest.CaptureFixture[str]) -> None:
    head, columns, *rows, last = printed("embedding_rows", capsys, USERS=300, ITEMS=200, DENSE=10, STEPS=200)
    assert head.startswith("500 rows of 16 weights, steps of 512 ratings")
    assert columns.split()[:5] == ["us", "a", "step", "gained", "at"]
    found = [re.match(r"(.+?) +(\d+) +([\d.]+)x +([\d.]+) +([\d.]+) +([\d.]+)", row).groups() for row in rows]  # type: ignore[union-attr]
    assert [name for name, *_ in found] == [
        "Adam, dense steps",
        "Adam, rows, exact",
        "Adam, rows, lazy",
        "RowwiseAdagrad",
    ]
    assert len({first for _, _, _, first, *_ in found}) == 1  # all start alike
    assert found[0][4] == found[1][4]
    assert all(float(end) < 0.7 * float(start) for _, _, _, start, _, end in found[1:])
    assert last == "after 10 steps the exact rows are the dense steps' bit for bit: True"


def test_numpy_loop(capsys: pytest.CaptureFixture[str]) -> None:
    head, columns, *rows = printed("numpy_loop", capsys, EPOCHS=5)
    assert head == "5 epochs of 1400 digits, 220 steps, hidden layers (64, 64)"
    assert columns.split()[-1] == "accuracy"
    found = [row.split() for row in rows]
    assert [row[0] for row in found] == ["NumPy", "fastlr"]
    assert found[0][2] == "1.0x"
    assert [float(row[-1]) > 0.9 for row in found] == [True, True]
