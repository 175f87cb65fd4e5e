"""What fastlr promises to be, on two processors, and whether a race shows it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastlr import bench
from fastlr.bench import tables

LARGE, SMALL = 64_000_000, 1_000
RMSPROPS = ("rmsprop", "rmsprop+momentum", "centered", "centered+momentum")
BEST = "best peer"


@dataclass(frozen=True)
class Claim:
    """In these cases at least so many times as fast as another contestant, as the limit, or as the best peer."""

    optimizers: tuple[str, ...]
    weights: int
    against: str
    least: float
    arrays: int = 1


CLAIMS = {
    "float32": (
        Claim(("adamw", "momentum", "adagrad", "rmsprop"), LARGE, "limit", 0.90),
        Claim(("adamw", "momentum", "adagrad"), LARGE, BEST, 1.0),
        Claim(RMSPROPS, LARGE, "torch", 4.0),
        Claim(("adamw",), 100_000, BEST, 2.0),
        Claim(("adamw",), SMALL, "torch fused", 25.0),
        Claim(("adamw",), SMALL, BEST, 12.0),
        Claim(("adamw",), SMALL, "torch fused", 10.0, arrays=100),
        Claim(("adamw+clip",), SMALL, "torch fused", 5.0, arrays=100),
        Claim(("adam", "adamw"), LARGE, "numpy", 12.0),
        Claim(("adam", "adamw"), SMALL, "numpy", 15.0),
        Claim(("adagrad", *RMSPROPS), LARGE, "numpy", 7.0),
        Claim(("adagrad", *RMSPROPS), SMALL, "numpy", 8.0),
        Claim(("sgd",), LARGE, "numpy", 2.5),
        Claim(("momentum",), LARGE, "numpy", 4.0),
        Claim(("sgd",), SMALL, "numpy", 3.0),
        Claim(("momentum",), SMALL, "numpy", 5.0),
    ),
    "float64": (
        Claim(("adamw", "momentum", "adagrad", "rmsprop"), LARGE, "limit", 0.90),
        Claim(("adamw", "momentum", "adagrad"), LARGE, "torch fused", 1.0),
        Claim(RMSPROPS, LARGE, "torch", 4.0),
        Claim(("adamw",), 100_000, "torch fused", 2.0),
        Claim(("adamw",), SMALL, "torch fused", 25.0),
        Claim(("adamw",), SMALL, "torch fused", 10.0, arrays=100),
    ),
}
HEADER = ["optimizer", "weights", "against", "times as fast", "at least", "holds"]


def checked(race: bench.Race, claims: Sequence[Claim]) -> list[list[str]]:
    """A row for each case of each claim, as in `HEADER`."""
    return [_row(race, optimizer, claim) for claim in claims for optimizer in claim.optimizers]


def _row(race: bench.Race, optimizer: str, claim: Claim) -> list[str]:
    result = _result(race, optimizer, claim)
    peer = result.best_peer if claim.against == BEST else result.timing(claim.against)
    ratio = result.ratio(peer)
    against = f"{BEST}, {peer.contestant}" if peer and claim.against == BEST else claim.against
    holds = "not raced" if ratio is None else "yes" if ratio >= claim.least else "**no**"
    return [optimizer, result.case.size, against, tables.times(ratio), f"{claim.least:g}", holds]


def _result(race: bench.Race, optimizer: str, claim: Claim) -> bench.Result:
    """The case with the most threads, for AdamW is raced on one as well."""
    wanted = (optimizer, claim.weights, claim.arrays)
    found = [r for r in race.results if (r.case.optimizer, r.case.weights, r.case.arrays) == wanted]
    if not found:
        raise SystemExit(f"{wanted} was not raced: {[left.reason for left in race.left_out]}")
    return max(found, key=lambda result: result.case.threads)


COMPLETE = {
    "clipped by norm": ("plain", "at most", 1.3),
    "zeroed": ("plain", "at most", 1.2),
    "report": ("plain", "at most", 1.1),
    "report in full, every 10": ("plain", "at most", 1.1),
    "alpha, every 10": ("plain", "at most", 1.1),
    "plain, then averaged by NumPy": ("averaged", "at least", 1.4),
}
"""What a step with something around it may take, in times of another: see benchmarks/complete.py."""
COMPLETE_HEADER = ["AdamW, 10 million weights", "time", "times as long as", "ratio", "", "holds"]


def complete(seconds: Mapping[str, float]) -> list[list[str]]:
    """A row for each way to make a step, as in `COMPLETE_HEADER`."""
    return [_complete_row(name, seconds) for name in seconds]


def _complete_row(name: str, seconds: Mapping[str, float]) -> list[str]:
    against, bound, limit = COMPLETE.get(name, ("plain", "", 0.0))
    ratio = seconds[name] / seconds[against]
    kept = ratio <= limit if bound == "at most" else ratio >= limit
    holds = ("yes" if kept else "**no**") if bound else ""
    return [name, tables.duration(seconds[name]), against, f"{ratio:.2f}", f"{bound} {limit:g}" if bound else "", holds]
