"""Studies as documents: Markdown, a web page, JSON.  Pictures are files beside them, NAME.png."""

from collections.abc import Sequence
from html import escape
from typing import Any

from fastlr.lab.studies.outcome import Claim, StudyResult

HEADER = ("claim", "needed", "measured", "")
STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em }
:root { color-scheme: light dark }
table { border-collapse: collapse }
th, td { text-align: left; vertical-align: top; padding: .3em 1em .3em 0; border-bottom: 1px solid #8886 }
img { max-width: 100%; background: white }"""


def verdict(claim: Claim) -> str:
    """In words."""
    return "holds" if claim.holds else "does not"


def cells(claim: Claim) -> tuple[str, str, str, str]:
    """The cells of a claim below `HEADER`."""
    return claim.words, claim.needed, claim.measured, verdict(claim)


def described(result: StudyResult) -> str:
    """What was trained, in a line."""
    workload = result.workload
    runs = f"{len(result.settings)} settings x {len(result.seeds)} seeds"
    steps = f"{workload.epochs:,} epochs of {workload.steps_per_epoch:,} steps"
    which = ", ".join(map(str, result.seeds))
    return f"{workload.name}: {runs} ({which}), {steps}, defaults {result.preset}, metric {workload.metric}"


def markdown(results: Sequence[StudyResult]) -> str:
    """A section for each study: what was trained, the picture, the claims."""
    sections = ["# The learning rate, studied\n"]
    for result in results:
        rows = [HEADER, ("---",) * len(HEADER), *map(cells, result.claims)]
        table = "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)
        sections.append(
            f"## {result.title}\n\n{described(result)}\n\n![{result.title}]({result.name}.png)\n\n{table}\n"
        )
    return "\n".join(sections)


def html(results: Sequence[StudyResult]) -> str:
    """The same as a web page."""
    sections = []
    for result in results:
        head = "".join(f"<th>{escape(name)}</th>" for name in HEADER)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(claim)) + "</tr>\n" for claim in result.claims
        )
        title = escape(result.title)
        sections.append(
            f'<h2>{title}</h2>\n<p>{escape(described(result))}</p>\n<img src="{result.name}.png" alt="{title}">\n'
            f"<table>\n<tr>{head}</tr>\n{rows}</table>\n"
        )
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>The learning rate, studied</title>\n'
        f"<style>\n{STYLE}\n</style>\n<h1>The learning rate, studied</h1>\n{''.join(sections)}</html>\n"
    )


def document(results: Sequence[StudyResult]) -> dict[str, Any]:
    """Settings and claims as plain values, for JSON."""
    return {
        "studies": [
            {
                "name": result.name,
                "data": result.workload.name,
                "epochs": result.workload.epochs,
                "preset": result.preset,
                "seeds": list(result.seeds),
                "settings": {label: repr(rule) for label, rule in result.settings.items()},
                "claims": [
                    {
                        "claim": claim.words,
                        "needed": claim.needed,
                        "measured": claim.measured,
                        "holds": bool(claim.holds),
                    }
                    for claim in result.claims
                ],
            }
            for result in results
        ]
    }
