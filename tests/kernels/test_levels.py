"""The instruction set is chosen at import, and FASTLR_CPU overrules."""

import os
import subprocess
import sys

import pytest

from fastlr import kernels
from fastlr.engine.native import cpu_supports
from fastlr.kernels.levels import LEVELS

USABLE = [level for level in LEVELS if cpu_supports(level)]


def imported(level):
    code = "import fastlr; print(fastlr.show_config('dicts')['instruction set'])"
    environment = {**os.environ, "FASTLR_CPU": level}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("level", USABLE)
def test_override(level):
    assert imported(level).stdout.strip() == level


def test_default_is_the_richest():
    assert imported("").stdout.strip() == USABLE[-1]


def test_unknown_level_says_which_there_are():
    done = imported("v9")
    assert done.returncode != 0
    assert f"FASTLR_CPU=v9: must be one of {', '.join(USABLE)}" in done.stderr


def test_a_level_that_the_processor_lacks_is_refused(monkeypatch):
    monkeypatch.setattr(kernels.native, "cpu_supports", lambda level: level == "v1")
    monkeypatch.setenv("FASTLR_CPU", "v3")
    with pytest.raises(ImportError, match="FASTLR_CPU=v3: must be one of v1"):
        kernels._level()
    monkeypatch.delenv("FASTLR_CPU")
    assert kernels._level() == "v1"


def test_levels_are_ordered_and_the_first_runs_everywhere():
    assert cpu_supports(next(iter(LEVELS)))
    assert not cpu_supports("no such level")
