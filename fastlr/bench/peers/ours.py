"""fastlr: packed where there is one array, otherwise with gradients that are elsewhere at each step."""

import itertools

import fastlr
from fastlr.bench.cases import Case
from fastlr.bench.peers.base import BOUND, Library, start
from fastlr.bench.timing import Step


def _make(case: Case) -> Step:
    fastlr.set_num_threads(case.threads)
    weights, grads = start(case)
    if case.arrays == 1:
        packed = fastlr.pack(weights[0])
        packed.flat_grads[:] = grads[0]
        step: Step = fastlr.Optimizer(packed, case.rule).step
        return step
    optimizer = fastlr.Optimizer(weights, case.rule)
    turns = itertools.cycle([grads, [gradient.copy() for gradient in grads]])
    return lambda: optimizer.step(next(turns))


LIBRARY = Library(
    "fastlr", {"fastlr": _make}, ("fastlr",), "fastlr-optim", "pip install fastlr-optim", environment=BOUND, clips=True
)
