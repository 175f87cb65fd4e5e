"""What docs/finding.md says of `find_lr` holds, on the pairs that are quick to run."""

import numpy as np
import pytest

from benchmarks.finding import OTHERS, OURS, deviation, measured, scores

QUICK = ("iris, linear", "cancer, linear", "diabetes", "diabetes, linear", "digits, linear")


@pytest.mark.slow
def test_find_lr_is_near_the_sweeps_best_and_nearer_than_the_others(tmp_path):
    pairs = [pair for problem in QUICK for pair in measured(problem, tmp_path)]
    assert len(pairs) == 25
    found = {score.tool: score for score in scores(pairs)}
    ours = found[OURS]
    assert ours.median <= 0.35
    assert ours.high <= 0.8
    assert ours.good >= 0.8
    for tool in OTHERS:
        assert ours.median < found[tool].median
        assert ours.good > found[tool].good


@pytest.mark.slow
@pytest.mark.parametrize("problem", QUICK)
def test_the_suggestion_hardly_depends_on_the_seeds(problem):
    assert np.mean([deviation(problem, optimizer) for optimizer in ("sgd", "adam")]) <= 0.3
