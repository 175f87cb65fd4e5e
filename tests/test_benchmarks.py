"""The asv suite: nothing that fastlr has is without a benchmark, every benchmark runs, and measures what it says."""

import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asv_runner.discovery import disc_benchmarks, get_benchmark_from_name

import fastlr
from benchmarks import bandwidth, cases, denormals, memory, pytorch, table_rows, timing
from benchmarks.cases import CASES, packed, step_of
from fastlr.lab import OPTIMIZERS
from fastlr.rules import RULES
from tests.table import KERNELS

ROOT = Path(__file__).parents[1]
SUITE = str(ROOT / "benchmarks")
BENCHMARKS = {benchmark.name: benchmark for benchmark in disc_benchmarks(SUITE)}  # as asv finds them
ONCE = {"number": 1, "repeat": 1, "warmup_time": 0, "rounds": 1}  # what `asv run --quick` does
STEPS = BENCHMARKS["steps.Steps.time_step"]
QUICKLY = [runner for runner in cases.RUNNERS if runner != "numba"]  # which compiles for a second


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = fastlr.get_num_threads()
    yield
    fastlr.set_num_threads(before)


def kernels(names: list[str]) -> set[Any]:
    return {(rule, rule(**settings).kernel) for rule, settings in map(CASES.__getitem__, names)}


@pytest.mark.parametrize(
    "name",
    [
        "steps.Steps.time_step",
        "bandwidth.Bandwidth.track_bandwidth",
        "bandwidth.ShareOfCopy.track_share_of_copy",
        "compiling.Compiling.timeraw_first_optimizer",
    ],
)
def test_every_kernel_of_every_rule_is_measured(name: str) -> None:
    measured = kernels(BENCHMARKS[name]._params[0])
    assert measured == {(rule, kernel) for rule in RULES for kernel in rule.kernels}
    assert {kernel.name for _, kernel in measured} == set(KERNELS)
    assert measured >= {(rule, rule(**settings).kernel) for rule, settings in OPTIMIZERS.values()}


def test_steps_are_measured_everywhere() -> None:
    _, runners, dtypes, sizes = STEPS._params
    assert set(runners) == {"cython", "numba", "numpy", "reference"}
    assert set(dtypes) == {"float32", "float64"}
    assert set(sizes) == {10, 1_000, 100_000, 1_000_000, 16_000_000}


def test_training_takes_every_optimizer() -> None:
    assert BENCHMARKS["training.Training.time_step"]._params == [list(OPTIMIZERS)]


def test_every_file_measures() -> None:
    assert {name.partition(".")[0] for name in BENCHMARKS} == {
        *(
            "bandwidth",
            "compiling",
            "complete",
            "denormals",
            "imports",
            "many_arrays",
            "memory",
            "pytorch",
            "steps",
            "table_rows",
            "threads",
            "training",
        )
    }


def test_options_are_as_few_as_can_be() -> None:
    assert list(cases.fewest_options(fastlr.rules.SGD)) == [
        {},
        {"momentum": 0.5},
        {"momentum": 0.5, "nesterov": True},
    ]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_runs_at_its_smallest(name: str) -> None:
    benchmark = get_benchmark_from_name(SUITE, f"{name}-0", ONCE)
    assert benchmark.check(SUITE)
    assert not benchmark.do_setup(), "skipped"
    result = benchmark.do_run()
    benchmark.do_teardown()
    if benchmark.type == "time":
        (result,) = result["samples"]
    assert result > 0 or name == "memory.Memory.track_extra"


def trained(case: str, runner: str, dtype: str) -> Any:
    parameters = packed(10, dtype)
    step = step_of(case, runner, parameters)
    results = [step() for _ in range(3)]
    return results[-1] if runner == "reference" else parameters.flat


@pytest.mark.parametrize("dtype", cases.DTYPES)
@pytest.mark.parametrize("case", CASES)
def test_all_run_the_same_formula(case: str, dtype: str) -> None:
    first, *others = (trained(case, runner, dtype) for runner in QUICKLY)
    assert first.dtype == dtype
    assert (first != 1).all()
    for other in others:
        np.testing.assert_allclose(other, first, rtol=1e-5)


