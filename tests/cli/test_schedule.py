import json
import os
import re

import matplotlib.image
import pytest

from fastlr import schedules
from fastlr.cli import main
from fastlr.schedules.settings import kinds
from fastlr.schedules.typed import KNOWN, RATES


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "140")


def shown(capsys, *arguments):
    """What --json prints, by schedule."""
    assert main(["schedule", *arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def only(capsys, *arguments):
    """The one schedule that was shown."""
    (entry,) = shown(capsys, *arguments)["schedules"]
    return schedules.from_dict(entry["schedule"])


def test_a_table_and_a_picture(capsys):
    assert main(["schedule", "cosine", "--lr", "0.2", "--steps", "1000", "--warmup", "100"]) == 0
    out, err = capsys.readouterr()
    (row,) = [line.split() for line in out.splitlines() if line.startswith("cosine ")]
    marks = schedules.landmarks(schedules.Warmup(schedules.Cosine(0.2, 900), 100), 1000)
    numbers = [marks.first, marks.peak, marks.peak_step, marks.end, marks.mean, marks.area]
    assert row == ["cosine", *(f"{number:.4g}" for number in numbers), "19%", "none"]
    assert out.endswith("written to schedule.png\n")
    assert err == ""
    assert matplotlib.image.imread("schedule.png").shape[1] > 800


def test_several_in_one_picture(capsys):
    given = ["cosine", "cosine:final=0.01", "step-drop:every=100,gamma=0.5", "wsd:decay=200"]
    assert main(["schedule", *given, "--out", "pictures/all.png"]) == 0
    out, _ = capsys.readouterr()
    rows = {line.split()[0]: line for line in out.splitlines() if line.partition(" ")[0] in given}
    assert list(rows) == given
    assert rows[given[2]].endswith("100, 200, 300")  # the next is under a tenth of the peak
    assert os.path.getsize("pictures/all.png") > 10_000


def test_many_jumps_are_counted(capsys):
    main(["schedule", "cosine-restarts:period=100"])
    assert " 100, 200, 300 and 6 more\n" in capsys.readouterr().out


def test_remarks_are_shown(capsys):
    main(["schedule", "cosine:total=100", "cosine"])
    out, _ = capsys.readouterr()
    (remark,) = [line for line in out.splitlines() if "%" in line and ": " in line]
    assert remark == f"cosine:total=100: {schedules.check(schedules.Cosine(0.1, 100), 1000)[0]}"


def test_json_is_the_whole_of_it(capsys):
    document = shown(capsys, "cosine:total=100", "noam:warmup=10", "--steps", "500", "--out", "two.png")
    assert (document["steps"], document["picture"]) == (500, "two.png")
    first, second = document["schedules"]
    cosine = schedules.Cosine(0.1, 100)
    assert first["name"] == "cosine:total=100"
    assert schedules.from_dict(first["schedule"]) == cosine
    assert first["landmarks"]["low_share"] == schedules.landmarks(cosine, 500).low_share
    assert first["remarks"] == [vars(remark) for remark in schedules.check(cosine, 500)] != []
    assert schedules.from_dict(second["schedule"]) == schedules.Noam(0.1, 10)
    assert second["remarks"] == []


NEEDED = {
    "cosine-restarts": "period=50",
    "cyclic": "low=0.01,up=50",
    "interpolated": "values=0.1,0.2,knots=0,50",
    "exponential": "gamma=0.99",
    "inverse-sqrt": "timescale=10",
    "inverse-time": "decay=0.1",
    "linear": "final=0",
    "polynomial": "final=0",
    "multi-step": "milestones=300,600",
    "piecewise": "values=0.2,0.1,milestones=500",
    "step-drop": "every=300",
    "noam": "warmup=10",
}


@pytest.mark.parametrize("name", KNOWN)
def test_every_family_and_every_field(name, capsys):
    schedule = only(capsys, ":".join(filter(None, (name, NEEDED.get(name)))), "--lr", "0.2", "--steps", "600")
    assert type(schedule) is KNOWN[name]
    given = {key: getattr(schedule, key) for key in kinds(type(schedule))}
    assert [given[key] for key in RATES if key in given] in ([0.2], [])
    assert given.get("total", 600) == 600
    # written out, every one of them
    words = {key: ",".join(map(str, value)) if isinstance(value, tuple) else value for key, value in given.items()}
    assert only(capsys, f"{name}:" + ",".join(f"{key}={value}" for key, value in words.items())) == schedule


def test_what_json_cannot_hold(capsys, tmp_path):
    huge = schedules.Constant(1e308)
    (tmp_path / "huge.json").write_text(json.dumps((huge * huge).to_dict()))
    (entry,) = shown(capsys, "huge.json")["schedules"]
    assert entry["landmarks"]["peak"] is None
    assert [remark["code"] for remark in entry["remarks"]] == ["not finite"]


def test_help_lists_every_family_and_field(capsys):
    with pytest.raises(SystemExit):
        main(["schedule", "--help"])
    out = capsys.readouterr().out
    for name, family in KNOWN.items():
        (told,) = re.findall(rf"^  {name}: ((?:.|\n      )*)", out, flags=re.MULTILINE)
        assert re.findall(r"(\w+)=", told) == list(kinds(family))
    formula = "Cosine decay: final + (peak - final) ((1 + cos(pi t / total)) / 2)^power."
    assert f"  cosine: peak=LR, total=STEPS, final=0.0, after=hold|rise, power=1.0\n      {formula}\n" in out


def test_families_that_hold_others_are_left_to_files():
    assert {family.__name__ for family in schedules.FAMILIES if family not in KNOWN.values()} == {
        *("Warmup", "Sequential", "Product", "Clamp", "PerEpoch", "Mirror", "Function")
    }


@pytest.mark.parametrize(
    ("arguments", "schedule"),
    [
        (["cosine:warmup=50", "--warmup", "100"], schedules.Warmup(schedules.Cosine(0.1, 950), 50)),
        (["cosine:warmup=0", "--warmup", "100"], schedules.Cosine(0.1, 1000)),
        (["wsd:decay=100", "--warmup", "100"], schedules.WSD(0.1, 1000, 100, 100)),
        (["wsd:total=none", "--warmup", "100"], schedules.WSD(0.1, None, 100)),
        (["one-cycle", "--warmup", "100"], schedules.OneCycle(0.1, 1000)),
        (["one-cycle:warmup=50"], schedules.Warmup(schedules.OneCycle(0.1, 950), 50)),
        (["noam", "--warmup", "100"], schedules.Noam(0.1, 100)),
        (["cosine:total=1e2", "--lr", "1e-3"], schedules.Cosine(0.001, 100)),
        (["Cosine_Restarts:period=100"], schedules.CosineRestarts(0.1, 100)),
        (["cosine:peak=0.5"], schedules.Cosine(0.5, 1000)),
        (["exponential:gamma=0.5,staircase=yes"], schedules.Exponential(0.1, 0.5, staircase=True)),
        (["cosine-restarts:period=100,period-factor=2"], schedules.CosineRestarts(0.1, 100, period_factor=2.0)),
    ],
    ids=str,
)
def test_how_options_and_fields_come_together(arguments, schedule, capsys):
    assert only(capsys, *arguments) == schedule


def test_a_file(capsys, tmp_path):
    schedule = schedules.Warmup(schedules.Cosine(0.3, 50), 5).then(0.1, at=70).clamp(0.01)
    (tmp_path / "mine.json").write_text(json.dumps(schedule.to_dict()))
    assert only(capsys, "mine.json") == schedule


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kosine"], "schedule 'kosine': unknown, did you mean 'cosine'? there are constant, cosine, "),
        (["step-drop"], "schedule 'step-drop': step-drop needs every; it has initial, every, gamma"),
        (["cosine:peek=1"], "cosine has no 'peek', did you mean 'peak'? it has peak, total"),
        (["cosine:0.1"], "schedule 'cosine:0.1': must be NAME:FIELD=VALUE,FIELD=VALUE, got '0.1' for FIELD=VALUE"),
        (["cosine:power=x"], "schedule 'cosine:power=x': power cannot be 'x', it takes (0, inf)"),
        (["cosine:total=1.5"], "total cannot be '1.5', it takes [1, 2**53]"),
        (["cosine:total=inf"], "total cannot be 'inf', it takes [1, 2**53]"),
        (["cosine:warmup=x"], "warmup cannot be 'x', it takes [0, 2**53]"),
        (["polynomial:final=0,cycle=maybe"], "cycle cannot be 'maybe', it takes true or false"),
        (["cosine:after=up"], "Cosine(after='up'): after must be one of 'hold', 'rise', got 'up'"),
        (["cosine", "--lr", "-1"], "Cosine(peak=-1.0): peak must be a number in [0, inf), got -1.0"),
        (["wsd:decay=2000"], "WSD(total=1000): total must be at least warmup + decay, got 0 + 2000; shorten"),
        (["cosine:total=5,total=10"], "schedule 'cosine:total=5,total=10': total must be given once, got it twice"),
        (["plateau"], "schedule 'plateau': unknown, there are constant, cosine, "),  # nothing is like it
        (["cosine", "cosine"], "schedule 'cosine': must be given once, got it twice"),
        (
            ["cosine", "--steps", "100000000"],
            "landmarks(steps=100000000): steps must be a whole number in [1, 10000000]",
        ),
        (["no.json"], "no.json: No such file or directory"),
        (["bad.json"], "bad.json: Expecting"),
        (["other.json"], "other.json: from_dict: 'schedule' must be the name of a family, got 'X', there are "),
    ],
)
def test_says_what_to_do(arguments, message, capsys, tmp_path):
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "other.json").write_text('{"schedule": "X"}')
    assert main(["schedule", *arguments]) == 2
    out, err = capsys.readouterr()
    assert err.startswith("fastlr schedule: ")
    assert message in err
    assert out == ""
    assert not os.path.exists("schedule.png")


def test_a_picture_that_cannot_be_written(capsys):
    with open("file", "w"):
        pass
    assert main(["schedule", "cosine", "--out", "file/schedule.png"]) == 1
    out, err = capsys.readouterr()
    assert "cosine " in out  # the table is shown all the same
    assert err.startswith("fastlr schedule: --out file/schedule.png: ")
