"""Writes docs/finding.md: how good `lab.find_lr` is, measured by `benchmarks/finding.py`.

make finding            sweep, find, train, write: half an hour; sweeps that are in build/finding are not run again
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from string import Template

import numpy as np

from benchmarks.finding import CALIBRATED, OURS, PROBLEMS, RAMP, SEEN, Pair, deviation, measured, scores

HERE = Path(__file__).parent
NUMBERS = HERE / "finding.json"
RESULTS = HERE.parent / "build" / "finding"
QUICK = ("iris, linear", "cancer, linear", "diabetes", "diabetes, linear", "cancer")
STEADY = (*QUICK, "circles", "digits", "moons", "wine, raw", "cancer, raw")
"""Problems whose suggestions are compared over 20 calls: the quick ones."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, unless the numbers there are shall be used again, and write."""
    parser = argparse.ArgumentParser(description="Write docs/finding.md.")
    parser.add_argument("--again", action="store_true", help="write again, from the numbers that are there")
    if not parser.parse_args(arguments).again:
        RESULTS.mkdir(parents=True, exist_ok=True)
        entries = [asdict(pair) for problem in PROBLEMS for pair in measured(problem, RESULTS)]
        steady = {f"{name}: {rule}": deviation(name, rule) for name in STEADY for rule in ("sgd", "adam")}
        NUMBERS.write_text(json.dumps({"pairs": entries, "deviations": steady}, indent=1) + "\n", encoding="utf-8")
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    pairs = [Pair(**entry) for entry in numbers["pairs"]]
    text = Template((HERE / "finding.in.md").read_text(encoding="utf-8"))
    (HERE / "finding.md").write_text(text.substitute(_words(pairs, numbers["deviations"])), encoding="utf-8")


def _words(pairs: Sequence[Pair], deviations: dict[str, float]) -> dict[str, str]:
    names = list(PROBLEMS)
    parts = [names, names[:CALIBRATED], names[CALIBRATED:SEEN], names[SEEN:]]
    grouped = [[pair for pair in pairs if pair.problem in part] for part in parts]
    spreads = np.array(list(deviations.values()))
    missed = [pair for pair in pairs if not pair.good(OURS)]
    return {
        "pairs": str(len(pairs)),
        "problems": str(len(PROBLEMS)),
        "calibrated": str(CALIBRATED),
        "held": str(SEEN - CALIBRATED),
        "fresh": str(len(PROBLEMS) - SEEN),
        "scores": _table(grouped),
        "cheaper": f"{np.median([pair.swept / pair.steps for pair in pairs]):.1f}",
        "calls": str(len(spreads)),
        "deviation": f"{np.median(spreads):.2f}",
        "steady": str(int((spreads <= 0.3).sum())),
        "worst": f"{spreads.max():.2f} ({max(deviations, key=lambda name: deviations[name])})",
        "missed": "\n".join(map(_missed, missed)),
        "refused": str(sum(bool(pair.refusal) for pair in pairs)),
    }


def _table(grouped: Sequence[Sequence[Pair]]) -> str:
    lines = []
    for score in zip(*map(scores, grouped), strict=True):
        tool = score[0].tool
        name = f"**{tool}**" if tool in (OURS, RAMP) else tool
        cells = [f"{part.median:.2f} | {part.high:.2f} | {part.good:.0%}" for part in score]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _missed(pair: Pair) -> str:
    factor = pair.losses[OURS] / pair.best_loss
    return f"| {pair.problem} | {pair.optimizer} | {pair.best:.2g} | {pair.rates[OURS]:.2g} | {factor:.2f} |"


if __name__ == "__main__":
    main()
