"""A race as JSON, and back: pages are made from the file of a run, without running again."""

import dataclasses
import json
from typing import Any

from fastlr.bench.cases import Case
from fastlr.bench.results import Absence, LeftOut, Missing, Race, Result, Timing

FORMAT = 1


def to_json(race: Race) -> str:
    """The race, and for programs that only read what follows from its times: medians, quartiles, ratios, speeds.

    Parameters
    ----------
    race : Race

    Returns
    -------
    str
    """
    document = {
        "format": FORMAT,
        **{key: getattr(race, key) for key in ("machine", "versions", "entered", "rounds", "seconds", "interrupted")},
        "results": [_result(result) for result in race.results],
        "missing": [dataclasses.asdict(missing) for missing in race.missing],
        "left_out": [dataclasses.asdict(left_out) for left_out in race.left_out],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def _result(result: Result) -> dict[str, Any]:
    return {
        "case": dataclasses.asdict(result.case),
        "bytes": result.case.traffic,
        "timings": [_timing(result, timing) for timing in result.timings],
        "absences": [dataclasses.asdict(absence) for absence in result.absences],
    }


def _timing(result: Result, timing: Timing) -> dict[str, Any]:
    return {
        **dataclasses.asdict(timing),
        "median": timing.median,
        "quartiles": timing.quartiles,
        "ratio_to_fastlr": result.ratio(timing),
        "ratio_to_limit": result.ratio(timing, "limit"),
        "bytes_per_second": result.speed(timing),
    }


def from_json(text: str) -> Race:
    """The race that `to_json` wrote; what follows from its times is computed again.

    Parameters
    ----------
    text : str

    Returns
    -------
    Race

    Raises
    ------
    ValueError
        For a text that is not of this format.
    """
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(f"format {document['format']}")
        return Race(
            machine=document["machine"],
            versions=document["versions"],
            entered=tuple(document["entered"]),
            rounds=document["rounds"],
            seconds=document["seconds"],
            results=tuple(map(_read_result, document["results"])),
            missing=tuple(Missing(**missing) for missing in document["missing"]),
            left_out=tuple(LeftOut(Case(**entry["case"]), entry["reason"]) for entry in document["left_out"]),
            interrupted=document["interrupted"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"from_json(text): must be what fastlr bench wrote, in format {FORMAT}: {error}") from error


def _read_result(entry: dict[str, Any]) -> Result:
    timings = [Timing(one["contestant"], one["library"], tuple(one["seconds"])) for one in entry["timings"]]
    absences = [Absence(**absence) for absence in entry["absences"]]
    return Result(Case(**entry["case"]), tuple(timings), tuple(absences))
