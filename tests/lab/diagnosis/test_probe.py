import numpy as np
import pytest

from fastlr.lab.diagnosis.probe import Probe


def seen(probe, w, g):
    return probe.show(w, g) if probe.due() else None


@pytest.mark.parametrize("lr", [0.01, 0.5, 1.25, 1.9, 2.5])
def test_alpha_is_lr_times_curvature_less_one(lr):
    """For gradient descent in a bowl, by whose formula there is nothing to fit."""
    probe, w = Probe(every=2), np.array([3.0])
    looks = []
    for _ in range(8):
        looks.append(seen(probe, [w], [w]))
        w = w - lr * w
    for look in looks[1::2]:
        assert -look.along_last / look.along_before == pytest.approx(lr * 1.0 - 1.0)
        assert look.ratio == pytest.approx(lr)
    assert looks[::2] == [None] * 4


def test_rows_and_several_arrays_are_the_same_sums():
    rng = np.random.default_rng(0)
    w, g, v, h = rng.standard_normal((4, 3, 7))
    rows = Probe(every=2)
    seen(rows, [w], [g])
    found = seen(rows, [v], [h])
    for r in range(3):
        one = Probe(every=2)
        seen(one, [w[r, :2], w[r, 2:]], [g[r, :2], g[r, 2:]])
        look = seen(one, [v[r, :2], v[r, 2:]], [h[r, :2], h[r, 2:]])
        for name in ("along_last", "along_before", "ratio", "grad_norm"):
            assert getattr(look, name) == pytest.approx(getattr(found, name)[r])


def test_every_so_many_steps():
    probe = Probe(every=5)
    due = [probe.due() and (probe.show([np.ones(1)], [np.ones(1)]) is not None or "kept") for _ in range(10)]
    assert due == [False, False, False, "kept", True] * 2


def test_it_copies_what_it_keeps():
    probe, w = Probe(every=2), np.ones(2)
    seen(probe, [w], [w])
    w -= 0.5
    assert seen(probe, [w], [w]).ratio == pytest.approx(0.5)


def test_parameters_that_were_added_meanwhile_give_no_look():
    probe = Probe(every=2)
    seen(probe, [np.ones(2)], [np.ones(2)])
    assert seen(probe, [np.ones(3)], [np.ones(3)]) is None


@pytest.mark.parametrize("every", [1, 0, 2.5])
def test_errors(every):
    with pytest.raises(ValueError, match=r"every must be a whole number, at least 2"):
        Probe(every)
