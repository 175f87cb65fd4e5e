"""Numbers below the normal range: kept like NumPy does, or flushed to zero; whatever the process has set."""

import itertools
from contextlib import contextmanager

import numpy as np
import pytest

import fastlr
from fastlr.engine import native
from fastlr.rules import RULES
from tests.helpers import bits, outcome

TINY = {"float32": 1e-40, "float64": 1e-310}


PROCESS = pytest.mark.parametrize("process", [False, True], ids=["process-keeps", "process-flushes"])


@contextmanager
def process_that(flushes):
    """As if another library had set how this thread treats subnormal numbers."""
    before = native.enter_mode(flushes)
    yield
    native.leave_mode(before)


@pytest.fixture
def several_threads():
    before, least = fastlr.get_num_threads(), native.set_parallel_from(1, 1)
    fastlr.set_num_threads(2)
    yield
    fastlr.set_num_threads(before)
    native.set_parallel_from(*least)


def flushes(tiny):
    """Whether this thread does, here and now."""
    return not np.any(tiny * tiny.dtype.type(0.5) + tiny)


@PROCESS
@pytest.mark.parametrize("dtype", TINY)
def test_the_process_is_as_it_says(process, dtype):
    tiny = np.full(3, TINY[dtype], dtype)
    with process_that(flushes=process):
        assert flushes(tiny) is process
    assert not flushes(tiny)


@PROCESS
@pytest.mark.parametrize(
    ("dtype", "backend", "denormals"), list(itertools.product(TINY, ["cython", "numba", "numpy"], ["keep", "flush"]))
)
def test_subnormals_are_kept_or_flushed_by_every_thread(several_threads, process, dtype, backend, denormals):
    g = np.full(10_000, TINY[dtype], dtype)
    w = 4 * g
    opt = fastlr.SGD(w, lr=1.0, backend=backend, denormals=denormals)
    with process_that(flushes=process):
        opt.step(g)
        assert flushes(g) is process, "the step left another mode behind"
    assert bits(w) == bits(3 * g if denormals == "keep" else 0 * g)


@PROCESS
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("dtype", TINY)
def test_flushing_gives_equal_bits_whoever_computes(several_threads, process, rule, dtype):
    rng = np.random.default_rng(3)
    tiny = np.finfo(dtype).tiny
    start = (rng.standard_normal(9_001) * tiny * np.exp(rng.normal(0, 3, 9_001))).astype(dtype)
    gradients = [np.roll(start, k) * rng.standard_normal(9_001).astype(dtype) for k in range(5)]
    outcomes = {}
    for backend, denormals in itertools.product(["cython", "numba", "numpy"], ["keep", "flush"]):
        w = start.copy()
        opt = getattr(fastlr, rule.__name__)(w, lr=0.5, backend=backend, denormals=denormals)
        with process_that(flushes=process):
            for g in gradients:
                opt.step(g)
        outcomes[backend, denormals] = outcome(opt)
    for denormals in ("keep", "flush"):
        expected = outcomes["numpy", denormals]
        assert outcomes["cython", denormals] == expected
        assert outcomes["numba", denormals] == expected
    assert outcomes["numpy", "keep"] != outcomes["numpy", "flush"], "nothing here is subnormal"


def test_the_mode_is_left_when_the_rule_fails(monkeypatch):
    opt = fastlr.SGD(np.ones(3), backend="numpy", denormals="flush")
    monkeypatch.setattr(opt._plan.works[0].kernel.__class__, "__call__", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        opt.step(np.ones(3))
    assert not flushes(np.full(3, TINY["float64"]))


@pytest.mark.parametrize("wrong", ["flushed", None, True, []])
def test_other_words_are_refused(wrong):
    with pytest.raises(ValueError, match=r"Adam\(denormals=.*\): denormals must be one of 'keep', 'flush'"):
        fastlr.Adam(np.ones(3), denormals=wrong)


def test_a_processor_that_cannot_flush_refuses(monkeypatch):
    monkeypatch.setattr(native, "FLUSH", False)
    with pytest.raises(ValueError, match=r"SGD\(denormals='flush'\): this processor or compiler offers no flushing"):
        fastlr.SGD(np.ones(3), denormals="flush")
    fastlr.SGD(np.ones(3), denormals="keep")
