import dataclasses

import pytest
from matplotlib.colors import to_rgb

from fastlr.bench import Case, Result, Timing, picture
from tests.bench.test_results import RACE, RESULT, SMALL

NAMES = {"fastlr", "limit", "numpy", "torch", "torch fused"}


def lines(axes):
    return {line.get_label(): line for line in axes.lines}


def test_lines_are_the_medians():
    (axes,) = picture.curves(RACE).axes
    drawn = lines(axes)
    assert drawn.keys() == NAMES
    assert list(drawn["fastlr"].get_xdata()) == [10, 1_000_000]
    assert list(drawn["fastlr"].get_ydata()) == pytest.approx([20.0, 2.0])  # ns a weight
    assert list(drawn["limit"].get_xdata()) == [1_000_000]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_title() == "adamw, float32, 2 threads"
    low, high = axes.get_ylim()
    assert 0 < low < 1.0 < 1000 < high


def test_a_library_has_a_colour_and_its_contestants_dashes():
    (axes,) = picture.curves(RACE).axes
    drawn = lines(axes)
    assert drawn["torch"].get_color() == drawn["torch fused"].get_color()
    assert drawn["torch"].get_linestyle() != drawn["torch fused"].get_linestyle()
    assert len({to_rgb(drawn[name].get_color()) for name in NAMES}) == len(NAMES) - 1


def test_the_legend_has_each_once_the_slowest_first():
    figure = picture.curves(RACE)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["numpy", "torch", "torch fused", "fastlr", "limit"]


def test_every_point_is_within_its_panel():
    slow, fast = (Timing(name, "fastlr", (seconds,)) for name, seconds in (("fastlr", 1.0), ("limit", 1e-6)))
    results = [Result(Case("sgd", size), (slow,)) for size in (10, 100)]
    results += [Result(Case("adam", size), (fast,)) for size in (10, 100)]
    for axes in picture.curves(dataclasses.replace(RACE, results=tuple(results))).axes:
        low, high = axes.get_ylim()
        for line in axes.lines:
            assert all(low < y < high for y in line.get_ydata())


def test_an_optimizer_that_has_several_sizes_is_a_panel():
    other = Timing("fastlr", "fastlr", (1.0,))
    results = [Result(Case(name, size), (other,)) for name in ("sgd", "adam") for size in (10, 100)]
    single = Result(Case("adagrad", 10), (other,))
    many = Result(Case("sgd", 10, arrays=5), (other,))
    figure = picture.curves(dataclasses.replace(RACE, results=(*results, single, many)))
    assert [axes.get_title() for axes in figure.axes] == ["sgd, float32, 1 thread", "adam, float32, 1 thread"]
    assert [len(lines(axes)["fastlr"].get_xdata()) for axes in figure.axes] == [2, 2]


@pytest.mark.parametrize("results", [(RESULT,), (SMALL,), (Result(Case("sgd", 10, arrays=5), SMALL.timings),)])
def test_a_single_point_is_drawn_too(results):
    (axes,) = picture.curves(dataclasses.replace(RACE, results=results)).axes
    assert "fastlr" in lines(axes)
