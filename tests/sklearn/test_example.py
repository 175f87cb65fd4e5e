"""The example runs; and what is said where scikit-learn is missing."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "sklearn_digits.py"


def test_the_example_prints_what_was_gained(capsys):
    main = runpy.run_path(str(EXAMPLE))["main"]
    main.__globals__.update(EPOCHS=3, SEEDS=2, LAYERS=[(5,)])
    main()
    header, columns, *rows = capsys.readouterr().out.strip().splitlines()
    assert header == "hidden layers (5,), 3 epochs, 2 seeds"
    assert columns.split() == ["seconds", "gained", "loss", "accuracy"]
    found = [re.fullmatch(r"(.+?) +[\d.]+ +([\d.]+)x +([\d.]+) +([\d.]+)", row).groups() for row in rows]
    assert [name for name, *_ in found] == ["scikit learns", "patched", "fastlrs", "fastlrs in float32"]
    assert found[0][1] == "1.00"
    assert found[0][2:] == found[1][2:]  # the patch changes no number
    assert all(0 < float(accuracy) < 1 for *_, accuracy in found)


def test_without_scikit_learn_the_extra_is_named():
    code = "import sys; sys.modules['sklearn'] = None; import fastlr; fastlr.patch_sklearn()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.endswith("ModuleNotFoundError: sklearn is missing: pip install 'fastlr-optim[sklearn]'\n")
