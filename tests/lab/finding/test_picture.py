import numpy as np
import pytest

from fastlr import plots
from fastlr.lab import Configuration, find_lr, load, workload

WINE = workload(load("wine"), Configuration(epochs=20))


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("verify", [False, 30])
def test_a_finding_is_its_curve_bracket_and_rate(seeds, verify):
    found = find_lr(WINE, "adam", seeds=seeds, verify=verify)
    figure = plots.finding(found)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", found.measured)
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_array_equal(lines["robust fit"].get_xdata(), found.reading.rates)
    np.testing.assert_array_equal(lines["robust fit"].get_ydata(), found.reading.values)
    assert set(lines[f"use {found.suggestion:.2g}"].get_xdata()) == {found.suggestion}
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    low, high = found.bracket
    assert f"bracket: {low:.2g} to {high:.2g}" in words
    assert ("ramp: all seeds" in words) == (seeds > 1)
    assert ("runs of 30 steps: median" in words) == bool(verify)
    assert plots.png(figure).startswith(b"\x89PNG")


def test_a_refusal_is_drawn_with_its_reason():
    for options in ({"max_lr": 1e-5}, {"min_lr": 1e8, "max_lr": 1e9}, {"steps": 4}):
        found = find_lr(WINE, **options)
        (axes,) = plots.finding(found).axes
        assert f"no suggestion: {found.reading.refusal}" in axes.get_title()
        assert plots.png(plots.finding(found)).startswith(b"\x89PNG")
