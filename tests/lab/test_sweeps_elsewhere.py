"""Sweeps by those who were not written for them: Optuna's search, Dask's cluster; and the article's own library."""

import time
import warnings

import joblib
import pytest

from fastlr.lab import Objective, blobs, load, rates, sweep, workload
from fastlr.lab.studies import STUDIES, study

pytestmark = pytest.mark.peers

WINE = workload(load("wine")).for_epochs(5)


def test_optuna_minimises_an_objective() -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    objective = Objective(WINE, "adam", seeds=2)
    search.optimize(objective, n_trials=25)
    found = sweep(WINE, ["adam"], rates=rates.grid(1e-5, 10.0, 13), seeds=2).curves[0]
    assert search.best_value <= 1.1 * min(found.medians)
    assert 1e-5 <= search.best_params["lr"] <= 10.0


def test_dask_runs_a_sweep_with_the_same_results() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's own
        from dask.distributed import Client

        here = sweep(WINE, ["sgd"], rates=rates.grid(0.001, 1.0, 20), seeds=3, jobs=1)
        with Client(n_workers=2, threads_per_worker=1, dashboard_address=None), joblib.parallel_config(backend="dask"):
            there = sweep(WINE, ["sgd"], rates=rates.grid(0.001, 1.0, 20), seeds=3, jobs=None)
    assert there.trials == here.trials


def test_a_run_of_the_article_is_many_times_as_fast_as_by_keras() -> None:
    """All five studies with five seeds, against one run by Keras of the same model, data, batches and epochs.

    60 to 90 times with Keras on JAX, 500 times with Keras on TensorFlow.
    """
    import keras

    began = time.perf_counter()
    settings = [len(study(name, seeds=5).settings) for name in STUDIES]
    ours = (time.perf_counter() - began) / (5 * sum(settings))
    split = blobs().split
    assert split is not None
    (x, y), (x_test, y_test) = ((part.x, part.y) for part in (split.train, split.test))
    keras.utils.set_random_seed(0)
    he = keras.layers.Dense(50, activation="relu", kernel_initializer="he_uniform")
    model = keras.Sequential([he, keras.layers.Dense(3, activation="softmax")])
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    began = time.perf_counter()
    history = model.fit(x, y, epochs=200, batch_size=32, validation_data=(x_test, y_test), verbose=0)
    theirs = time.perf_counter() - began
    print(f"{sum(settings)} settings; a run takes {ours:.3f} s, by Keras {theirs:.1f}: {theirs / ours:.0f} times")
    assert 0.75 < history.history["val_accuracy"][-1] < 0.9
    assert theirs > 40 * ours
