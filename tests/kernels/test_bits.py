"""The promise: whoever compiled a kernel, whoever runs it, the bits are those of the rule on NumPy arrays."""

import ctypes
import importlib
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastlr
from fastlr import kernels
from fastlr.engine import native
from fastlr.engine.native import cpu_supports
from fastlr.kernels.levels import LEVELS
from tests.table import CASES, IDS, KERNELS, same_bits

COMPILERS = [level for level in LEVELS if cpu_supports(level)] + ["numba"]
LENGTHS = (0, 1, 2, 7, 63, 64, 65, 1_000, 4_099, 100_003)
STEPS = 20
COUNT = sum(LENGTHS)
CUTS = sorted(np.random.default_rng(5).integers(0, COUNT, 40))


@pytest.fixture
def threads():
    """Sets how many threads every step uses, however small it is."""
    before, least = fastlr.get_num_threads(), native.set_parallel_from(1, 1)
    yield fastlr.set_num_threads
    fastlr.set_num_threads(before)
    native.set_parallel_from(*least)


@pytest.fixture(scope="module", params=["float32", "float64"])
def data(request):
    """The first weights and the gradients, some of them huge, tiny or zero."""
    rng = np.random.default_rng(1)
    scale = np.exp(rng.normal(0, 4, COUNT))
    gradients = [
        (rng.standard_normal(COUNT) * scale * (rng.random(COUNT) > 0.1)).astype(request.param) for _ in range(STEPS)
    ]
    return rng.standard_normal(COUNT).astype(request.param), gradients


def rate(step):
    return [0.1, 0.003, 0.0, 1.7, 0.01][step % 5] / (1 + step)


def compiler(monkeypatch, name):
    """Let the kernels of this compiler run; returns its backend."""
    if name == "numba":
        return "numba"
    monkeypatch.setattr(kernels, "_native", importlib.import_module(f"fastlr.kernels._{name}"))
    return "cython"


def scattered(w, at):
    """Arrays and gradients each in memory of its own."""
    return [part.copy() for part in np.split(w, at)], lambda g: [part.copy() for part in np.split(g, at)]


def packed(w, at):
    """One flat buffer."""
    both = fastlr.pack(np.split(w, at))

    def gradients(g):
        both.flat_grads[:] = g

    return both, gradients


def cut(w, at):
    """Neighbours in one buffer, cut elsewhere, whose gradients are neighbours too: they merge again."""
    flat = w.copy()
    return np.split(flat, CUTS), lambda g: np.split(g, CUTS)


def run(cls, w, gradients, layout, **options):
    """The weights and the state, flat, after a step for each gradient."""
    params, place = layout(w, np.cumsum(LENGTHS)[:-1])
    opt = cls(params, lr=rate, **options)
    for g in gradients:
        assert opt.step(place(g)) is True
    symbols = opt.groups[0].rule.kernel.state
    arrays = [opt.params.values()] + [[s[symbol] for s in opt.state.values()] for symbol in symbols]
    return [np.concatenate([a.ravel() for a in part]) for part in arrays]


WAYS = list(itertools.product((1, 2, 3, 4), (scattered, packed, cut)))


def check(name, options, data, ways, threads, monkeypatch):
    """Each (compiler, (threads, layout)) gives the oracle's bits after all steps."""
    cls = getattr(fastlr, name)
    expected = run(cls, *data, lambda w, at: ([w.copy()], lambda g: [g]), backend="numpy", **options)
    assert not same_bits(expected[0], data[0])
    for who, (count, layout) in ways:
        backend = compiler(monkeypatch, who)
        threads(count)
        got = run(cls, *data, layout, backend=backend, **options)
        for a, b in zip(got, expected, strict=True):
            assert same_bits(a, b), (who, count, layout.__name__)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_every_combination_of_flags(name, options, data, threads, monkeypatch):
    """By every compiler; the ways to run it take turns, for they do not know of flags."""
    turn = CASES.index((name, options))
    ways = [(who, WAYS[(turn + k * 5) % len(WAYS)]) for k, who in enumerate(COMPILERS)]
    check(name, options, data, ways, threads, monkeypatch)


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_by_every_compiler_in_every_way(kernel, data, threads, monkeypatch):
    cls, options = KERNELS[kernel]
    check(cls.__name__, options, data, itertools.product(COMPILERS, WAYS), threads, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_every_combination_by_every_compiler_in_every_way(name, options, data, threads, monkeypatch):
    check(name, options, data, itertools.product(COMPILERS, WAYS), threads, monkeypatch)


def test_layouts_are_what_they_say(data):
    for layout, segments in ((scattered, len(LENGTHS) - 1), (packed, 1), (cut, 1)):
        params, place = layout(data[0], np.cumsum(LENGTHS)[:-1])
        opt = fastlr.SGD(params)
        opt.step(place(data[1][0]))
        assert opt._plan.segments == segments


def floats(dtype):
    """Any floats: NaN, infinities, subnormals, huge, zeros of both signs."""
    return st.floats(width=np.dtype(dtype).itemsize * 8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=40, deadline=None)
@given(draw=st.data())
def test_special_values_give_the_oracles_bits(kernel, dtype, draw):
    cls, options = KERNELS[kernel]
    count = draw.draw(st.integers(0, 70))
    values = hnp.arrays(dtype, count, elements=floats(dtype))
    w, gradients = draw.draw(values), [draw.draw(values) for _ in range(2)]
    state = {symbol: draw.draw(values) for symbol in cls.rule(**options).kernel.state}
    results = []
    for who in ["numpy", *COMPILERS]:
        with pytest.MonkeyPatch.context() as patch:
            backend = who if who == "numpy" else compiler(patch, who)
            params = w.copy()
            opt = cls({"w": params}, lr=0.37, backend=backend, **options)
        for symbol, array in opt.state["w"].items():
            array[:] = state[symbol]
        for g in gradients:
            opt.step({"w": g})
        results.append([params, *opt.state["w"].values()])
    for who, result in zip(COMPILERS, results[1:], strict=True):
        for a, b in zip(result, results[0], strict=True):
            assert same_bits(a, b), (who, a, b)


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_compiled_coefficients_are_pythons(name, options):
    """One weight of float64 would not show a coefficient that is off by a rounding: compare them themselves."""
    rule = getattr(fastlr, name).rule(lr=0.1, **options)
    for backend in ("cython", "numba"):
        got = [compiled_coefficients(rule, backend, t) for t in (1, 2, 3, 10, 1_000, 123_456_789, 10**12)]
        expected = [rule.coefficients(float(t), *rule.arguments()) for t in (1, 2, 3, 10, 1_000, 123_456_789, 10**12)]
        assert np.array(got).tobytes() == np.array(expected, dtype=float).tobytes(), backend


def compiled_coefficients(rule, backend, t):
    address = kernels.addresses(rule, "float64", backend)[1]
    doubles = ctypes.POINTER(ctypes.c_double)
    function = ctypes.CFUNCTYPE(None, ctypes.c_double, doubles, doubles)(address)
    arguments, out = np.array(rule.arguments()), np.empty(len(rule.coefficients.returns))
    function(float(t), arguments.ctypes.data_as(doubles), out.ctypes.data_as(doubles))
    return out
