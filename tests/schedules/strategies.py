"""Any schedule, made of what its fields may hold: a family that is added is tested without a line here."""

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from fastlr.schedules import FAMILIES, Schedule
from fastlr.schedules.base import _Part
from fastlr.schedules.compose import _OfStep
from fastlr.schedules.settings import Choice, Flag, Kind, Number, Optional, Several, Whole, kinds


def halved(step: int) -> float:
    """A function of the step that can be pickled."""
    return 1.0 / (2 + step)


def values(kind: Kind, depth: int) -> st.SearchStrategy[Any]:
    """What a field of this kind may hold, of sizes that people use and some that they do not."""
    if isinstance(kind, Number):
        low, high = max(kind.low, -1e3), min(kind.high, 1e3)
        return st.floats(low, high, exclude_min=kind.above, allow_subnormal=False)
    if isinstance(kind, Whole):
        return st.integers(kind.low, 40) | st.integers(kind.low, 10**12)
    if isinstance(kind, Several):
        size = st.lists(values(kind.of, depth), min_size=kind.least, max_size=4, unique=kind.increasing)
        return size.map(lambda found: tuple(sorted(found) if kind.increasing else found))
    if isinstance(kind, Choice):
        return st.sampled_from(kind.words)
    if isinstance(kind, Optional):
        return st.none() | values(kind.of, depth)
    if isinstance(kind, _Part):
        return schedules(depth - 1)
    if isinstance(kind, _OfStep):
        return st.just(halved)
    assert isinstance(kind, Flag), f"no strategy for {kind!r}"
    return st.booleans()


@st.composite
def of_family(draw: st.DrawFn, family: type[Schedule], depth: int = 1) -> Schedule:
    """A schedule of a family."""
    fields = {name: draw(values(kind, depth)) for name, kind in kinds(family).items()}
    for one, other in (("values", "milestones"), ("parts", "milestones"), ("values", "knots")):
        if one in fields and other in fields:
            more = int(other == "milestones")
            size = min(len(fields[one]), len(fields[other]) + more)
            assume(size > 0)
            fields[one], fields[other] = fields[one][:size], fields[other][: size - more]
    for low, high in (("final", "peak"), ("low", "peak"), ("low", "high"), ("up", "third")):
        if isinstance(fields.get(low), float) and isinstance(fields.get(high), float):
            fields[low], fields[high] = sorted((fields[low], fields[high]))
    try:
        return family(**fields)
    except ValueError:
        assume(False)
        raise


def schedules(depth: int = 2) -> st.SearchStrategy[Schedule]:
    """A schedule of any family; with depth 0 of those that hold no other."""
    simple = [family for family in FAMILIES if not any(_holds(kind) for kind in kinds(family).values())]
    return st.sampled_from(FAMILIES if depth > 0 else simple).flatmap(lambda family: of_family(family, depth))


def _holds(kind: Kind) -> bool:
    return isinstance(kind, _Part) or (isinstance(kind, Several | Optional) and _holds(kind.of))


STEPS = st.integers(0, 50) | st.integers(0, 10**12)
