"""Complete steps give the bits of plain NumPy in the documented order, whoever makes them."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr import reference
from fastlr.engine import native
from tests.table import KERNELS, same_bits

OPTIONS: dict[str, dict[str, Any]] = {
    "unscaled": {"grad_scale": 1024.0},
    "scheduled scale": {"grad_scale": lambda step: 3.0 + step},
    "global norm": {"max_norm": 0.7},
    "group norm": {"max_norm": 0.7, "norm": "group"},
    "parameter norm": {"max_norm": 0.7, "norm": "parameter", "grad_scale": 0.3},
    "loose norm": {"max_norm": 1e30},
    "scheduled norm": {"max_norm": lambda step: 1.0 / (1 + step), "grad_scale": 7.0},
    "value": {"clip_value": 0.4},
    "norm, then value": {"max_norm": 5.0, "clip_value": 0.1, "grad_scale": 0.5},
    "skip": {"on_nonfinite": "skip"},
    "ema": {"average": fastlr.EMA(decay=0.9)},
    "late ema": {"average": fastlr.EMA(decay=lambda step: 0.5 + step / 100, warmup=False, start=2, every=2)},
    "uniform": {"average": fastlr.UniformAverage(start=1)},
    "zeroed": {"zero_grads": True},
    "mean of three": {"accumulate": 3},
    "sum of growing": {"accumulate": lambda step: 1 + step, "reduction": "sum", "zero_grads": True},
    "reported": {"report": "full", "alpha_every": 2},
    "everything": {
        "accumulate": 2,
        "grad_scale": 8.0,
        "on_nonfinite": "skip",
        "max_norm": 0.5,
        "norm": "group",
        "clip_value": 0.05,
        "average": fastlr.EMA(decay=0.8),
        "zero_grads": True,
        "report": "full",
        "report_every": 2,
        "alpha_every": 1,
    },
}
SHAPES = [(3, 5), (4096,), (), (9001,), (0,), (17,)]
SECOND = (4, 5)
"""The arrays that are in the second group."""


def number(value: Any, step: int) -> Any:
    return value(step) if callable(value) else value


class Composed:
    """The composition written down in `fastlr.reference.complete`, around an optimizer without options."""

    def __init__(self, make: Any, params: list[np.ndarray], **options: Any) -> None:
        self.params, self.options = params, options
        self.opt = make(grouped(params), backend="numpy")
        self.averages = [w.copy() for w in params]
        self.count = 0
        self.waiting: list[list[np.ndarray]] = []

    def step(self, gradients: list[np.ndarray]) -> bool:
        get, step = self.options.get, self.opt.steps
        self.waiting.append([g.copy() for g in gradients])
        if get("zero_grads"):
            for g in gradients:
                g[...] = 0
        if len(self.waiting) < number(get("accumulate", 1), self.opt.steps):
            return False
        sums = reference.complete.summed(self.waiting) if get("accumulate", 1) != 1 else self.waiting[0]
        mean = len(self.waiting) if get("reduction", "mean") == "mean" else 1
        self.waiting = []
        groups = {
            "global": None,
            "group": groups_of(range(len(SHAPES))),
            "parameter": [[i] for i in range(len(SHAPES))],
        }
        max_norm = get("max_norm")
        applied = reference.complete.step(
            sums,
            lambda treated: self.opt.step(grouped(treated, bare=True)),
            grad_scale=number(get("grad_scale", 1.0), step) * mean,
            judge=get("on_nonfinite") == "skip",
            max_norm=None if max_norm is None else number(max_norm, step),
            groups=groups[get("norm", "global")],
            clip_value=get("clip_value"),
        )
        if applied and "average" in self.options:
            share = self.options["average"].share(step, self.count)
            if share:
                self.count += 1
                self.averages = [
                    reference.complete.averaged(a, w, share) for a, w in zip(self.averages, self.params, strict=True)
                ]
        return applied


def groups_of(items: Any) -> list[list[Any]]:
    return [[x for i, x in enumerate(items) if i not in SECOND], [x for i, x in enumerate(items) if i in SECOND]]


def grouped(arrays: list[np.ndarray], bare: bool = False) -> list[Any]:
    return groups_of(arrays) if bare else [{"params": part} for part in groups_of(arrays)]


def draw(rng: np.random.Generator, dtype: str, faults: bool = False) -> list[np.ndarray]:
    gradients = [rng.standard_normal(shape).astype(dtype) for shape in SHAPES]
    if faults:
        gradients[3][rng.integers(9001)] = rng.choice([np.nan, np.inf, -np.inf])
    return [np.asarray(g) for g in gradients]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", ["cython", "numpy"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_equal_bits(kernel: str, options: dict[str, Any], backend: str, dtype: str) -> None:
    rule, chosen = KERNELS[kernel]
    rng = np.random.default_rng(len(kernel))
    start = draw(rng, dtype)
    params = [w.copy() for w in start]

    def make(params: Any, **more: Any) -> fastlr.Optimizer:
        return rule(params, **{"lr": lambda step: 0.1 / (1 + step), **chosen, **more})

    plain = Composed(make, [w.copy() for w in start], **options)
    opt = make(grouped(params), backend=backend, **options)
    for _ in range(8):
        gradients = draw(rng, dtype, faults=options.get("on_nonfinite") == "skip" and rng.random() < 0.3)
        others = [g.copy() for g in gradients]
        assert opt.step(grouped(gradients, bare=True)) == plain.step(others)
        assert all(map(same_bits, gradients, others))
        assert opt.steps == plain.opt.steps
    assert all(map(same_bits, params, plain.params))
    for key, state in opt.state.items():
        for symbol, array in state.items():
            assert same_bits(array, plain.opt.state[key][symbol])
    if "average" in options:
        before = [w.copy() for w in params]
        with opt.averaged():
            assert all(map(same_bits, params, plain.averages))
        assert all(map(same_bits, params, before))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_threads_and_layout_change_nothing(options: dict[str, Any], dtype: str) -> None:
    """One thread or several, packed or scattered, all in one segment or each parameter apart."""
    results = []
    before, threads = native.set_parallel_from(0, 0), fastlr.get_num_threads()
    try:
        for count in (1, 2, 3):
            for packed in (False, True):
                native.set_threads(count)
                results.append(trained(options, dtype, packed))
    finally:
        native.set_parallel_from(*before)
        native.set_threads(threads)
    for other in results[1:]:
        assert all(map(same_bits, results[0], other))


def trained(options: dict[str, Any], dtype: str, packed: bool) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    params: Any = [rng.standard_normal(n).astype(dtype) for n in (50_000, 7, 30_001)]
    gradients = [[rng.standard_normal(w.shape).astype(dtype) for w in params] for _ in range(6)]
    held = fastlr.pack(params) if packed else params
    opt = fastlr.AdamW(held, lr=0.1, **options)
    for step in gradients:
        if packed:
            for own, new in zip(held.grads, step, strict=True):
                own[...] = new
            opt.step()
        else:
            opt.step(step)
    found = [opt.params[name].copy() for name in opt.params]
    with opt.averaged() if "average" in options else nullcontext():
        found += [opt.params[name].copy() for name in opt.params]
    report = opt.report
    assert report is not None
    return [*found, np.array([np.nan if value is None else value for value in (report.grad_norm, report.clipped_norm)])]


@pytest.mark.parametrize("backend", ["cython", "numpy"])
def test_goes_on_bit_for_bit_from_a_state(backend: str) -> None:
    """In the middle of a window of micro-batches, with averages and a scale that has grown."""

    def make(w: np.ndarray) -> fastlr.Optimizer:
        scaler = fastlr.LossScaler(4.0, growth_interval=2)
        options: Any = {**OPTIONS["everything"], "grad_scale": scaler, "backend": backend}
        return fastlr.Adam({"w": w}, **options)

    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((15, 5000)).astype("float32")
    gradients[3, 77] = np.inf
    w = np.ones(5000, dtype="float32")
    opt = make(w)
    for g in gradients[:9].copy():
        opt.step({"w": g})
    w_then, saved = w.copy(), opt.state_dict()
    other = make(w_then)
    other.load_state_dict(saved)
    for g in gradients[9:].copy():
        assert opt.step({"w": g.copy()}) == other.step({"w": g})
    assert same_bits(w, w_then)
    assert opt.steps == other.steps == 6
    with opt.averaged(), other.averaged():
        assert same_bits(w, w_then)
    assert str(opt.report) == str(other.report)


@pytest.mark.parametrize(
    ("options", "change", "message"),
    [
        ({}, {}, r"around must have \['skipped'\], got \['skipped', 'average'"),
        ({"accumulate": 2}, {}, r"around must have \['skipped', 'accumulated'\], got"),
        ({"accumulate": 2, "average": fastlr.EMA()}, {"skipped": -1}, "skipped must be a whole number"),
        ({"accumulate": 2, "average": fastlr.EMA()}, {"average": {"count": 1}}, "around: average must have"),
        (
            {"accumulate": 2, "average": fastlr.EMA()},
            {"average": {"count": 1, "arrays": {"w": np.zeros(3)}}},
            "average of 'w' must be float32 of shape",
        ),
    ],
)
def test_states_of_other_options_are_refused(options: Any, change: Any, message: str) -> None:
    w = np.ones(3, dtype="float32")
    opt = fastlr.Adam({"w": w}, accumulate=2, average=fastlr.EMA())
    opt.step({"w": w.copy()})
    opt.step({"w": w.copy()})
    saved = opt.state_dict()
    saved["around"] |= change
    v = np.zeros(3, dtype="float32")
    other = fastlr.Adam({"w": v}, **options)
    with pytest.raises((ValueError, TypeError), match=message):
        other.load_state_dict(saved)
    assert other.steps == 0
    assert not v.any()
    assert not other.state["w"]["m"].any()


def test_what_is_no_state_is_refused() -> None:
    opt = fastlr.Adam({"w": np.ones(3)}, max_norm=1.0)
    with pytest.raises(TypeError, match="around must be a mapping, got 3"):
        opt.load_state_dict(opt.state_dict() | {"around": 3})


def test_clipping_may_begin_and_end_at_a_restart() -> None:
    """Options that keep nothing make no difference to a state."""
    plain, clipped = (fastlr.Adam({"w": np.ones(3)}, **options) for options in ({}, {"max_norm": 1.0}))
    for one, other in ((plain, clipped), (clipped, plain)):
        one.step({"w": np.ones(3)})
        other.load_state_dict(one.state_dict())
        assert other.steps == one.steps
