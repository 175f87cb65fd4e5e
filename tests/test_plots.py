import dataclasses
import io
import math

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fastlr import plots, schedules
from fastlr.lab import OPTIMIZERS, Configuration, choose, compare, load


@pytest.fixture(scope="module")
def classified():
    return compare(load("iris"), choose(["sgd", "adam"]), Configuration(epochs=3))


@pytest.fixture(scope="module")
def regressed():
    return compare(load("diabetes"), choose(["adam", "sgd@10"]), Configuration(epochs=12))


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_lines_are_the_history(classified):
    left, right = plots.curves(classified).axes
    values = {
        left: lambda scores: scores.loss,
        right: lambda scores: scores.metrics["accuracy"],
    }
    for axes, value in values.items():
        lines = iter(axes.lines)
        for run in classified.runs:
            for part, style in (("train", "-"), ("test", "--")):
                line = next(lines)
                np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2, 3])
                np.testing.assert_array_equal(line.get_ydata(), [value(getattr(e, part)) for e in run.history])
                assert line.get_linestyle() == style
        assert next(lines, None) is None
    assert labels(plots.curves(classified)) == ["sgd", "adam", "train", "test"]
    assert [axes.get_xlabel() for axes in (left, right)] == ["epoch", "epoch"]
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss: cross-entropy (nats)", "accuracy")
    assert "iris" in plots.curves(classified).get_suptitle()


def test_a_regression_shows_r2(regressed):
    left, right = plots.curves(regressed).axes
    assert (left.get_ylabel(), right.get_ylabel()) == ("loss: squared error (standardised target)", "R²")
    np.testing.assert_array_equal(
        right.lines[1].get_ydata(), [entry.test.metrics["r2"] for entry in regressed.runs[0].history]
    )
    assert right.get_ylim()[0] >= -0.5


def test_a_diverged_run_says_so(regressed):
    figure = plots.curves(regressed)
    run = regressed.runs[1]
    assert labels(figure)[1] == f"sgd@10 (diverged at step {run.steps})"
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert [line.get_xdata()[0] for line in crosses] == [run.history[-1].epoch] * 2


def test_every_run_looks_different(classified):
    run = classified.runs[0]
    many = dataclasses.replace(classified, runs=(run,) * 3 * len(plots.COLOURS))
    handles = plots.curves(many).legends[0].legend_handles[:-2]
    assert len({(handle.get_color(), handle.get_marker()) for handle in handles}) == len(handles)
    assert len(OPTIMIZERS) < len(handles)


def test_png_is_a_picture_and_the_same_one_again(classified):
    content = plots.png(plots.curves(classified))
    assert content == plots.png(plots.curves(classified))
    picture = matplotlib.image.imread(io.BytesIO(content), format="png")
    assert picture.shape[0] > 500
    assert picture.shape[1] > 1000
    found = set(map(tuple, np.rint(255 * picture[::2, ::2, :3]).astype(int).reshape(-1, 3).tolist()))
    assert {tuple(round(255 * part) for part in to_rgb(colour)) for colour in plots.COLOURS[:2]} <= found


def test_numbers_that_are_not_finite_can_be_drawn(classified):
    run = classified.runs[0]
    bad = dataclasses.replace(run.history[0].train, loss=math.nan, metrics={"accuracy": math.nan})
    entry = dataclasses.replace(run.history[0], train=bad, test=bad)
    only = dataclasses.replace(classified, runs=(dataclasses.replace(run, history=(entry,), status="diverged"),))
    assert plots.png(plots.curves(only)).startswith(b"\x89PNG")


def test_a_schedule_is_drawn_step_by_step():
    cosine = schedules.Warmup(schedules.Cosine(0.1, 90), 10)
    (axes,) = plots.schedules({"cosine": cosine, "constant": 0.05}, steps=100).axes
    for line, values in zip(axes.lines, (cosine(np.arange(100)), np.full(100, 0.05)), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(100))
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert len({line.get_color() for line in axes.lines}) == 2
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "learning rate")
    assert labels(axes.figure) == ["cosine", "constant"]


def test_a_legend_fits_below_the_picture():
    names = [f"cosine-restarts:period=300,peak-factor=0.{k}" for k in range(6)]
    figure = plots.schedules(dict.fromkeys(names, 0.1), steps=100)
    plots.png(figure)
    drawn = figure.legends[0].get_window_extent()
    assert drawn.x0 >= 0
    assert drawn.x1 <= figure.bbox.x1


def test_a_long_schedule_is_drawn_from_end_to_end():
    (axes,) = plots.schedules({"line": schedules.Linear(1.0, 0.0, 10**6)}, steps=10**6).axes
    steps = axes.lines[0].get_xdata()
    assert (steps[0], steps[-1], len(steps)) == (0, 10**6 - 1, plots.POINTS)
    assert axes.get_title() == "line"
    assert not axes.figure.legends
    assert plots.png(axes.figure).startswith(b"\x89PNG")
