"""Every mistake: the error names the call, the value, the range and the remedy."""

import re

import numpy as np
import pytest

from fastlr import schedules as s
from fastlr.schedules.settings import Whole, kinds

T, V = TypeError, ValueError
RATE = r"must be a number in \[0, inf\), got"
WHOLE = r"must be a whole number in \[1, 2\*\*53\], got"
WORKING = {
    "Constant": {"value": 0.1},
    "Linear": {"initial": 0.1, "final": 0.0, "total": 10},
    "Polynomial": {"initial": 0.1, "final": 0.0, "total": 10},
    "InverseTime": {"initial": 0.1, "decay": 0.1},
    "InversePower": {"peak": 0.1},
    "InverseSqrt": {"peak": 0.1, "timescale": 3},
    "StepDrop": {"initial": 0.1, "every": 3},
    "Exponential": {"initial": 0.1, "gamma": 0.5},
    "Cosine": {"peak": 0.1, "total": 10},
    "CosineRestarts": {"peak": 0.1, "period": 10},
    "FlatCosine": {"peak": 0.1, "total": 10},
    "OneCycle": {"peak": 0.1, "total": 10},
    "SlantedTriangular": {"peak": 0.1, "total": 10},
    "Cyclic": {"peak": 0.1, "low": 0.0, "up": 10},
    "WSD": {"peak": 0.1, "total": 10},
    "Noam": {"peak": 0.1, "warmup": 10},
}


@pytest.mark.parametrize("name", WORKING)
def test_every_rate_and_length_is_checked(name):
    family, fields = getattr(s, name), WORKING[name]
    family(**fields)
    for key, kind in kinds(family).items():
        whole = isinstance(kind, Whole)
        for bad in (-1, np.nan, np.inf, 10**400) if not whole else (-1, 2**54):
            if key in ("shape", "mode", "curve", "after", "final_of", "staircase", "cycle"):
                continue
            with pytest.raises((T, V), match=rf"^{name}\({key}={bad!r}\): {key} must be a (whole )?number"):
                family(**{**fields, key: bad})
        for bad in (
            "0.1",
            [0.1],
            True if not isinstance(fields.get(key), bool) and kind.__class__.__name__ != "Flag" else 1,
        ):
            with pytest.raises((T, V), match=rf"^{name}\({key}={re.escape(repr(bad))}\): {key} must be "):
                family(**{**fields, key: bad})


