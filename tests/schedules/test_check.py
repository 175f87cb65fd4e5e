"""What is said before training: every remark, and that nothing is said of what people do on purpose."""

import dataclasses
import math

import numpy as np
import pytest

from fastlr import schedules as s
from fastlr.schedules import lint

COSINE = s.Cosine(0.1, 900)

# schedule, steps, what is said
WRONG = [
    (
        s.Cosine(0.1, 300),
        1000,
        ["under 1 % of the peak from step 281 on, 72 % of the run: make the schedule longer, or the run shorter"],
    ),
    (
        s.StepDrop(0.1, 100, gamma=0.05),
        1000,
        ["under 1 % of the peak from step 200 on, 80 % of the run: make the schedule longer, or the run shorter"],
    ),
    (
        s.Warmup(COSINE, 2000),
        1000,
        ["the warm-up of 2,000 steps is not over when its 1,000 steps are: shorten it"],
    ),
    (s.Noam(0.1, 1500), 1000, ["the warm-up of 1,500 steps is not over when its 1,000 steps are: shorten it"]),
    (
        s.Warmup(COSINE, 100),
        600,
        ["Cosine takes 900 steps and gets 500: it ends at 0.0415 rather than 0; set total=500"],
    ),
    (
        s.OneCycle(0.1, 1000).per_epoch(10),
        1000,
        ["OneCycle takes 1,000 steps and gets 100: it ends at 0.0276 rather than 4e-07; set total=100"],
    ),
    (
        s.MultiStep(0.1, [300, 600, 30_000]),
        1000,
        [
            "MultiStep gets 1,000 steps and never comes to milestone 30,000: "
            "make the run longer, or leave out what is after its end"
        ],
    ),
    (
        s.Warmup(s.Piecewise([0.1] * 6, [10, 951, 2000, 3000, 4000]), 50),
        1000,
        [
            "Piecewise gets 950 steps and never comes to milestone 951, 2,000, 3,000 and 1 more: "
            "make the run longer, or leave out what is after its end"
        ],
    ),
    (
        s.Cosine(0.1, 500, after="rise"),
        1000,
        [
            "the cosine climbs again after step 500, as torch's does: set total=1000, or after='hold', "
            "or use CosineRestarts"
        ],
    ),
    (
        s.CosineRestarts(0.1, 400),
        1000,
        [
            "the run ends in cycle 3 of the restarts at 0.0504, before its minimum of 0: "
            "a cycle ends after 800 or 1,200 steps of its own"
        ],
    ),
    (
        s.CosineRestarts(0.1, 3000, 0.01),
        1000,
        [
            "the run ends in cycle 1 of the restarts at 0.0775, before its minimum of 0.01: "
            "a cycle ends after 3,000 steps of its own"
        ],
    ),
    (
        s.Warmup(s.Constant(0.3), 100).then(COSINE, at=100),
        1000,
        ["the parts do not meet at step 100: Warmup comes to 0.3, Cosine begins at 0.1"],
    ),
    (s.Function(lambda t: 0.1 if t < 500 else 0.01), 1000, ["jumps from 0.1 to 0.01 at step 500"]),
    (lambda t: 0.1 - 0.05 * (t // 400), 1000, ["jumps from 0.1 to 0.05 at step 400, and at 1 more"]),
    (s.Exponential(0.1, 1.01, final=10.0), 1000, ["rises above its first rate of 0.1 at step 1, to 10"]),
    (lambda t: 0.1 - 0.001 * t, 1000, ["negative at step 101: -0.0010000000000000009; no optimizer takes this rate"]),
    (lambda t: math.nan if t == 7 else 0.1, 1000, ["not finite at step 7: nan; no optimizer takes this rate"]),
]


@pytest.mark.parametrize(("schedule", "steps", "said"), WRONG, ids=[row[2][0][:40] for row in WRONG])
def test_says(schedule, steps, said):
    assert [str(remark) for remark in s.check(schedule, steps)] == said


def test_every_code_is_said():
    codes = {remark.code for schedule, steps, _ in WRONG for remark in s.check(schedule, steps)}
    assert codes == {
        *("early end", "long warm-up", "cut off", "unreached", "climbs again", "unfinished cycle", "gap", "jump"),
        *("above the first", "negative", "not finite"),
    }


@pytest.mark.parametrize(
    "schedule",
    [
        0.1,
        s.Constant(0.0),
        s.Warmup(COSINE, 100),
        s.Cosine(0.1, 1000, after="rise"),
        s.Cosine(0.1, 999, after="rise"),
        s.Cosine(0.1, 1001),  # ends at a millionth of the peak
        s.Linear(0.1, 0.1, 2000),
        s.MultiStep(0.1, [500, 1000]),
        s.StepDrop(0.1, 300),
        s.MultiStep(0.1, [500, 750]),
        s.Piecewise([0.01, 0.1, 0.001], [10, 900]),
        s.CosineRestarts(0.1, 500),
        s.CosineRestarts(0.1, 143, period_factor=2.0),
        s.OneCycle(0.1, 1000),
        s.SlantedTriangular(0.1, 1000),
        s.Cyclic(0.1, 0.01, 200),
        s.WSD(0.1, 1000, 50, 200),
        s.Noam(0.1, 100),
        s.Noam(0.1, 1000),
        s.Warmup(0.1, 100).then(s.Cosine(0.1, 900), at=100),
        s.InverseSqrt(0.1, 100),
        s.Linear(0.0, 0.1, 1000),
        s.FlatCosine(0.1, 1000),
        s.Polynomial(0.1, 0.0, 250, cycle=True),
        s.Linear(0.0, 0.1, 100).then(COSINE, at=100),
        s.Constant(0.3).then(COSINE, at=0),
        s.Plateau(s.Warmup(COSINE, 100)),
        s.Function(lambda t: 0.1 / (1 + 0.01 * t)),
        lambda t: 0.1 * math.cos(t / 1000),
    ],
    ids=lambda schedule: repr(schedule)[:50],
)
def test_says_nothing_of_what_is_meant(schedule):
    assert s.check(schedule, 1000) == ()


def test_a_driven_one_is_looked_into():
    assert [remark.code for remark in s.check(s.Plateau(s.Warmup(COSINE, 2000)), 1000)] == ["long warm-up"]


def test_the_thresholds_are_what_they_are_called():
    run = 1000
    barely = s.Piecewise([0.1, 0.001 * 0.999], [run // 2])
    assert s.check(barely, run) == ()  # exactly half of the run
    assert [remark.code for remark in s.check(s.Piecewise(barely.values, [run // 2 - 1]), run)] == ["early end"]
    assert s.check(s.Piecewise([0.1, 0.001], [1]), run) == ()  # not under 1 %
    # what is left of a line when it is cut
    assert s.check(s.Linear(1.0, 0.0, run + 9), run) == ()
    assert [remark.code for remark in s.check(s.Linear(1.0, 0.0, run + 11), run)] == ["cut off"]
    assert (lint.NOTHING, lint.WASTED) == (0.01, 0.5)


def test_a_cycle_is_as_good_as_finished_a_tenth_above_its_minimum():
    restarts = s.CosineRestarts(0.1, 100, 0.01)
    height = [(restarts(steps - 1) - 0.01) / 0.09 for steps in (80, 82)]
    assert height[0] > 0.1 > height[1]
    assert [[remark.code for remark in s.check(restarts, steps)] for steps in (80, 82)] == [["unfinished cycle"], []]


def test_landmarks():
    seen = s.landmarks(s.Warmup(s.Linear(1.0, 0.0, 8), 2), 10)
    rates = [0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    assert dataclasses.asdict(seen) == {
        "steps": 10,
        "first": 0.5,
        "peak": 1.0,
        "peak_step": 1,
        "end": 0.125,
        "lowest": 0.125,
        "mean": pytest.approx(np.mean(rates)),
        "area": pytest.approx(6.0),
        "low_share": 0.0,
        "jumps": (1,),  # a warm-up of two steps is one
    }
    assert s.landmarks(0.5, np.int64(1)) == s.landmarks(0.5, 1)
    assert type(s.landmarks(0.5, np.int64(1)).steps) is int
    assert s.landmarks(s.Constant(1e308) * 1e308, 3).jumps == ()
    assert s.landmarks(0.5, 1) == s.Landmarks(1, 0.5, 0.5, 0, 0.5, 0.5, 0.5, 0.5, 0.0, ())
    assert s.landmarks(s.Piecewise([1.0, 0.1, 0.0999], [50, 150]), 200).low_share == 0.25


@pytest.mark.parametrize(
    ("schedule", "jumps"),
    [
        (s.StepDrop(0.1, 300), (300,)),  # the next drop is of 9 % of the peak
        (s.Piecewise([0.1, 0.2, 0.1], [10, 11]), ()),  # a peak of one step is as steep on either side
        (s.Piecewise([0.1, 0.2, 0.1], [10, 12]), (10, 12)),
        (s.CosineRestarts(0.1, 250), (250, 500, 750)),
        (s.Piecewise([1.0, 0.89], [50]), (50,)),
        (s.Piecewise([1.0, 0.91], [50]), ()),  # under a tenth of the peak
        (s.Interpolated([1.0, 0.8, 0.64, 0.44], [0, 10, 11, 21]), (11,)),  # 8 times as steep as what is around it
        (s.Interpolated([1.0, 0.8, 0.69, 0.49], [0, 10, 11, 21]), (11,)),  # 5.5 times
        (s.Interpolated([1.0, 0.7, 0.56, 0.26], [0, 10, 11, 21]), ()),  # 4.7 times
        (s.Cosine(0.1, 5), ()),
        (s.Cosine(0.1, 1000), ()),
        (s.Warmup(0.1, 10), ()),
    ],
)
def test_jumps(schedule, jumps):
    assert s.landmarks(schedule, 1000).jumps == jumps
