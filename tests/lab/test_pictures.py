"""The pictures of studies and sweeps show the numbers, with units, and nothing else."""

import io
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fastlr import plots
from fastlr.lab import Configuration, Quadratic, Workload, blobs, load, rates, study, sweep, workload


@pytest.fixture(scope="module")
def studied():
    return study("learning-rate", blobs().for_epochs(6), seeds=3)


@pytest.fixture(scope="module")
def swept():
    return sweep(Workload("bowl", Quadratic([1, 10]), 30), ["sgd", "adam"], rates=rates.grid(1e-4, 1, 9), seeds=3)


def test_a_study_has_a_panel_for_each_setting(studied):
    figure = plots.study(studied)
    assert [axes.get_title() for axes in figure.axes] == [f"rate {label}" for label in studied.settings]
    for axes, label in zip(figure.axes, studied.settings, strict=True):
        train, test = axes.lines
        for line, name in ((train, "train"), (test, "test")):
            curve = studied.curve(label, f"{name}_metric")
            np.testing.assert_array_equal(line.get_xdata(), np.arange(7))
            np.testing.assert_array_equal(line.get_ydata(), np.median(curve, axis=1))
        bands = [collection.get_paths()[0].vertices[:, 1] for collection in axes.collections]
        for band, name in zip(bands, ("train", "test"), strict=True):
            curve = studied.curve(label, f"{name}_metric")
            assert (band.min(), band.max()) == (curve.min(), curve.max())
        assert axes.get_ylim() == figure.axes[0].get_ylim()
    assert "blobs, 3 seeds, defaults 2019" in figure.get_suptitle()
    assert figure.axes[0].get_ylabel() == "accuracy"
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["train: all seeds", "train: median", "test: all seeds", "test: median"]


def test_one_seed_has_no_band_and_regression_shows_r2():
    figure = plots.study(study("adaptive", workload(load("diabetes"), Configuration(epochs=2)), seeds=1))
    assert [axes.get_title() for axes in figure.axes] == ["SGD", "RMSprop", "Adagrad", "Adam"]
    assert not any(axes.collections for axes in figure.axes)
    assert figure.axes[0].get_ylabel() == "R²"
    assert figure.axes[0].get_ylim()[0] >= -0.5
    assert "seed 0" in figure.get_suptitle()


def test_runs_that_diverged_can_be_drawn(studied):
    curves = studied.histories.train_metric.copy()
    curves[2:, :3] = np.nan
    bad = replace(studied, histories=replace(studied.histories, train_metric=curves, test_metric=curves * np.nan))
    assert plots.png(plots.study(bad)).startswith(b"\x89PNG")


def test_a_sweep_is_a_u_with_its_basin_and_cliff(swept):
    figure = plots.sweep(swept)
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning rate", "loss after 30 steps")
    drawn = [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in axes.lines]
    for curve, colour in zip(swept.curves, plots.COLOURS, strict=False):
        own = [xy for line, xy in zip(axes.lines, drawn, strict=True) if line.get_color() == colour]
        np.testing.assert_array_equal(own[0], (curve.rates, curve.medians))
        inside = (curve.rates >= curve.basin[0]) & (curve.rates <= curve.basin[1])
        np.testing.assert_array_equal(own[1], (curve.rates[inside], curve.medians[inside]))
        if curve.cliff is not None:
            np.testing.assert_array_equal(own[2][0], curve.cliff)
        assert (own[-1][0].item(), own[-1][1].item()) == (curve.best, curve.best_loss)
    assert swept["sgd"].cliff is not None
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words[0] == f"sgd: best {swept['sgd'].best:.3g}, cliff {swept['sgd'].cliff:.3g}"
    assert words[2:] == ["before training", "basin", "cliff", "all seeds (line: median)"]


def test_losses_of_one_size_are_drawn_on_a_plain_axis():
    result = sweep(workload(load("iris"), Configuration(epochs=1)), rates=[1e-4, 1e-3, 1e-2], seeds=1)
    assert plots.sweep(result).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("kind", ["study", "sweep"])
def test_pictures_are_files_with_their_colours(kind, studied, swept):
    content = plots.png(plots.study(studied) if kind == "study" else plots.sweep(swept))
    picture = matplotlib.image.imread(io.BytesIO(content), format="png")
    assert picture.shape[1] > 1000
    assert (picture[0, 0, :3] == 1).all()  # white, so that it can be read in a dark notebook too
    found = set(map(tuple, np.rint(255 * picture[::2, ::2, :3]).astype(int).reshape(-1, 3).tolist()))
    assert {tuple(round(255 * part) for part in to_rgb(colour)) for colour in plots.COLOURS[:2]} <= found
