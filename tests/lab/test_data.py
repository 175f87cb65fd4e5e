import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastlr.lab import DataError, DataSet, Scaling, load, prepare

numbers = st.floats(-1e6, 1e6, allow_subnormal=False)
tables = arrays(float, st.tuples(st.integers(2, 30), st.integers(1, 4)), elements=numbers)


def dataset(x, y, classes=()):
    task = "classification" if classes else "regression"
    features = tuple(f"f{i}" for i in range(np.shape(x)[1]))
    return DataSet("made", task, np.asarray(x, float), np.asarray(y), features, "y", tuple(classes), "made")


@settings(deadline=None)
@given(tables)
def test_standardised_columns_have_mean_0_and_deviation_1_or_are_constant(x):
    scaling = Scaling.of(x)
    z = scaling.apply(x)
    constant = (x == x[0]).all(axis=0)
    assert (z[:, constant] == 0).all()
    # a column's mean and deviation are known to rounding of its largest value
    error = 1e-12 * np.abs(x).max(axis=0) / scaling.scale
    assert (np.abs(z.mean(axis=0)) <= 1e-12 + error)[~constant].all()
    assert (np.abs(z.std(axis=0) - 1) <= 1e-9 + error)[~constant].all()
    np.testing.assert_allclose(scaling.undo(z), x, rtol=1e-12, atol=1e-12 * max(1, np.abs(x).max()))


@pytest.mark.parametrize("unit", [1e-300, 1e-170, 1.0, 1e170, 1e300])
def test_units_do_not_matter(unit):
    x = np.array([[1.0], [2.0], [6.0]])
    np.testing.assert_allclose(Scaling.of(x * unit).apply(x * unit), Scaling.of(x).apply(x), rtol=1e-14)


def test_a_constant_that_has_no_exact_mean_is_constant():
    x = np.full((7, 1), 0.1)
    assert (Scaling.of(x).apply(x) == 0).all()


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("name", ["digits", "wine", "diabetes"])
def test_every_row_is_in_one_part(name, share):
    data = load(name)
    # the row's number as a feature, to follow it
    data = dataclasses.replace(data, x=np.arange(len(data.y), dtype=float)[:, None], features=("row",))
    split = prepare(data, test_share=share, standardise=False, dtype="float64")
    rows = np.concatenate([split.train.x[:, 0], split.test.x[:, 0]]).astype(int)
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(data.y)))
    assert len(split.test) == round(share * len(data.y))
    if data.classes:
        np.testing.assert_array_equal(np.concatenate([split.train.y, split.test.y]), data.y[rows])
        tested = np.bincount(split.test.y)
        assert np.abs(tested - share * np.bincount(data.y)).max() < 1
    assert (np.diff(split.train.x[:, 0]) < 0).any()  # in random order


def test_the_split_depends_on_the_seed_alone():
    data = load("wine")
    one, same, other = (prepare(data, seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(one.train.x, same.train.x)
    np.testing.assert_array_equal(one.test.y, same.test.y)
    assert not np.array_equal(one.train.x, other.train.x)


def test_a_class_with_two_rows_is_in_both_parts():
    split = prepare(dataset(np.arange(42.0)[:, None], [0] * 40 + [1] * 2, ("many", "few")))
    assert split.train.y.sum() == split.test.y.sum() == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scalings_are_learnt_from_the_training_part(dtype):
    data = load("diabetes")
    split = prepare(data, dtype=dtype)
    assert split.train.x.dtype == split.train.y.dtype == dtype
    np.testing.assert_allclose(split.train.x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(split.train.x.std(axis=0), 1, rtol=1e-5)
    assert np.abs(split.test.x.mean(axis=0)).max() > 0.01
    assert split.train.y.mean() == pytest.approx(0, abs=1e-6)
    assert split.train.y.std() == pytest.approx(1, rel=1e-6)
    everything = np.concatenate([split.train.y, split.test.y]).astype(float)
    np.testing.assert_allclose(np.sort(split.target.undo(everything)), np.sort(data.y), rtol=1e-5)


def test_the_test_part_does_not_reach_the_training_part():
    data = load("diabetes")
    x = np.column_stack([data.x, np.arange(len(data.x))])
    before = prepare(dataset(x, data.y), standardise=False, dtype="float64")
    tested = before.test.x[:, -1].astype(int)
    x[tested, :-1] = 1e9
    y = data.y.copy()
    y[tested] = -1e9
    first, second = prepare(dataset(np.column_stack([data.x, x[:, -1]]), data.y)), prepare(dataset(x, y))
    np.testing.assert_array_equal(first.train.x, second.train.x)
    np.testing.assert_array_equal(first.train.y, second.train.y)


def test_features_as_they_are():
    data = load("wine")
    split = prepare(data, standardise=False, dtype="float64")
    assert split.features is None
    assert split.target is None
    assert set(map(tuple, split.train.x)) <= set(map(tuple, data.x))


def test_errors_say_what_to_do():
    x, y = np.arange(12.0)[:, None], [0] * 11 + [1]
    with pytest.raises(DataError, match="made: class 'b' of 'y' has 1 row, two are needed, one to train and one to"):
        prepare(dataset(x, y, "ab"))
    with pytest.raises(DataError, match=r"made: column 'f0' reaches 1e\+300, too large for float32: rescale it"):
        prepare(dataset(x + 1e300, x[:, 0]), standardise=False)
    with pytest.raises(ValueError, match=r"prepare\(test_share=1.0\): test_share must be in \(0, 1\)"):
        prepare(dataset(x, x[:, 0]), test_share=1.0)


def test_repr():
    assert repr(load("digits")) == "DataSet('digits', classification, 1,797 rows, 64 features, 10 classes)"
    assert repr(dataset([[1.0]] * 3, [1.0, 2.0, 3.0])) == "DataSet('made', regression, 3 rows, 1 feature)"
