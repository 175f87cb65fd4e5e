"""What speaks for a verdict: numbers, and the steps over which they were seen."""

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from fastlr.lab.diagnosis.result import Evidence, Fault
from fastlr.lab.diagnosis.signals import TAIL, Signals, spent
from fastlr.lab.diagnosis.trace import Trace

OVER, SHORT = 0.3, -0.1
"""What an overshoot must be above, or below, to be called one way or the other: noise moves it towards 0."""
DESCENT = "of all that was gained came with the last two thirds of the rate spent (of a straight line: 67 %)"


def of(fault: Fault, trace: Trace, found: Signals | None) -> tuple[Evidence, ...]:
    """The evidence for a fault."""
    return tuple(SPEAKS[fault](trace, found))


def _diverging(trace: Trace, found: Signals | None) -> Iterator[Evidence]:
    steps, losses = trace.given("loss")
    if trace.broke is not None:
        yield Evidence(f"not finite at {trace.unit} {trace.broke:,.0f}", trace.broke, trace.broke)
    if found is None:
        return
    above = np.flatnonzero(losses <= 2 * losses[0])
    begin = float(steps[min(above[-1] + 1, len(steps) - 1)]) if above.size else float(steps[0])
    if losses[-1] > 2 * losses[0]:
        yield Evidence(
            f"the loss is above twice its first value, {losses[0]:.3g}, from {trace.unit} {begin:,.0f} on, "
            f"and {losses[-1]:.3g} at the end",
            begin,
            float(steps[-1]),
        )


def _too_high(trace: Trace, found: Signals | None) -> Iterator[Evidence]:
    if found is None:
        return
    if found.alpha >= OVER:
        yield from _overshoot(trace, found)
    yield from _peak(trace)
    if validation_lost(trace):
        steps, losses = trace.given("val_loss")
        yield Evidence(
            f"the validation loss ends at {losses[-1]:.3g}, though training began at {found.first:.3g} and ends at "
            f"{found.last:.3g}",
            float(steps[0]),
            float(steps[-1]),
            "val_loss",
        )
    if found.uphill > 0.1:
        yield Evidence(f"{found.uphill:.0%} of the steps began uphill".replace("%", " %"), *_whole(trace))
    if not found.noise < 0.1:
        yield Evidence(
            f"over the second half the loss scatters by {found.noise:.0%} of its mean".replace("%", " %"),
            *_part(trace, 0.5),
        )


def _overshoot(trace: Trace, found: Signals) -> Iterator[Evidence]:
    if not math.isfinite(found.alpha):
        return
    words = "steps do not overshoot the minimum along them"
    if found.alpha >= OVER:
        words = "steps overshoot the minimum along them"
    elif found.alpha <= SHORT:
        words = "where steps end, the slope still points their way"
    first, last = _part(trace, TAIL, "along_last")
    yield Evidence(
        f"alpha {found.alpha:.2g} over {trace.unit}s {first:,.0f} to {last:,.0f}: {words}", first, last, "along_last"
    )


def _peak(trace: Trace) -> Iterator[Evidence]:
    steps, losses = trace.given("loss")
    top = int(losses.argmax())
    if losses[0] > 0 and losses[top] > 2 * losses[0]:
        yield Evidence(
            f"at {trace.unit} {steps[top]:,.0f} the loss was {losses[top]:.3g}, "
            f"{losses[top] / losses[0]:,.3g} times the first",
            float(steps[top]),
            float(steps[top]),
        )


def _too_low(trace: Trace, found: Signals | None) -> Iterator[Evidence]:
    if found is None:
        return
    yield from _descent(trace, found)
    yield from _overshoot(trace, found)
    if math.isfinite(found.travel):
        yield Evidence(
            f"all steps together are {found.travel:.2g} times as long as the weights", *_whole(trace), "ratio"
        )


def _descent(trace: Trace, found: Signals) -> Iterator[Evidence]:
    share = min(max(found.unfinished, 0.0), 1.0)
    yield Evidence(
        f"the loss went from {found.first:.3g} to {found.last:.3g}; {share:.0%} {DESCENT}".replace("%", " %", 1),
        *_whole(trace),
    )


def _too_aggressive(trace: Trace, found: Signals | None) -> Iterator[Evidence]:
    if found is None:
        return
    if math.isfinite(found.budget):
        steps, rates = trace.given("lr")
        half = float(steps[np.searchsorted(spent(steps, rates), 0.5)])
        yield Evidence(
            f"the rate fell from {rates.max():.3g} to {rates[-1]:.3g}; the run spent {found.budget:.1%} of what its "
            f"highest rate would have, half of it by {trace.unit} {half:,.0f} of {steps[-1] + 1:,.0f}".replace(
                "%", " %"
            ),
            half,
            float(steps[-1]),
            "lr",
        )
    yield Evidence(f"the loss stopped at {found.last:.3g}, from {found.first:.3g} at the beginning", *_part(trace, 0.5))


def _features(trace: Trace, found: Signals | None) -> Iterator[Evidence]:
    yield Evidence(
        f"the largest feature is {trace.spread:,.3g} times the median one, so curvatures are about "
        f"{trace.spread**2:,.2g} times apart: no single rate suits both",
        *_whole(trace),
    )
    yield from _peak(trace)


def _healthy(trace: Trace, found: Signals | None) -> Iterator[Evidence]:
    if found is None:
        return
    yield from _descent(trace, found)
    yield from _overshoot(trace, found)


def _unclear(trace: Trace, found: Signals | None) -> Iterator[Evidence]:
    count = int(np.isfinite(trace["loss"]).sum())
    yield Evidence(f"{count} losses", *_whole(trace))


def validation_lost(trace: Trace) -> bool:
    """Whether the last tenth of the validation losses is above twice the first training loss."""
    _, validation = trace.given("val_loss")
    _, losses = trace.given("loss")
    if not len(validation) or not len(losses) or losses[0] <= 0:
        return False
    return float(validation[-max(1, len(validation) // 10) :].mean()) > 2 * float(losses[0])


SPEAKS: Mapping[Fault, Callable[[Trace, Signals | None], Iterator[Evidence]]] = {
    "diverging": _diverging,
    "too high": _too_high,
    "too low": _too_low,
    "too aggressive": _too_aggressive,
    "features": _features,
    "healthy": _healthy,
    "unclear": _unclear,
}


def _whole(trace: Trace) -> tuple[float, float]:
    return _part(trace, 0.0)


def _part(trace: Trace, begin: float, column: str = "loss") -> tuple[float, float]:
    """The steps from that share of a column's values on."""
    steps, _ = trace.given(column)
    return (float(steps[int(begin * len(steps))]), float(steps[-1])) if len(steps) else (0.0, 0.0)
