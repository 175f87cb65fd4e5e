"""What a diagnosis says."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, TypeAlias

from fastlr.lab.diagnosis.scores import Level
from fastlr.lab.diagnosis.trace import Trace
from fastlr.lab.plain import plain
from fastlr.schedules.base import Schedule

Fault: TypeAlias = Literal["healthy", "too high", "too low", "too aggressive", "diverging", "features", "unclear"]
WORDS: Mapping[Fault, str] = {
    "healthy": "the rate is fine",
    "too high": "the rate is too high",
    "too low": "the rate is too low",
    "too aggressive": "the schedule takes the rate away too early",
    "diverging": "training diverges",
    "features": "the features are not scaled",
    "unclear": "there is too little to judge by",
}


@dataclass(frozen=True)
class Evidence:
    """Something that was seen.

    Attributes
    ----------
    words : str
        With its numbers.
    first, last : float
        The steps over which.
    column : str
        Of the trace: what shows it.
    """

    words: str
    first: float
    last: float
    column: str = "loss"


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """The verdict on a run.  Notebooks show it as a table; `fastlr.plots.diagnosis` draws it.

    Attributes
    ----------
    fault : str
        "healthy", "too high", "too low", "too aggressive" (the schedule), "diverging", "features" (not scaled), or
        "unclear".
    confidence : float
        Between 0 and 1: the probability of the fault, as the regression has it; 0.99 for what is plain to see.
    evidence : tuple of Evidence
    advice : str
        What to do, with a number.
    lr : float or None
        The rate to use; None where it may stay, or is not known.
    factor : float or None
        What to multiply the rate by.
    schedule : Schedule or None
        To use instead.
    sources : str
        What was judged by, in words.
    level : str or None
        The kind of log, as in `fastlr.lab.diagnosis.scores`.
    probabilities : dict of str to float
        Of all faults that were weighed.
    remarks : tuple of str
        What limits the verdict.
    trace : Trace
        What was judged.
    """

    fault: Fault
    confidence: float
    evidence: tuple[Evidence, ...]
    advice: str
    lr: float | None
    factor: float | None
    schedule: Schedule | None
    sources: str
    level: Level | None
    probabilities: Mapping[str, float]
    remarks: tuple[str, ...]
    trace: Trace

    @property
    def healthy(self) -> bool:
        """Whether nothing is to be done."""
        return self.fault == "healthy"

    @property
    def verdict(self) -> str:
        """The fault in words."""
        return WORDS[self.fault]

    def __str__(self) -> str:
        name = f"{self.trace.name}: " if self.trace.name else ""
        lines = [f"{name}{self.fault} (confidence {self.confidence:.2f}): {self.verdict}"]
        lines += [f"  - {each.words}" for each in self.evidence]
        lines += [f"  advice: {self.advice}"]
        lines += [f"  note: {remark}" for remark in self.remarks]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"Diagnosis({self.fault!r}, confidence={self.confidence:.2f}, advice={self.advice!r})"

    def _repr_html_(self) -> str:
        name = f"{escape(self.trace.name)}: " if self.trace.name else ""
        evidence = "".join(f"<li>{escape(each.words)}</li>" for each in self.evidence)
        remarks = "".join(f"<li><i>{escape(remark)}</i></li>" for remark in self.remarks)
        return (
            f"<p>{name}<b>{escape(self.fault)}</b> (confidence {self.confidence:.2f}): {escape(self.verdict)}</p>"
            f"<ul>{evidence}</ul><p><b>advice:</b> {escape(self.advice)}</p>" + (f"<ul>{remarks}</ul>" * bool(remarks))
        )

    def document(self) -> dict[str, Any]:
        """As plain values, ready for JSON: what is not finite is None."""
        found: dict[str, Any] = plain(
            {
                "run": self.trace.name or None,
                "fault": self.fault,
                "verdict": self.verdict,
                "confidence": round(self.confidence, 4),
                "evidence": [
                    {"words": each.words, "first": each.first, "last": each.last, "column": each.column}
                    for each in self.evidence
                ],
                "advice": self.advice,
                "lr": self.lr,
                "factor": self.factor,
                "schedule": None if self.schedule is None else self.schedule.to_dict(),
                "judged_by": self.sources,
                "probabilities": {name: round(value, 4) for name, value in self.probabilities.items()},
                "remarks": self.remarks,
                "observations": len(self.trace),
                "unit": self.trace.unit,
            }
        )
        return found
