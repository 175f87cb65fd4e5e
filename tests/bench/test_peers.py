"""Contestants take the step that fastlr takes, or say that they do not have it."""

import numpy as np
import pytest

import fastlr
from fastlr.bench.cases import RACED, Case
from fastlr.bench.peers import OURS, PEERS, base

LIBRARIES = {source: base.load(source) for source in (OURS, *PEERS)}
# whose libraries the tests' own extra brings
CONTESTANTS = [
    (source, name)
    for source, library in LIBRARIES.items()
    if library.name in ("fastlr", "numpy", "torch", "sklearn")
    for name in library.contestants
    if name not in library.slow
]
LACKING = {"RMSprop": ["torch fused", "sklearn"], "Adagrad": ["sklearn"], "AdamW": ["sklearn"]}


def test_every_library_says_how_to_get_it():
    names = [library.name for library in LIBRARIES.values()]
    assert len(set(names)) == len(names)
    for library in LIBRARIES.values():
        assert "pip install" in library.install
        assert library.slow <= library.contestants.keys()


@pytest.fixture
def weights(monkeypatch):
    """The arrays that a contestant starts with, which those that work in place change."""
    made = []

    def start(case):
        made.append(base.start(case))
        return made[-1]

    for source in LIBRARIES:
        module = __import__(source, fromlist=["start"])
        if hasattr(module, "start"):
            monkeypatch.setattr(module, "start", start)
    return made


@pytest.mark.parametrize("arrays", [1, 3])
@pytest.mark.parametrize("optimizer", RACED)
@pytest.mark.parametrize(("source", "name"), CONTESTANTS)
def test_takes_the_step(source, name, optimizer, arrays, weights):
    case = Case(optimizer, 50, arrays, "float64", threads=fastlr.get_num_threads())
    if name in LACKING.get(type(case.rule).__name__, ()) or (name == "sklearn" and optimizer == "amsgrad"):
        with pytest.raises(base.UnsupportedError, match=r"has no|has SGD and Adam only"):
            LIBRARIES[source].contestants[name](case)
        return
    step = LIBRARIES[source].contestants[name](case)
    ((started, given),) = weights
    expected, grads = base.start(case)
    ours = fastlr.Optimizer(expected, case.rule)
    for _ in range(3):
        result = step()
        ours.step(grads)
        for array, fresh in zip(given, grads, strict=True):
            array[:] = fresh  # PyTorch's foreach with Nesterov's momentum writes into it
    if LIBRARIES[source].name == "fastlr" and arrays == 1:
        started = list(step.__self__.params.values())  # packed: a copy
    elif name == "numpy":
        if arrays > 1:
            return  # its arrays stay within
        started = [result]
    for got, want in zip(started, expected, strict=True):
        assert (want != 1).all()
        np.testing.assert_allclose(got - 1, want - 1, rtol=1e-4)


@pytest.mark.peers
@pytest.mark.parametrize("optimizer", RACED)
def test_optax_takes_the_step(optimizer):
    case = Case(optimizer, 50, 2, "float64")
    step = LIBRARIES["fastlr.bench.peers.optax"].contestants["optax"](case)
    expected, grads = base.start(case)
    ours = fastlr.Optimizer(expected, case.rule)
    for _ in range(3):
        results = step()
        ours.step(grads)
    for got, want in zip(results, expected, strict=True):
        np.testing.assert_allclose(np.asarray(got) - 1, want - 1, rtol=1e-4)


@pytest.mark.peers
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "adagrad"])
def test_deepspeed_takes_the_step(optimizer, weights):
    pytest.importorskip("deepspeed")  # which no extra of ours can bring: it needs torch to be installed first
    case = Case(optimizer, 50, 2)
    step = LIBRARIES["fastlr.bench.peers.deepspeed"].contestants["deepspeed"](case)
    ((started, given),) = weights
    expected, grads = base.start(case)
    ours = fastlr.Optimizer(expected, case.rule)
    for _ in range(3):
        step()
        ours.step(grads)
        for array, fresh in zip(given, grads, strict=True):
            array[:] = fresh  # its Adagrad writes into what is left over behind the last whole register
    for got, want in zip(started, expected, strict=True):
        np.testing.assert_allclose(got - 1, want - 1, rtol=1e-3)


def test_float32_only():
    with pytest.raises(base.UnsupportedError, match="thinc's optimizers take float32 only"):
        base.refuse_double(Case("adam", 10, dtype="float64"), "thinc")
    base.refuse_double(Case("adam", 10), "thinc")


def test_start():
    weights, grads = base.start(Case("sgd", 2000, arrays=2, dtype="float64"))
    assert [array.shape for array in (*weights, *grads)] == [(2000,)] * 4
    assert weights[0].dtype == grads[0].dtype == np.float64
    assert grads[0] is not grads[1]
    assert abs(grads[0].mean()) < 0.1 < grads[0].std()
