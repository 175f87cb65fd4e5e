"""Writes docs/performance.md, with its picture and its numbers, from measurements on this machine.

    make performance                                    race, measure, write: half an hour
    .venv/bin/python -m docs.performance --again        write again, from the numbers that are there

The words are in docs/performance.in.md.
"""

import argparse
import itertools
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

import fastlr
from benchmarks.complete import NAMES, Complete
from benchmarks.denormals import Denormals
from benchmarks.memory import Memory
from benchmarks.threads import Threads
from benchmarks.timing import Repeated, seconds
from docs import claims
from docs.claims import CLAIMS, HEADER, checked
from fastlr import bench, plots
from fastlr.bench import Case, picture, tables

HERE = Path(__file__).parent
NUMBERS = HERE / "performance.json"
TORCH = "fastlr.bench.peers.pytorch"
ROUNDS = 21


def medians(contestants: Mapping[str, Repeated]) -> dict[str, float]:
    """Seconds of a step of each, the median of rounds in which they take turns."""
    found: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, contestant in contestants.items():
            found[name].append(seconds(contestant.run) / contestant.count)
    return {name: statistics.median(values) for name, values in found.items()}


class OnThreads(Threads):
    """Sets the number of threads before each turn too, for others have set theirs meanwhile."""

    def setup(self, weights: int, threads: int) -> None:
        """Fill the arrays."""
        super().setup(weights, threads)
        self.threads = threads

    def run(self) -> None:
        """What is timed."""
        fastlr.set_num_threads(self.threads)
        super().run()


def threads() -> dict[str, float]:
    """A million weights, which fit into the cache, on one thread and on all there are."""
    most = fastlr.get_num_threads()
    contestants = {}
    for count in (1, most):
        fastlr.set_num_threads(most)
        contestants[str(count)] = OnThreads()
        contestants[str(count)].setup(1_000_000, count)
    found = medians(contestants)
    fastlr.set_num_threads(most)
    return found


def denormals() -> list[dict[str, Any]]:
    """Adam with moments in the normal range and below, kept and flushed."""
    dtypes, sizes, moments, options = Denormals.params
    rows = []
    for dtype, weights in itertools.product(dtypes, sizes):
        contestants = {}
        for what, how in itertools.product(moments, options):
            contestants[f"{what}, {how}"] = Denormals()
            contestants[f"{what}, {how}"].setup(dtype, weights, what, how)
        rows.append({"dtype": dtype, "weights": weights, **medians(contestants)})
    return rows


def complete() -> dict[str, float]:
    """A step at 10 million weights with each thing that may be around it."""
    contestants = {name: Complete() for name in NAMES}
    for name, contestant in contestants.items():
        contestant.setup(name, 10_000_000)
    return medians(contestants)


def memory() -> int:
    """MB beyond parameters, gradients and state."""
    measured = Memory()
    measured.setup("cython")
    return measured.track_extra("cython")


def race(cases: Sequence[Case], peers: Sequence[str], *, slow: bool) -> Any:
    """A race as plain JSON, with its progress on the terminal."""

    def report(progress: bench.Progress) -> None:
        sys.stderr.write(f"\r{progress.case + 1} of {progress.cases}  {progress.doing:<80}")

    return json.loads(bench.to_json(bench.race(cases, peers, slow=slow, report=report)))


def measured() -> dict[str, Any]:
    """All numbers, as plain JSON."""
    most = fastlr.get_num_threads()
    double = {
        Case(name, claim.weights, claim.arrays, "float64", most): None
        for claim in CLAIMS["float64"]
        for name in claim.optimizers
    }
    return {
        "memory": memory(),
        "threads": threads(),
        "denormals": denormals(),
        "complete": complete(),
        "float32": race(bench.standard([most]), bench.PEERS, slow=True),
        "float64": race(list(double), [TORCH], slow=False),
    }


def page(numbers: Mapping[str, Any]) -> str:
    """The Markdown."""
    single, double = (bench.from_json(json.dumps(numbers[dtype])) for dtype in CLAIMS)
    (one, alone), (most, both) = numbers["threads"].items()
    return Template((HERE / "performance.in.md").read_text(encoding="utf-8")).substitute(
        machine=tables.described(single),
        single_claims=table(HEADER, checked(single, CLAIMS["float32"])),
        double_claims=table(HEADER, checked(double, CLAIMS["float64"])),
        single=bench.markdown(single).partition("\n\n")[2],
        double=bench.markdown(double).partition("\n\n")[2],
        threads=f"{tables.duration(alone)} on {one}, {tables.duration(both)} on {most}: {alone / both:.2f} times",
        memory=numbers["memory"],
        complete=table(claims.COMPLETE_HEADER, claims.complete(numbers["complete"])),
        denormals=denormals_table(numbers["denormals"]),
    )


def denormals_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A row a dtype and size."""
    times = [key for key in rows[0] if key not in ("dtype", "weights")]
    cells = [[row["dtype"], f"{row['weights']:,}", *(tables.duration(row[key]) for key in times)] for row in rows]
    return table(["dtype", "weights", *times], cells)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """As Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *rows])


def main() -> None:
    """Measure unless told otherwise, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--again", action="store_true", help="write again, from docs/performance.json")
    if not parser.parse_args().again:
        NUMBERS.write_text(json.dumps(measured(), indent=1) + "\n", encoding="utf-8")
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    (HERE / "performance.md").write_text(page(numbers), encoding="utf-8")
    single = bench.from_json(json.dumps(numbers["float32"]))
    (HERE / "performance.png").write_bytes(plots.png(picture.curves(single)))


if __name__ == "__main__":
    main()
