"""What a step costs: the overhead of small ones and the bandwidth of large ones, against PyTorch in the same run.

    python benchmarks/step.py [--weights 64000000] [--rounds 9] [--json]

The contestants of a line take turns, round by round, so that whatever else the machine does meets all of them
alike.  A figure is the median over the rounds; only ratios within one run mean something on a shared machine.
"""

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import fastlr

Run = Callable[[], Any]

# name, fastlr's options, torch's fastest variant, bytes a weight and step: reads and writes of w, g and the state
LARGE: list[tuple[str, dict[str, Any], dict[str, Any], int]] = [
    ("AdamW", {}, {"fused": True}, 28),
    ("SGD", {"momentum": 0.9}, {"fused": True}, 20),
    ("Adagrad", {}, {"fused": True}, 20),
    ("RMSprop", {}, {}, 20),
    ("RMSprop", {"momentum": 0.9}, {}, 28),
    ("RMSprop", {"centered": True}, {}, 28),
    ("RMSprop", {"centered": True, "momentum": 0.9}, {}, 36),
]


def fastlr_step(name: str, count: int, options: dict[str, Any]) -> Run:
    """One of ours on a packed float32 parameter."""
    packed = fastlr.pack(np.ones(count, dtype=np.float32))
    packed.flat_grads[:] = np.resize(np.random.default_rng(0).standard_normal(1009), count)
    step: Run = getattr(fastlr, name)(packed, **options).step
    return step


def torch_step(name: str, count: int, options: dict[str, Any]) -> Run:
    """The same in PyTorch."""
    w = torch.ones(count, requires_grad=True)
    w.grad = torch.from_numpy(np.resize(np.random.default_rng(0).standard_normal(1009), count).astype(np.float32))
    step: Run = getattr(torch.optim, name)([w], **options).step
    return step


def interleaved(runs: dict[str, Run], rounds: int, number: int = 1) -> dict[str, list[float]]:
    """Seconds a call, for each of the rounds."""
    for run in runs.values():
        run(), run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            begin = time.perf_counter()
            for _ in range(number):
                run()
            seconds[name].append((time.perf_counter() - begin) / number)
    return seconds


def overhead(rounds: int) -> Iterator[dict[str, Any]]:
    """Small steps, everything included; the best of many rounds, for the rest is the machine's."""
    for case, count, ours in (
        ("AdamW", 10, {}),
        ("AdamW", 1_000, {}),
        ("AdamW, lr a function", 10, {"lr": lambda step: 1e-3}),
    ):
        runs = {"fastlr": fastlr_step("AdamW", count, ours), "torch": torch_step("AdamW", count, {"fused": True})}
        seconds = interleaved(runs, rounds * 10, number=200)
        best = {name: min(values) * 1e6 for name, values in seconds.items()}
        yield {"case": case, "weights": count, "unit": "us", "best": best, "ratio": best["torch"] / best["fastlr"]}


def bandwidth(count: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Large steps; ratio > 1 says that fastlr is faster."""
    for name, options, theirs, size in LARGE:
        runs = {
            "fastlr": fastlr_step(name, count, options),
            "torch": torch_step(name, count, {**options, **theirs}),
        }
        seconds = interleaved(runs, rounds)
        median = {key: statistics.median(values) * 1e3 for key, values in seconds.items()}
        best = {key: min(values) * 1e3 for key, values in seconds.items()}
        ratio = statistics.median(b / a for a, b in zip(seconds["fastlr"], seconds["torch"], strict=True))
        case = " ".join([name, *options])
        speed = size * count / min(seconds["fastlr"]) / 1e9
        row = {
            "case": case,
            "weights": count,
            "unit": "ms",
            "best": best,
            "median": median,
            "ratio": ratio,
            "GB/s": speed,
        }
        yield row


def show(row: dict[str, Any]) -> None:
    """One line for people."""
    times = row.get("median", row["best"])
    speed = f"  {row['GB/s']:5.1f} GB/s" if "GB/s" in row else ""
    parts = "  ".join(f"{name} {value:9.3f} {row['unit']}" for name, value in times.items())
    print(f"{row['case']:>26} {row['weights']:>11,}  {parts}  torch/fastlr {row['ratio']:6.2f}{speed}", flush=True)


def main() -> None:
    """Run all and print a line each, or one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=int, default=64_000_000, help="of the large steps (default 64 million)")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contestant (default 9)")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of lines")
    options = parser.parse_args()
    torch.set_num_threads(fastlr.get_num_threads())
    rows = []
    for row in itertools.chain(overhead(options.rounds), bandwidth(options.weights, options.rounds)):
        rows.append(row)
        if not options.json:
            show(row)
    if options.json:
        json.dump({"config": fastlr.show_config("dicts"), "rows": rows}, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
