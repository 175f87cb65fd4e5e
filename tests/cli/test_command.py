"""The command as such, and `fastlr config`."""

import json
import subprocess
import sys

import pytest

import fastlr
from fastlr.cli import main


def test_importing_is_light():
    code = "import fastlr, fastlr.lab, fastlr.plots, fastlr.cli, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"sklearn", "scipy", "matplotlib", "rich", "numba", "torch"}
    assert heavy.isdisjoint(name.partition(".")[0] for name in loaded)
    assert "fastlr.lab.training" in loaded


def test_config(capsys):
    assert main(["config"]) == 0
    assert "instruction set" in capsys.readouterr().out
    assert main(["config", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == fastlr.show_config("dicts")


def test_python_m_fastlr():
    found = subprocess.run([sys.executable, "-m", "fastlr", "config", "--json"], capture_output=True, check=True)
    assert json.loads(found.stdout)["fastlr"] == fastlr.show_config("dicts")["fastlr"]


@pytest.mark.parametrize("command", ["--help", "train --help", "config --help"])
def test_help(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        main(command.split())
    assert stopped.value.code == 0
    assert "fastlr" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"fastlr {fastlr.__version__}\n"
