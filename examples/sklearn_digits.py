"""scikit-learn's digits with scikit-learn's network, the same one patched, and fastlr's: time, loss and accuracy.

    python examples/sklearn_digits.py

Needs the extra `sklearn`.  Each row is the median time, and the mean of the rest, over several seeds; the networks take
turns, so that whatever else the machine does is shared fairly.
"""

from statistics import fmean, median
from time import perf_counter
from warnings import simplefilter

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import fastlr
import fastlr.sklearn

EPOCHS, SEEDS = 50, 10
LAYERS = [(100,), (256, 256)]


def scikit_learns(**settings):
    """As it is."""
    return lambda x, y: MLPClassifier(**settings).fit(x, y)


def patched(**settings):
    """With fastlr's Adam underneath: the same numbers."""

    def fit(x, y):
        with fastlr.patch_sklearn():
            return MLPClassifier(**settings).fit(x, y)

    return fit


def fastlrs(**settings):
    """In float64, as the data are."""
    return lambda x, y: fastlr.sklearn.MLPClassifier(**settings).fit(x, y)


def fastlrs_in_float32(**settings):
    """In float32."""
    return fastlrs(dtype="float32", **settings)


def trained(make, layers, seed):
    """Seconds to fit, training loss, accuracy on a quarter of the digits."""
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x / 16, y, stratify=y, random_state=seed)
    fit = make(hidden_layer_sizes=layers, max_iter=EPOCHS, n_iter_no_change=np.inf, random_state=seed)
    began = perf_counter()
    model = fit(x, y)
    return perf_counter() - began, model.loss_, model.score(x_test, y_test)


def main():
    """Print a table for each network."""
    simplefilter("ignore", ConvergenceWarning)  # scikit-learn's: all train for the same number of epochs
    competitors = (scikit_learns, patched, fastlrs, fastlrs_in_float32)
    for layers in LAYERS:
        results = {make: [] for make in competitors}
        for seed in range(SEEDS):
            for make, runs in results.items():
                runs.append(trained(make, layers, seed))
        print(f"\nhidden layers {layers}, {EPOCHS} epochs, {SEEDS} seeds")
        print(f"{'':20}{'seconds':>9}{'gained':>9}{'loss':>10}{'accuracy':>10}")
        base = median(seconds for seconds, _, _ in results[scikit_learns])
        for make, runs in results.items():
            seconds, losses, scores = zip(*runs, strict=True)
            typical = median(seconds)
            row = f"{typical:9.3f}{base / typical:8.2f}x{fmean(losses):10.4f}{fmean(scores):10.4f}"
            print(f"{make.__name__.replace('_', ' '):20}{row}")


if __name__ == "__main__":
    main()
