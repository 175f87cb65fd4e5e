"""The figures as a page."""

from collections.abc import Mapping
from typing import Any

from fastlr.lab.diagnosis.scores import DESCRIBED

HEAD = """\
# How good the diagnosis is

`lab.diagnose`, `lab.Monitor` and `fastlr diagnose` name what is wrong with a learning rate. This page measures how
often they are right. `python -m docs.diagnosis` builds everything anew and writes it.

**The corpus** has {runs:,} runs of about 1,000 steps of a network with 50 hidden units: {data}; with SGD, momentum,
Adagrad, RMSprop and Adam; with rates far below, in and above the basin of that problem's sweep, and with schedules
that spend little. Building it took {build_seconds} s on two shared cores.

**The truth** about a run comes from what was injected *and* from what came of it: a sweep of 26 rates, and five runs
of the same settings, all with other seeds than the run that is diagnosed. Nothing that the diagnosis reads takes
part. *Well* is a training loss within 5 % of what the best rate gains on guessing, *badly* is 10 % and more, *lost*
is a training or test loss no better than a guess. Healthy: well. Too low, too high, too aggressive: so injected, and
badly or lost. Diverging: in four of five runs the loss ends above twice its first value. Features: raw wine and raw
breast_cancer, whose scales are hundreds of times apart, and which do badly beside the same data standardised. A harsh
schedule that does well all the same is labelled healthy. {settings_left_out} settings whose outcome is in between, or
not what was meant, are left out.

**Fitted and judged apart**: the weights were fitted to {fitted_to}; all figures below are of the {judged:,} runs on
the other data sets. Which signals are used, how strong the regression is, that made-up data were added for fitting,
and the rule on lost validation losses were decided with these figures in view, so they flatter a little. *Each data
set by the others* is what comes out, without that rule, where every one of the {sets} data sets is left out of the
fit in turn: it counts all runs, those on noisy or tiny data too.
"""
FOLLOWED = """\
## Following the number

Each faulty run of the held-out data sets, trained again from the same seed with what was advised. *Better*: the final
training loss is lower (the test loss, for the rates that are too high only by that). *Well*: within 10 % of the best.
Of loss-only logs a schedule cannot be advised, for it is not known.
"""
NOTES = """\
## What it does not do

Raw features cannot be told from a log: give `Monitor(features=x)` the data. Such runs are left out of the figures for
logs. Without rates, a schedule that was too aggressive looks like a rate that is too low, or like a run that is done:
the figure for it is the weakest above. Logs of epochs hide what happens within the first epoch, where rates that are
too high show: there, too, less is certain, and `confidence` says so. All runs here are of small networks with batches
of 16, 32 or all rows; other kinds of models were not measured.
"""


def written(figures: Mapping[str, Any]) -> str:
    """The page."""
    data = ", ".join(f"{name} {count}" for name, count in figures["data"].items())
    head = HEAD.format(
        **{**figures, "data": data, "fitted_to": ", ".join(figures["fitted_to"]), "sets": len(figures["data"])}
    )
    parts = [head, "## Precision and recall\n", _scores(figures), _confusion(figures), FOLLOWED, _followed(figures)]
    cost = figures["cost"]
    parts.append(
        f"## Confidence and cost\n\n{_calibration(figures)}\n\nOf a step of the digits network ({cost['step']:.0f} "
        f"\N{MICRO SIGN}s, gradient and Adam, batch 32), a monitor that measures the overshoot itself adds "
        f"{cost['measuring']:.1f} \N{MICRO SIGN}s, one that reads reports {cost['reading']:.1f}: at most "
        f"{cost['share']:.1%}.\n".replace("%", " %")
    )
    return "\n".join([*parts, NOTES])


def _table(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows]) + "\n"


def _scores(figures: Mapping[str, Any]) -> str:
    """Precision / recall by fault, for each kind of log and for the baseline."""
    faults = list(figures["levels"]["steps"]["scores"])
    counts = figures["levels"]["steps"]["scores"]

    def cells(scores: Mapping[str, Any]) -> list[str]:
        return [f"{scores[f]['precision']:.2f} / {scores[f]['recall']:.2f}" if f in scores else "-" for f in faults]

    rows = [
        [DESCRIBED[level], *cells(found["scores"]), _mean(found["scores"])]
        for level, found in figures["levels"].items()
    ]
    rows.append(
        [
            "live, the regression alone, each data set by the others",
            *cells(figures["left_out"]),
            _mean(figures["left_out"]),
        ]
    )
    rows.append(["AUTOTRAINER's rules", *cells(figures["autotrainer"]), _mean(figures["autotrainer"])])
    header = ["judged by", *[f"{fault} ({counts[fault]['runs']})" for fault in faults], "mean"]
    return _table(header, rows)


def _mean(scores: Mapping[str, Any]) -> str:
    """Mean precision and recall."""
    values = list(scores.values())
    return " / ".join(f"{sum(each[name] for each in values) / len(values):.2f}" for name in ("precision", "recall"))


def _confusion(figures: Mapping[str, Any]) -> str:
    table = figures["levels"]["steps"]["confusion"]
    rows = [[fault, *[str(count) for count in said.values()]] for fault, said in table.items()]
    return "Live, the rows being the truth:\n\n" + _table(["", *table], rows)


def _followed(figures: Mapping[str, Any]) -> str:
    rows = []
    for level, found in figures["levels"].items():
        rows += [
            [DESCRIBED[level], fault, str(case["runs"]), f"{case['better']:.0%}", f"{case['well']:.0%}"]
            for fault, case in found["followed"].items()
        ]
    return _table(["judged by", "fault", "runs", "better", "well"], rows)


def _calibration(figures: Mapping[str, Any]) -> str:
    rows = [
        [DESCRIBED[level], *[f"{b['said']:.2f}: {b['right']:.2f} ({b['runs']})" for b in found["calibration"]]]
        for level, found in figures["levels"].items()
    ]
    width = max(map(len, rows))
    text = _table(
        ["confidence said: share that was right (runs)", *[""] * (width - 1)],
        [row + [""] * (width - len(row)) for row in rows],
    )
    return text.rstrip()
