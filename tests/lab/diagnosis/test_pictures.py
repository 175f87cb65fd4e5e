import io

import matplotlib.image
import numpy as np
import pytest

from fastlr import plots
from fastlr.lab import diagnose
from fastlr.schedules import InverseTime
from tests.lab.diagnosis.runs import trace, trained


def test_the_loss_the_rate_and_the_overshoot():
    found = trained("digits", "sgd@0.0003")
    loss, rate, over = plots.diagnosis(found).axes
    assert [axes.get_ylabel() for axes in (loss, rate, over)] == ["loss", "learning rate", "overshoot alpha"]
    np.testing.assert_array_equal(loss.lines[0].get_xydata().T, found.trace.given("loss"))
    np.testing.assert_array_equal(loss.lines[2].get_xydata().T, found.trace.given("val_loss"))
    np.testing.assert_array_equal(rate.lines[0].get_ydata(), 0.0003)
    assert set(rate.lines[1].get_ydata()) == {found.lr}
    assert over.get_xlabel() == "step"
    title = loss.get_title(loc="left").replace("\n", " ")
    assert found.advice in title
    assert f"too low (confidence {found.confidence:.2f})" in title


def test_an_advised_schedule_is_drawn():
    found = trained("digits", "sgd", schedule=InverseTime(0.1, decay=1.0))
    rate = plots.diagnosis(found).axes[1]
    used, advised = rate.lines[:2]
    np.testing.assert_allclose(advised.get_ydata(), found.schedule(np.arange(860)))
    np.testing.assert_allclose(used.get_ydata(), InverseTime(0.1, decay=1.0)(np.arange(860)))
    (shade,) = [patch for patch in rate.patches if patch.get_width() > 0]
    assert shade.get_x() == next(each.first for each in found.evidence if each.column == "lr")


def test_where_it_broke_is_marked():
    axes = plots.diagnosis(diagnose(trace([3.0, 2.0, 9.0], broke=3.0, unit="epoch"))).axes
    assert len(axes) == 1
    assert [3.0, 3.0] in [list(line.get_xdata()) for line in axes[0].lines]
    assert axes[0].get_xlabel() == "epoch"


@pytest.mark.parametrize("losses", [[], [1.0], -np.arange(30.0), np.zeros(300)])
def test_anything_can_be_drawn(losses):
    content = plots.png(plots.diagnosis(diagnose(trace(losses))))
    assert matplotlib.image.imread(io.BytesIO(content), format="png").shape[1] == 1200
