"""What the system says, and what becomes of it where it says nothing."""

import json

import pytest

from fastlr.bench import machine


def test_facts_are_plain():
    found = machine.facts()
    assert json.loads(json.dumps(found)) == found
    assert found["processors"] >= 1
    assert found["processor"]
    assert found["date"].endswith("+00:00")


def test_processor(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus: the second\nmodel name\t: other\n")
    assert machine.processor(tmp_path / "cpuinfo") == "Abacus: the second"
    assert machine.processor(tmp_path / "none")


def test_caches(tmp_path):
    for k, (level, kind, size) in enumerate([(1, "Data", "32K"), (1, "Instruction", "64K"), (3, "Unified", "2048K")]):
        folder = tmp_path / f"index{k}"
        folder.mkdir()
        for name, value in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(f"{value}\n")
    assert machine.caches(tmp_path) == {"L1": 32 * 1024, "L3": 2048 * 1024}
    assert machine.caches(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("maximum", "stat", "expected"),
    [
        (None, "", 8_000 * 1024),
        ("max", "anon 5\n", 8_000 * 1024),
        ("1000000", "anon 300000\nfile 600000\n", 700_000),
        ("99999999999", "anon 1\n", 8_000 * 1024),
    ],
)
def test_available(tmp_path, maximum, stat, expected):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 16000 kB\nMemAvailable:    8000 kB\n")
    if maximum:
        (tmp_path / "memory.max").write_text(f"{maximum}\n")
        (tmp_path / "memory.stat").write_text(stat)
    assert machine.available(meminfo, tmp_path) == expected


def test_available_where_nobody_says(tmp_path):
    assert machine.available(tmp_path / "none", tmp_path) is None
