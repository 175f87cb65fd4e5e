import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastlr.lab.diagnosis.trace import COLUMNS, Recorder

NAN = math.nan


def row(step, loss=1.0, **values):
    return tuple({"step": float(step), "loss": loss, **values}.get(name, NAN) for name in COLUMNS)


@given(st.integers(1, 300), st.sampled_from([4, 8, 50]))
def test_the_first_and_an_even_spread_are_kept(count, capacity):
    recorder = Recorder(capacity)
    for step in range(count):
        recorder.add(row(step, loss=step * 2.0))
    trace = recorder.trace()
    assert 1 <= len(trace) <= capacity
    assert trace["step"][0] == 0
    assert len(set(np.diff(trace["step"]))) <= 1
    np.testing.assert_array_equal(trace["loss"], 2 * trace["step"])


@given(st.integers(1, 200), st.integers(2, 7))
def test_products_are_summed_over_what_is_left_out(count, every):
    recorder, total = Recorder(8), 0.0
    for step in range(count):
        looked = step % every == every - 1
        recorder.add(row(step, along_last=float(step), along_before=-1.0) if looked else row(step))
        total += step * looked
    assert np.nansum(recorder.trace()["along_last"]) == total
    assert np.nansum(recorder.trace()["along_before"]) == -(count // every)


def test_an_evaluation_between_steps_is_kept():
    recorder = Recorder(4)
    for step in range(16):
        recorder.add(row(step))
        recorder.add(row(step + 1, loss=NAN, val_loss=float(step)))
    assert np.isfinite(recorder.trace()["val_loss"]).all()
    assert np.isfinite(recorder.trace()["loss"]).all()


def test_columns_that_nobody_told_are_absent():
    recorder = Recorder()
    recorder.add(row(0, lr=0.1))
    trace = recorder.trace(name="x", broke=3.0)
    assert set(trace.columns) == {"step", "loss", "lr"}
    assert (trace.has("lr"), trace.has("ratio"), trace.name, trace.broke) == (True, False, "x", 3.0)
    assert np.isnan(trace["ratio"]).all()
