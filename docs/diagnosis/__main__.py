"""Builds the corpus, judges the diagnosis and writes docs/diagnosis.md and docs/diagnosis.json.

.venv/bin/python -m docs.diagnosis           build, judge, write: a quarter of an hour
.venv/bin/python -m docs.diagnosis --fit     fit the weights anew before
.venv/bin/python -m docs.diagnosis --again   measure the cost alone, and write again
"""

import argparse
import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

from docs.diagnosis import corpus, cost, document, fitting, judging, problems
from fastlr.lab.diagnosis import scores, weights

HERE = Path(__file__).parent.parent


def measured(fit: bool) -> dict[str, Any]:
    """Every figure of the document."""
    began = time.perf_counter()
    specimens, left_out = corpus.build(lambda words: print(words, file=sys.stderr, flush=True))
    built = time.perf_counter() - began
    if fit:
        text = fitting.fit(specimens)
        Path(str(weights.__file__)).write_text(text)
        for module in (weights, scores):
            importlib.reload(module)
    judges = [each for each in specimens if each.judges]
    scaled = [each for each in judges if each.label != "features"]
    tasks = problems.tasks()
    levels = {}
    for level in fitting.VIEWS:
        # raw features cannot be told from a log
        cases = judges if level == "steps" else fitting.seen_by(level, scaled)
        found = judging.judged(cases, level)
        truth, said = [each.label for each in cases], [each.fault for each in found]
        levels[level] = {
            "scores": {fault: vars(score) for fault, score in judging.scores(truth, said).items()},
            "confusion": judging.confusion(truth, said),
            "calibration": judging.calibration(cases, found),
            "followed": judging.followed(cases, found, tasks),
        }
    truth = [each.label for each in judges]
    return {
        "runs": len(specimens),
        "judged": len(judges),
        "settings_left_out": left_out,
        "build_seconds": round(built),
        "data": {name: [each.data for each in specimens].count(name) for name in sorted({s.data for s in specimens})},
        "fitted_to": sorted(problems.FITTED & {each.data for each in specimens}),
        "levels": levels,
        "autotrainer": {f: vars(s) for f, s in judging.scores(truth, judging.baseline(judges)).items()},
        "left_out": {f: vars(s) for f, s in judging.scores(*fitting.left_out(specimens)).items()},
        "cost": cost.share(),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="fit the weights anew before")
    parser.add_argument("--again", action="store_true", help="measure the cost alone, and write again")
    args = parser.parse_args()
    numbers = HERE / "diagnosis.json"
    figures = json.loads(numbers.read_text()) | {"cost": cost.share()} if args.again else measured(args.fit)
    numbers.write_text(json.dumps(figures, indent=1) + "\n")
    (HERE / "diagnosis.md").write_text(document.written(figures))


if __name__ == "__main__":
    main()
