"""What follows from the times, as JSON and as Markdown."""

import dataclasses
import json

import pytest

from fastlr.bench import (
    Absence,
    Case,
    LeftOut,
    Missing,
    Race,
    Result,
    Timing,
    from_json,
    markdown,
    to_json,
)
from fastlr.bench.tables import absences, duration, summary

ADAMW = Case("adamw", 1_000_000, threads=2)
RESULT = Result(
    ADAMW,
    (
        Timing("fastlr", "fastlr", (1e-3, 2e-3, 4e-3)),
        Timing("limit", "limit", (0.5e-3, 1e-3, 2e-3)),
        Timing("torch", "torch", (9e-3, 9e-3, 9e-3)),
        Timing("torch fused", "torch", (3e-3, 8e-3, 12e-3)),
        Timing("numpy", "numpy", (0.05, 0.2, 0.4)),
    ),
    (Absence("sklearn", "no AdamW"),),
)
SMALL = Result(Case("adamw", 10, threads=2), (Timing("fastlr", "fastlr", (2e-7,)), Timing("numpy", "numpy", (1e-5,))))
RACE = Race(
    machine={
        "date": "2026-01-02T03:04:05+00:00",
        "processor": "Abacus",
        "processors": 2,
        "caches": {"L1": 32768, "L2": 2**20},
        "memory": 2**34,
        "system": "Linux 6 x86_64",
        "python": "3.11.7",
        "fastlr": "0.1.0",
        "instruction set": "v4",
    },
    versions={"fastlr": "0.1.0", "limit": "0.1.0", "numpy": "2.4.6", "torch": "2.13.0", "sklearn": "1.9.1"},
    entered=("fastlr", "limit", "numpy", "torch", "torch fused", "sklearn"),
    rounds=3,
    seconds=12.5,
    results=(RESULT, SMALL),
    missing=(Missing("optax", "jax is not installed", "pip install jax"), Missing("thinc", "ImportError: no", "")),
    left_out=(LeftOut(Case("sgd", 10**9), "it needs a larger machine"),),
)


def test_a_timing():
    timing = Timing("x", "x", (4.0, 1.0, 2.0, 3.0, 10.0))
    assert timing.median == 3.0
    assert timing.quartiles == (2.0, 4.0)
    assert Timing("x", "x", (4.0,)).quartiles == (4.0, 4.0)


def test_ratios_are_taken_within_a_round():
    ours, fused = RESULT.timing("fastlr"), RESULT.timing("torch fused")
    assert fused.ratio(ours) == 3.0  # of 3, 4, 3; the medians' ratio is 4
    assert RESULT.ratio(ours, "limit") == 2.0
    assert RESULT.ratio(RESULT.timing("nobody")) is None
    assert RESULT.ratio(ours, "nobody") is None


def test_the_best():
    assert RESULT.best_peer.contestant == "torch fused"
    assert RESULT.best_of("torch").contestant == "torch fused"
    assert RESULT.best_of("sklearn") is None
    assert Result(ADAMW, RESULT.timings[:2]).best_peer is None
    alone = Result(ADAMW, RESULT.timings[2:])  # without fastlr: by the times
    assert alone.best_peer.contestant == "torch fused"


def test_speed_is_that_of_the_bytes_a_step_must_move():
    assert RESULT.speed(RESULT.timing("fastlr")) == pytest.approx(28e6 / 2e-3)


def test_json_brings_the_race_back():
    text = to_json(RACE)
    assert from_json(text) == RACE
    assert to_json(from_json(text)) == text


def test_json_says_what_follows_from_the_times():
    found = json.loads(to_json(RACE))["results"][0]
    assert found["bytes"] == 28_000_000
    fused = found["timings"][3]
    assert fused["contestant"] == "torch fused"
    assert (fused["median"], fused["ratio_to_fastlr"], fused["ratio_to_limit"]) == (8e-3, 3.0, 6.0)
    assert fused["bytes_per_second"] == pytest.approx(28e6 / 8e-3)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', to_json(RACE).replace('"seconds"', '"hours"')])
def test_other_json_is_refused(text):
    with pytest.raises(ValueError, match="must be what fastlr bench wrote"):
        from_json(text)


def test_the_table():
    header, rows = summary(RACE)
    assert header == [
        "optimizer", "weights", "fastlr", "GB/s", "limit", "numpy", "torch", "sklearn", "best peer",
    ]  # fmt: skip
    assert rows == [
        ["adamw", "1,000,000", "2.00 ms", "14.0", "0.500", "100", "3.00", "-", "torch fused 3.00"],
        ["adamw", "10", "0.200 µs", "1.40", "-", "50.0", "-", "-", "numpy 50.0"],
    ]
    assert "GB/s" not in summary(RACE, speed=False)[0]


def test_columns_tell_the_cases_apart():
    other = dataclasses.replace(SMALL, case=Case("adamw", 10, dtype="float64", threads=1))
    header, rows = summary(dataclasses.replace(RACE, results=(SMALL, other)))
    assert header[:4] == ["optimizer", "weights", "dtype", "threads"]
    assert [row[:4] for row in rows] == [["adamw", "10", "float32", "2"], ["adamw", "10", "float64", "1"]]


def test_a_case_without_fastlr_has_gaps():
    _, (row,) = summary(dataclasses.replace(RACE, results=(Result(ADAMW, RESULT.timings[2:]),)))
    assert row == ["adamw", "1,000,000", "-", "-", "-", "-", "-", "-", "torch fused -"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (3.96e-8, "0.0396 µs"),
        (9.99e-4, "999 µs"),
        (1e-3, "1.00 ms"),
        (0.0346, "34.6 ms"),
        (75.4, "75.4 s"),
        (1234, "1,234 s"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_markdown():
    page = markdown(RACE)
    lines = page.splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert {line.count("|") for line in tables[:4]} == {10}
    assert tables[1] == "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    assert (
        "| adamw | 1,000,000 | 2.00 ms ± 38% | 1.00 ms ± 38% | 200 ms ± 44% | 9.00 ms ± 0% | 8.00 ms ± 28% |" in lines
    )
    assert "Abacus, 2 processors; caches L1 32 KB, L2 1 MB; memory 16 GB; Linux 6 x86_64" in page
    assert "torch 2.13.0" in page
    assert [line[2:] for line in lines if line.startswith("- ")][2:] == absences(RACE)
    assert page.endswith("\n")


def test_absences():
    assert absences(RACE) == [
        "optax did not take part: jax is not installed: pip install jax",
        "thinc did not take part: ImportError: no",
        "sklearn: no AdamW (adamw, 1,000,000 weights, float32, 2 threads)",
        "sgd, 1,000,000,000 weights, float32, 1 thread was left out: it needs a larger machine",
    ]
    twice = dataclasses.replace(RACE, results=(RESULT, RESULT, RESULT), missing=(), left_out=())
    assert absences(twice) == ["sklearn: no AdamW (adamw, 1,000,000 weights, float32, 2 threads and 2 more)"]
    assert "What did not take part" not in markdown(
        dataclasses.replace(RACE, results=(SMALL,), missing=(), left_out=())
    )
