"""A comparison as files: for programs that read, and for whoever asks later how a number came about."""

import csv
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fastlr.config import show_config
from fastlr.lab.data import Scaling
from fastlr.lab.plain import plain
from fastlr.lab.results import Comparison, Epoch, Run


def document(comparison: Comparison) -> dict[str, Any]:
    """Configuration and results as plain values, ready for JSON: what is not finite is None.

    With `parameters.npz` it is all that is needed to use the networks: sizes, activation, scalings, classes.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    dict
    """
    data, split, model = comparison.data, comparison.split, comparison.model
    configuration = comparison.configuration
    found: dict[str, Any] = plain(
        {
            "fastlr": show_config("dicts"),
            "data": {
                "name": data.name,
                "task": data.task,
                "reason": data.reason,
                "target": data.target,
                "classes": data.classes,
                "features": data.features,
                "rows": len(data.x),
                "train_rows": len(split.train),
                "test_rows": len(split.test),
                "feature_scaling": _scaling(split.features),
                "target_scaling": _scaling(split.target),
            },
            "network": {
                "sizes": model.sizes,
                "activation": model.activation,
                "loss": model.loss,
                "dtype": model.dtype,
                "weights": sum(
                    (inputs + 1) * units for inputs, units in zip(model.sizes, model.sizes[1:], strict=False)
                ),
            },
            "training": {
                "epochs": comparison.epochs,
                "batch": configuration.batch,
                "seed": configuration.seed,
                "test_share": configuration.test_share,
            },
            "interrupted": comparison.interrupted,
            "runs": [_run(run) for run in comparison.runs],
        }
    )
    return found


def files(comparison: Comparison) -> dict[str, bytes]:
    """The files that describe a comparison, by name: "history.csv", "parameters.npz", "run.json".

    `parameters.npz` holds one array per name, "w1", "b1", ...; with several optimizers "adam/w1", ...
    """
    text = json.dumps(document(comparison), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return {
        "history.csv": history(comparison).encode(),
        "parameters.npz": _parameters(comparison),
        "run.json": text.encode(),
    }


def write(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write files so that each is there entirely or not at all; one of the same name is replaced.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    contents : mapping of str to bytes
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        temporary = folder / f".{name}.{os.getpid()}"
        try:
            temporary.write_bytes(content)
            os.replace(temporary, folder / name)
        finally:
            temporary.unlink(missing_ok=True)


def history(comparison: Comparison) -> str:
    """Every epoch of every run as CSV: optimizer, epoch, step, seconds, lr, train_loss, test_loss, ..."""
    names = list(comparison.runs[0].history[0].train.metrics)
    header = ["optimizer", "epoch", "step", "seconds", "lr", "train_loss", "test_loss"]
    header += [f"{part}_{name}" for name in names for part in ("train", "test")]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    for run in comparison.runs:
        for entry in run.history:
            writer.writerow([run.name, *_row(entry, names)])
    return out.getvalue()


def _row(entry: Epoch, names: list[str]) -> list[str]:
    numbers = [entry.lr, entry.train.loss, entry.test.loss]
    numbers += [part.metrics[name] for name in names for part in (entry.train, entry.test)]
    return [
        f"{entry.epoch:.10g}",
        str(entry.step),
        f"{entry.seconds:.6f}",
        *(repr(float(number)) for number in numbers),
    ]


def _parameters(comparison: Comparison) -> bytes:
    several = len(comparison.runs) > 1
    arrays = {
        f"{run.name}/{name}" if several else name: values
        for run in comparison.runs
        for name, values in run.parameters.items()
    }
    out = io.BytesIO()
    np.savez(out, allow_pickle=False, **arrays)
    return out.getvalue()


def _run(run: Run) -> dict[str, Any]:
    last = run.history[-1]
    return {
        "name": run.name,
        "status": run.status,
        "optimizer": run.optimizer,
        "settings": run.settings,
        "steps": run.steps,
        "epochs": last.epoch,
        "train": {"loss": last.train.loss, **last.train.metrics},
        "test": {"loss": last.test.loss, **last.test.metrics},
        "seconds": run.seconds,
        "steps_per_second": run.steps_per_second,
        "optimizer_seconds": run.optimizer_seconds,
        "reference_seconds": run.reference_seconds,
        "optimizer_step": run.optimizer_step,
        "reference_step": run.reference_step,
        "speedup": run.speedup,
        "difference": run.difference,
    }


def _scaling(scaling: Scaling | None) -> dict[str, Any] | None:
    return None if scaling is None else {"mean": scaling.mean, "scale": scaling.scale}
