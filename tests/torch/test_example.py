"""The example runs; and what is said where PyTorch is missing or too old."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "torch_digits.py"


def test_the_example_prints_what_was_gained(capsys):
    main = runpy.run_path(str(EXAMPLE))["main"]
    main.__globals__.update(EPOCHS=2, SEEDS=1, LAYERS=[(8,)])
    main()
    header, columns, *rows = capsys.readouterr().out.strip().splitlines()
    assert header == "hidden layers (8,), 2 epochs, 1 seeds"
    assert columns.split() == ["us", "a", "step", "gained", "loss", "accuracy"]
    found = [re.fullmatch(r"(.+?) +(\d+) +([\d.]+)x +([\d.]+) +([\d.]+)", row).groups() for row in rows]
    assert [name for name, *_ in found] == ["pytorchs", "pytorchs fused", "fastlrs"]
    assert found[0][2] == "1.00"
    losses = [float(loss) for *_, loss, _ in found]
    assert losses[2] == pytest.approx(losses[0], abs=2e-4)  # the same numbers
    assert 0 < float(found[2][4]) <= 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.modules['torch'] = None", "ModuleNotFoundError: torch is missing: pip install 'fastlr-optim[torch]'"),
        (
            "import torch; del torch.Tensor.__dlpack_c_exchange_api__; torch.__version__ = '2.9.1'",
            "ImportError: fastlr.torch needs PyTorch 2.10 or newer, got 2.9.1: update torch",
        ),
    ],
)
def test_without_pytorch(code, said):
    code = f"import sys; {code}; import fastlr.torch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip().endswith(said)