@pytest.mark.parametrize("others", [("numpy Adam",), ("Adam exact",), ("torch SparseAdam",)])
def test_steps_of_rows_do_the_same(others: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row is touched by every step here, so nothing is missed."""
    tables = []
    monkeypatch.setattr(table_rows.np, "ones", lambda *a, f=np.ones: tables.append(f(*a)) or tables[-1])
    for runner in ("Adam lazy", *others):
        step = table_rows.step_of(runner, 3, 200)
        for _ in range(3):
            step()
    first, other = tables
    assert (first != 1).all()
    np.testing.assert_allclose(other, first, rtol=1e-5)


@pytest.mark.parametrize("runner", [runner for runner in cases.RUNNERS if runner != "reference"])
def test_a_backend_is_the_one_asked_for(runner: str) -> None:
    assert step_of("SGD", runner, packed(10, "float32")).__self__.backend == runner  # type: ignore[attr-defined]


@pytest.mark.parametrize("weights", [10, (1 << 16) + 3])
def test_every_gradient_is_filled(weights: int) -> None:
    made = packed(weights, "float32")
    assert made.flat.shape == made.flat_grads.shape == (weights,)
    assert (made.flat == 1).all()
    assert (made.flat_grads != 0).all()


@pytest.mark.parametrize(
    ("case", "values"),
    [("SGD", 3), ("SGD momentum", 5), ("Adagrad", 5), ("Adam", 7), ("AdamW amsgrad", 9), ("RMSprop", 5)],
)
def test_traffic(case: str, values: int) -> None:
    assert bandwidth.traffic(case) == values


def test_a_copy_copies_everything() -> None:
    copy = bandwidth.Copy(1_001, threads=2)
    targets = [partial.args[0] for partial in copy.copies]
    copy.repeated(2)
    copy.pool.shutdown()
    assert len(targets) == 2
    assert sum(target.sum() for target in targets) == 1_001


def test_the_time_is_that_of_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    def step() -> None:
        clock[0] += 3.0

    monkeypatch.setattr(timing, "perf_counter", lambda: clock[0])
    repeated = timing.Repeated()
    repeated.prepare(step, 7)
    assert clock == [3.0]
    began = repeated.timer()
    repeated.run()
    assert clock == [24.0]
    assert repeated.timer() - began == pytest.approx(3.0)


def test_memory_is_what_numpy_takes_for_temporaries() -> None:
    measured = memory.Memory()
    measured.setup("numpy")
    assert measured.track_extra("numpy") >= 40


def test_moments_stay_denormal() -> None:
    measured = denormals.Denormals()
    measured.setup("float32", 100_000, "denormal", "keep")
    measured.run()
    state = measured.step.__self__.state[""]
    for moment in state.values():
        assert (moment > 0).all()
        assert (moment < np.finfo("float32").tiny).all()


def test_a_version_without_the_option_keeps_denormals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denormals, "signature", lambda function: type("Signature", (), {"parameters": {}}))
    assert denormals.option("keep") == {}
    with pytest.raises(NotImplementedError):
        denormals.option("flush")


def test_more_threads_than_processors_are_skipped() -> None:
    fastlr.set_num_threads(1)
    threads = get_benchmark_from_name(SUITE, "threads.Threads.time_step-1", ONCE)
    assert threads._current_params[1] == 2
    assert threads.do_setup()


def asv_names(benchmark: Any) -> list[str]:
    """What asv searches for `--bench`'s expression."""
    if not benchmark.params:
        return [benchmark.name]
    return [f"{benchmark.name}({', '.join(values)})" for values in product(*benchmark.params)]


def test_the_quick_run_takes_every_benchmark_and_is_quick() -> None:
    (expression,) = re.findall(r"^SMALL := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    small = re.compile(expression.replace("$$", "$"))
    taken = {name: [full for full in asv_names(b) if small.search(full)] for name, b in BENCHMARKS.items()}
    assert all(taken.values())
    assert len(taken[STEPS.name]) == len(CASES) * len(cases.RUNNERS)
    assert sum(map(len, taken.values())) < 200  # of half a second each, two cores


def test_what_asv_writes_is_ignored() -> None:
    text = (ROOT / "benchmarks" / "asv.conf.json").read_text(encoding="utf-8")
    conf = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))
    assert {conf[f"{name}_dir"] for name in ("env", "results", "html")} == {
        f"../.asv/{n}" for n in ("env", "results", "html")
    }
    assert ".asv/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert conf["launch_method"] == "spawn"


def test_the_race_with_pytorch_prints_who_is_faster(capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(pytorch, "ROUNDS", 1)
    pytorch.main(0)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:5] == ["us", "torch", "torch", "fused", "fastlr"]
    assert [re.search(r" ([\d.]+)x [\d.]+x$", row) is not None for row in rows] == [True] * 3