ROWS = [
    (lambda: s.Cosine(-1, 100), V, rf"^Cosine\(peak=-1\): peak {RATE} -1$"),
    (lambda: s.Cosine(0.1, 0), V, rf"^Cosine\(total=0\): total {WHOLE} 0$"),
    (
        lambda: s.Cosine(0.1, 100.0),
        T,
        r"^Cosine\(total=100.0\): total must be a whole .* got 100.0; write int\(100.0\)$",
    ),
    (
        lambda: s.Cosine(0.1, np.ones(2, int)),
        T,
        r"^Cosine\(total=array\(\[1, 1\]\)\): total must be a whole number, got",
    ),
    (lambda: s.Cosine(0.1, 0.5), T, r"^Cosine\(total=0.5\): total must be a whole number, got 0.5$"),
    (lambda: s.Cosine(0.1, 100, 0.2), V, r"^Cosine\(final=0.2\): final must be at most peak, got 0.2 above 0.1; to ri"),
    (lambda: s.Cosine(0.1, 100, after="up"), V, r"after='up'\): after must be one of 'hold', 'rise', got 'up'$"),
    (lambda: s.Cosine("0.1", 100), T, r"^Cosine\(peak='0.1'\): peak must be a number in .*, got '0.1' of type str$"),
    (
        lambda: s.CosineRestarts(0.1, 9, period_factor=0.5),
        V,
        r"period_factor must be a number in \[1, 1e\+06\], got 0.5$",
    ),
    (lambda: s.CosineRestarts(0.1, 9, final=0.2), V, r"^CosineRestarts\(final=0.2\): final must be at most peak"),
    (lambda: s.FlatCosine(0.1, 9, final=0.2), V, r"^FlatCosine\(final=0.2\): final must be at most peak"),
    (lambda: s.WSD(0.1, 9, final=0.2), V, r"^WSD\(final=0.2\): final must be at most peak"),
    (
        lambda: s.WSD(0.1, 100, 60, 50),
        V,
        r"^WSD\(total=100\): total must be at least warmup \+ decay, got 60 \+ 50; sho",
    ),
    (
        lambda: s.WSD(0.1, None, 60, 50).decay_now(10),
        V,
        r"^WSD\.decay_now\(10\): step must be at least 60, where the warm-up ends, got 10$",
    ),
    (
        lambda: s.WSD(0.1, 100, 0, 50).decay_now(90),  # would go up again
        V,
        r"^WSD\.decay_now\(90\): step must be at most 50, where the decay to total=100 begins by itself, got 90$",
    ),
    (lambda: s.WSD(0.1, None).decay_now("5"), T, r"^WSD\.decay_now\('5'\): step must be a whole number, got '5'$"),
    (lambda: s.WSD(0.1, None).decay_now(5, -3), V, r"^WSD\.decay_now\(5\): decay must be a whole number .* got -3$"),
    (
        lambda: s.StepDrop(0.1, 10, gamma=1.5),
        V,
        r"^StepDrop\(gamma=1.5\): gamma must be a number in \(0, 1\], got 1.5$",
    ),
    (lambda: s.StepDrop(0.1, 10, gamma=0), V, r"^StepDrop\(gamma=0\): gamma must be a number in \(0, 1\], got 0$"),
    (
        lambda: s.Exponential(0.1, 0.5, final=0.2),
        V,
        r"^Exponential\(final=0.2\): final must be at most initial where gam",
    ),
    (
        lambda: s.Exponential(0.1, 2, final=0.05),
        V,
        r"^Exponential\(final=0.05\): final must be at least initial where ",
    ),
    (lambda: s.CosineRestarts(0.1, 1, period_factor=1e300), V, r"period_factor must be a number in \[1, 1e\+06\], got"),
    (lambda: s.Exponential(0.1, 1.5), V, r"gamma=1.5\): gamma must be in \(0, 1\], or final must say where the growth"),
    (
        lambda: s.InverseTime(0.1, 0.1, every=0),
        V,
        r"^InverseTime\(every=0\): every must be a number in \[1e-09, inf\), g",
    ),
    (lambda: s.InverseTime(0.1, 0.1, staircase=1), T, r"^InverseTime\(staircase=1\): staircase must be True or False"),
    (lambda: s.MultiStep(0.1, [3, 2]), V, r"milestones=\[3, 2\]\): milestones must increase, got 3 and then 2 in mile"),
    (
        lambda: s.MultiStep(0.1, [3, 3]),
        V,
        r"got 3 and then 3 in milestones\[1\]; sort them and leave out what is there",
    ),
    (lambda: s.MultiStep(0.1, [-3]), V, r"milestones\[0\] must be a whole number in \[0, 2\*\*53\], got -3$"),
    (lambda: s.MultiStep(0.1, 3), T, r"^MultiStep\(milestones=3\): milestones must be several, as in \(3,\), got int$"),
    (lambda: s.Piecewise([0.1], [3]), V, "values must be one more than milestones, got 1 and 1; the first value is"),
    (lambda: s.Piecewise([], []), V, r"^Piecewise\(values=\[\]\): values must have at least 1 entries, got 0$"),
    (lambda: s.Piecewise("12", [3]), T, r"^Piecewise\(values='12'\): values must be several, as in"),
    (lambda: s.Interpolated([0.1], [3, 4]), V, "values must be as many as knots, got 1 and 2$"),
    (lambda: s.Cyclic(0.1, 0.2, 5), V, r"^Cyclic\(low=0.2\): low must be at most peak, got 0.2 above 0.1$"),
    (lambda: s.OneCycle(0.1, 9, third=0.2), V, r"third=0.2\): third must be above up and below 1, got 0.2 and up=0.3$"),
    (lambda: s.OneCycle(0.1, 9, third=1.0), V, r"third=1.0\): third must be above up and below 1, got 1.0 and up=0.3$"),
    (lambda: s.OneCycle(0.1, 9, up=1.0), V, r"^OneCycle\(up=1.0\): up must be in \[0, 1\), or nothing would come down"),
    (
        lambda: s.OneCycle(0.1, 9, final=0.2),
        V,
        r"^OneCycle\(final=0.2\): final must be at most peak, got 0.2 above 0.1",
    ),
    (
        lambda: s.Function(lambda step: None)(3),
        T,
        r"^Function\(function=.*lambda.*\): function must return a number, got None at step 3$",
    ),
    (lambda: s.Warmup(10**400, 3), V, r"^Constant\(value=10*\): value must be a number in \[0, inf\), got 10*$"),
    (
        lambda: s.Constant(0.1)([[1], [1, 2]]),
        T,
        r"^Constant\(step\): step must be an int or an array of whole numbers;",
    ),
    (lambda: s.Constant(0.1)(3.0), T, r"got 3.0 of type float; use int\(step\), or np.arange\(steps\)$"),
    (lambda: s.Noam.of_model("a", 5), T, r"^Noam\.of_model\('a', 5\): d_model must be a whole number, got 'a'$"),
    (
        lambda: s.Noam.of_model(64, 5, -1.0),
        V,
        r"^Noam\.of_model\(64, 5\): scale must be a number in \[0, inf\), got -1",
    ),
    (lambda: s.from_dict({"schedule": "Cosine", 1: 2}), V, "^from_dict: Cosine has no 1, it has peak, total, final,"),
    (
        lambda: s.check("cosine", 9),
        T,
        "^the schedule must be one, or a function .* got 'cosine' of type str; make one,",
    ),
    (lambda: s.landmarks(0.1, True), T, r"^landmarks\(steps=True\): steps must be a whole number, got True$"),
    (
        lambda: s.check(0.1, 10**8),
        V,
        r"^check\(steps=100000000\): .* in \[1, 10000000\]; look at the beginning of a lo",
    ),
    (
        lambda: s.Constant(0.1).plot(0),
        V,
        r"^schedules\(steps=0\): steps must be a whole number in \[1, 2\*\*53\], got 0",
    ),
    (lambda: s.Constant(0.1).plot(1.5), T, r"^schedules\(steps=1.5\): steps must be a whole number, got 1.5$"),
    (lambda: s.OneCycle(0.1, 9, final_div=0.5), V, r"final_div must be a number in \[1, inf\), got 0.5$"),
    (
        lambda: s.SlantedTriangular(0.1, 9),
        V,
        r"^SlantedTriangular\(total=9\): total must be at least 1 / cut, got cut=0.1",
    ),
    (lambda: s.Warmup(0.1, 9, curve="exponential"), V, r"initial must be above 0, got 0.0; set it to 0.001 \* peak$"),
    (lambda: s.Warmup(0.1, -9), V, r"^Warmup\(warmup=-9\): warmup must be a whole number in \[0, 2\*\*53\], got -9$"),
    (lambda: s.Warmup("cosine", 9), T, r"^Warmup: of must be a schedule, got 'cosine' of type str; make a number$"),
    (lambda: s.Warmup(abs, 9), T, r"^Warmup: of must be a schedule, .* make fastlr\.schedules\.Function\(\.\.\.\)$"),
    (lambda: s.Warmup(s.Plateau(0.1), 9), T, r"make it the other way round: Plateau\(Warmup\(\.\.\.\), \.\.\.\)$"),
    (lambda: s.Constant(0.1) * "a", T, "^Schedule: the other one must be a schedule, got 'a' of type str"),
    (lambda: s.Constant(0.1) * -1.0, V, rf"^Constant\(value=-1.0\): value {RATE} -1.0$"),
    (lambda: s.Sequential([0.1, 0.2], []), V, "parts must be one more than milestones, got 2 and 0; the first part"),
    (lambda: s.Constant(0.1).then(0.2, at=5).then(0.3, at=5), V, "milestones must increase, got 5 and then 5"),
    (lambda: s.Clamp(0.1, 0.2, 0.1), V, r"^Clamp\(low=0.2\): low must be at most high, got 0.2 above 0.1$"),
    (lambda: s.PerEpoch(0.1, 0), V, rf"^PerEpoch\(steps_per_epoch=0\): steps_per_epoch {WHOLE} 0$"),
    (
        lambda: s.like_torch.StepLR(0.1, 0),  # in the words of whoever wrote it
        V,
        r"^StepLR: StepDrop\(every=0\): every must be a whole number in \[1, 2\*\*53\], got 0$",
    ),
    (
        lambda: s.like_keras.CosineDecay(0.1, 9, 2.0),
        V,
        r"^CosineDecay: Cosine\(final=0.2\): final must be at most peak",
    ),
    (
        lambda: s.like_optax.linear_schedule(-1, 0.1, 9),
        V,
        "^linear_schedule: polynomial_schedule: Polynomial.*initial=-1",
    ),
    (lambda: s.like_torch.StepLR(0.1), T, r"^StepLR\(\) missing 1 required positional argument"),
    (lambda: s.Function(0.1), T, r"function must be callable with the step, got float; use Constant$"),
    (
        lambda: s.Noam.of_model(0, 9),
        V,
        r"^Noam\.of_model\(0, 9\): d_model must be a whole number in \[1, 2\*\*53\], got 0$",
    ),
    (
        lambda: s.Plateau(0.1, patience=-1),
        V,
        r"^Plateau\(patience=-1\): patience must be a whole number in \[0, 2\*\*53\]",
    ),
    (
        lambda: s.Plateau(0.1, factor=1.0),
        V,
        r"^Plateau\(factor=1.0\): factor must be in \(0, 1\), or it changes nothing$",
    ),
    (
        lambda: s.Plateau(0.1, low=0.2, high=0.1),
        V,
        r"^Plateau\(low=0.2\): low must be at most high, got 0.2 above 0.1$",
    ),
    (lambda: s.Plateau(0.1, judge="trend", window=5), V, "window must be at least 8, or a single spike could decide$"),
    (lambda: s.Plateau(0.1, like="jax"), V, "like must be one of 'torch', 'keras', 'optax', got 'jax'$"),
    (lambda: s.Greedy(0.1, patience=0), V, r"^Greedy\(patience=0\): patience must be at least 1$"),
    (lambda: s.Greedy(0.1, max_factor=0.5), V, "max_factor must be at least 1, the factor it begins with$"),
    (lambda: s.Constant(0.1)(-1), V, r"^Constant\(-1\): step must be at least 0, which is the first, got -1$"),
    (lambda: s.Constant(0.1)(np.int64(-1)), V, r"^Constant\(-1\): step must be at least 0"),
    (lambda: s.Constant(0.1)([0, -2]), V, r"^Constant\(step\): steps must be at least 0, which is the first, got -2$"),
    (
        lambda: s.Constant(0.1)(1.0),
        T,
        r"^Constant\(step\): step must be an int or .*, got 1.0 of type float; use int",
    ),
    (lambda: s.Constant(0.1)(np.ones(2)), T, r"got an array of float64; use int\(step\), or np.arange\(steps\)$"),
    (lambda: s.Constant(0.1)(None), T, "got None of type NoneType"),
    (lambda: s.Plateau(0.1)(-1), V, r"^Plateau\(-1\): step must be at least 0"),
    (lambda: s.from_dict([]), T, r"^from_dict: must be what to_dict\(\) returned, got list$"),
    (lambda: s.from_dict({}), V, "^from_dict: 'schedule' must be the name of a family, got None, there are .*Cosine"),
    (lambda: s.from_dict({"schedule": "Kosine"}), V, "got 'Kosine', did you mean 'Cosine'. there are"),
    (lambda: s.from_dict({"schedule": ["Cosine"]}), V, r"got \['Cosine'\], there are"),
    (
        lambda: s.from_dict({"schedule": "Cosine", "peek": 0.1, "total": 9}),
        V,
        "^from_dict: Cosine has no 'peek', did you mean 'peak'. it has peak, total, final, after, power$",
    ),
    (lambda: s.from_dict({"schedule": "Cosine", "peak": 0.1}), V, "^from_dict: Cosine needs total; it has peak, total"),
    (lambda: s.from_dict({"schedule": "Warmup", "of": {"schedule": "X"}, "warmup": 1}), V, "got 'X', there are"),
    (
        lambda: s.check(s.Constant(0.1), 0),
        V,
        r"^check\(steps=0\): steps must be a whole number in \[1, 2\*\*53\], got 0$",
    ),
    (lambda: s.landmarks(s.Constant(0.1), 1.5), T, r"^landmarks\(steps=1.5\): steps must be a whole number, got 1.5$"),
]


@pytest.mark.parametrize(("call", "error", "message"), ROWS, ids=[row[2][:50] for row in ROWS])
def test_says_what_to_do(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_family_with_the_name_of_ours_does_not_take_its_place():
    document = s.Cosine(0.1, 9).to_dict()
    other = type("Cosine", (s.Schedule,), {"_at": lambda self, t: 0.0, "__annotations__": {}})
    assert s.from_dict(document) == s.Cosine(0.1, 9)
    with pytest.raises(TypeError, match=r"^Cosine\.to_dict\(\): from_dict would make another .*; rename this one$"):
        other().to_dict()
