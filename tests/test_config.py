"""What to paste into a bug report."""

import json

import numpy as np
import pytest

import fastlr
from fastlr import config

KEYS = [
    *(
        "fastlr",
        "python",
        "numpy",
        "platform",
        "instruction set",
        "instruction sets compiled",
        "instruction sets usable",
    ),
    *("openmp", "threads", "threads available", "backends", "dtypes", "extras"),
]


def test_dicts_are_plain_and_true() -> None:
    facts = fastlr.show_config("dicts")
    assert json.loads(json.dumps(facts)) == facts
    assert list(facts) == KEYS
    assert (facts["fastlr"], facts["numpy"]) == (fastlr.__version__, np.__version__)
    assert facts["threads"] == fastlr.get_num_threads() <= max(1, facts["threads available"])
    usable = facts["instruction sets usable"]
    assert facts["instruction set"] in usable
    assert usable == [level for level in facts["instruction sets compiled"] if level in usable]
    assert set(facts["backends"]) == {"cython", "numba", "numpy"}
    assert facts["extras"]["numba"]


def test_prints_every_fact(capsys: pytest.CaptureFixture[str]) -> None:
    assert fastlr.show_config() is None
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].strip() for line in lines] == KEYS
    facts = fastlr.show_config("dicts")
    for line, value in zip(lines, facts.values(), strict=True):
        expected = [f"{k} {v}" for k, v in value.items() if v] if isinstance(value, dict) else value
        assert all(str(part) in line for part in (expected if isinstance(expected, list) else [expected]))
    assert len({line.index(":") for line in lines}) == 1


def test_says_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(config, "EXTRAS", ("numpy", "no-such-package"))
    fastlr.show_config()
    assert f"extras: numpy {np.__version__}, no-such-package (not installed)" in capsys.readouterr().out
    assert fastlr.show_config("dicts")["extras"] == {"numpy": np.__version__, "no-such-package": None}


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_version", lambda name: None)
    assert fastlr.show_config("dicts")["backends"] == ["cython", "numpy"]


@pytest.mark.parametrize("mode", ["json", None, "Dicts"])
def test_knows_two_modes(mode: str) -> None:
    with pytest.raises(ValueError, match=r"^show_config\(.*\): mode must be 'stdout' or 'dicts'"):
        fastlr.show_config(mode)  # type: ignore[call-overload]
