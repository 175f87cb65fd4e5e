"""Going on from a checkpoint gives the bits of never having stopped."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr import checkpoint
from fastlr.schedules import Cosine, Function, Linear, Plateau, Warmup, from_dict
from tests.checkpoint.subjects import Refusing, Scaler, adam, listed
from tests.helpers import DTYPES, bits, normal, outcome
from tests.table import CASES, IDS

STEPS = 5


def make(name: str, seed: int, dtype: str, **settings: Any) -> Any:
    params = {"w": normal(seed, 2, 3, dtype=dtype), "b": [normal(seed + 1, 4, dtype=dtype), normal(seed, dtype=dtype)]}
    return getattr(fastlr, name)(params, **settings)


def run(opt: Any, until: int) -> None:
    while opt.steps < until:
        t = opt.steps
        b = [normal(t, 4, dtype=opt.dtype), normal(t + 1, dtype=opt.dtype)]
        opt.step({"w": normal(9 * t, 2, 3, dtype=opt.dtype), "b": b})


@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
def test_goes_on_as_if_never_stopped(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    """On another backend, over an optimizer of other values and another rate that has made steps of its own."""
    rng = np.random.default_rng(CASES.index((name, options)))
    dtype, stop, busy = DTYPES[rng.integers(2)], int(rng.integers(STEPS)), int(rng.integers(STEPS))
    whole, part = make(name, 0, dtype, lr=0.1, **options), make(name, 0, dtype, lr=0.1, **options)
    run(whole, STEPS)
    run(part, stop)
    checkpoint.save(tmp_path / "run", part)
    other = make(name, 3, dtype, lr=0.7, backend="numpy", **options)
    run(other, busy)
    arrays = dict(other.params)
    loaded = checkpoint.load(tmp_path / "run", other)
    assert (loaded.steps, loaded.missing, loaded.unexpected) == (stop, (), ())
    assert outcome(other) == outcome(part)
    run(other, STEPS)
    assert outcome(other) == outcome(whole)
    assert all(other.params[key] is array for key, array in arrays.items())


@pytest.mark.parametrize("background", [False, True])
def test_complete_steps_go_on(background: bool, tmp_path: Path) -> None:
    """In the middle of a window of micro-batches, with averages, a scale that is searched and skips in a row."""

    def made(seed: int) -> tuple[Any, Any]:
        scaler = fastlr.LossScaler(2.0**seed, growth_interval=2)
        options: Any = {"grad_scale": scaler, "on_nonfinite": "skip", "max_norm": 1.0, "accumulate": 2}
        return scaler, fastlr.Adam({"w": normal(seed, 2, 3)}, average=fastlr.EMA(0.5), **options)

    def go(opt: Any, first: int, last: int) -> None:
        for t in range(first, last):
            gradient = normal(t, 2, 3)
            gradient[0, 0] = np.nan if t in (7, 8) else 1.0
            opt.step({"w": gradient})

    scaler, opt = made(1)
    go(opt, 0, 9)
    saved = checkpoint.save(tmp_path / "run", opt, background=background)
    go(opt, 9, 10)  # while it may still be written
    if background:
        saved.wait()
    its_scaler, other = made(5)
    checkpoint.load(tmp_path / "run", other)
    go(other, 9, 10)
    for both in (opt, other):
        go(both, 10, 17)
    assert outcome(other) == outcome(opt)
    assert its_scaler == scaler
    assert bits(other.state_dict()["around"]["average"]["arrays"]) == bits(
        opt.state_dict()["around"]["average"]["arrays"]
    )
    with pytest.raises(ValueError, match=r"around must have \['skipped'\], got \['skipped'"):
        checkpoint.load(tmp_path / "run", fastlr.Adam({"w": normal(0, 2, 3)}))


class Run:
    """A run with everything: packed groups, schedules, another optimizer, a scaler, a random generator."""

    def __init__(self, seed: int) -> None:
        self.packed = [fastlr.pack(normal(seed, 4)), fastlr.pack({"b": normal(seed + 1, 3)})]
        self.plateau = Plateau(Warmup(0.1, 3), patience=0)
        groups = [{"params": self.packed[0], "lr": self.plateau}, {"params": self.packed[1]}]
        self.opt = fastlr.AdamW(groups, lr=Cosine(0.1, 100), betas=(lambda step: 0.8, 0.99))
        self.other = fastlr.SGD(normal(seed + 2, 5), momentum=0.9)
        self.scaler = Scaler(2.0**seed, [seed])
        self.rng = np.random.Generator(np.random.MT19937(seed))  # its state has an array

    def go(self, steps: int) -> None:
        for _ in range(steps):
            for packed in self.packed:
                packed.flat_grads[:] = self.rng.normal(size=packed.flat.size)
            self.opt.step()
            self.other.step(self.rng.normal(size=5).astype("f4"))
            self.plateau.observe(self.rng.normal())
            self.scaler.scale *= 1.5

    def save(self, path: Path) -> Any:
        metadata = {"rng": self.rng.bit_generator.state}
        return checkpoint.save(path, self.opt, other=self.other, scaler=self.scaler, metadata=metadata)

    def load(self, path: Path) -> Any:
        loaded = checkpoint.load(path, self.opt, scaler=self.scaler, other=self.other)
        self.rng.bit_generator.state = loaded.metadata["rng"]
        return loaded

    def outcome(self) -> Any:
        state = (self.plateau.state, self.scaler.scale, bits(self.scaler.recent))
        return outcome(self.opt), outcome(self.other), state, self.rng.normal()


def test_all_parts_go_on(tmp_path: Path) -> None:
    whole, part, other = Run(1), Run(1), Run(5)
    whole.go(7)
    part.go(3)
    part.save(tmp_path / "run")
    other.go(2)
    loaded = other.load(tmp_path / "run")
    other.go(4)
    assert other.outcome() == whole.outcome() != Run(1).outcome()
    assert [list(group) for group in loaded.schedules] == [[], ["lr"]]  # Plateau is code, and its state is in the group
    assert from_dict(loaded.schedules[1]["lr"]) == Cosine(0.1, 100)


def test_functions_are_code(tmp_path: Path) -> None:
    """In a schedule as without one: the run can be saved, and says nothing of them."""
    opt = adam(lr=Warmup(Function(lambda t: 0.5), 3), eps=lambda step: 1e-8, betas=(Linear(0.5, 0.9, 9), 0.99))
    checkpoint.save(tmp_path / "run", opt)
    again = adam(3, lr=0.1)
    loaded = checkpoint.load(tmp_path / "run", again)
    assert {key: from_dict(schedule) for key, schedule in loaded.schedules[0].items()} == {
        "betas[0]": Linear(0.5, 0.9, 9)
    }
    assert again.lr == 0.1


def test_saving_changes_nothing(tmp_path: Path) -> None:
    one, other = adam(), adam()
    checkpoint.save(tmp_path / "run", one, metadata={"a": np.ones(2)})
    assert outcome(one) == outcome(other)


def test_metadata_is_the_callers(tmp_path: Path) -> None:
    """Arrays are copies, not windows on all of the file; tuples are lists; what is not finite stays what it is."""
    metadata = {"epoch": 3, "best": (float("nan"), -float("inf"), -0.0), "a/b.~": {"": np.arange(3)}, "né": None}
    checkpoint.save(tmp_path / "run", adam(), metadata=metadata)
    loaded = checkpoint.load(tmp_path / "run", adam()).metadata
    assert loaded["a/b.~"][""].base is None
    loaded["a/b.~"][""] = loaded["a/b.~"][""].tolist()
    assert (
        json.dumps(loaded) == '{"epoch": 3, "best": [NaN, -Infinity, -0.0], "a/b.~": {"": [0, 1, 2]}, "n\\u00e9": null}'
    )
    checkpoint.save(tmp_path / "run", adam())
    assert checkpoint.load(tmp_path / "run", adam()).metadata == {}


def test_a_part_that_refuses_undoes_everything(tmp_path: Path) -> None:
    first, last = Scaler(2.0, [1.0]), Refusing(4.0, [2.0])
    checkpoint.save(tmp_path / "run", adam(0), a=first, other=adam(1), z=last)
    opt, other, first, last = adam(2), adam(3), Scaler(8.0, [4.0]), Refusing(16.0, [3.0])
    before = outcome(opt), outcome(other)
    with pytest.raises(RuntimeError, match="no") as caught:
        checkpoint.load(tmp_path / "run", opt, a=first, other=other, z=last)
    assert caught.value.__notes__ == [f"in load({str(tmp_path / 'run')!r})"]
    assert (outcome(opt), outcome(other)) == before
    assert (first.scale, first.recent.tolist(), last.scale, last.recent.tolist()) == (8.0, [4.0], 16.0, [3.0])


def test_an_optimizer_that_refuses_undoes_its_parts(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "run", adam(), scaler=Scaler(2.0))
    opt, scaler = fastlr.AdamW({"w": normal(2, 2, 3), "b": normal(3, 3)}), Scaler(8.0)
    before = outcome(opt)
    with pytest.raises(ValueError, match="optimizer must be 'AdamW', got 'Adam'"):
        checkpoint.load(tmp_path / "run", opt, scaler=scaler)
    assert (outcome(opt), scaler.scale) == (before, 8.0)


def test_what_both_have(tmp_path: Path) -> None:
    """strict=False: a new head on an old body, a part that is gone, one that is new."""
    old = fastlr.Adam({"body": normal(0, 3), "head": normal(1, 2)}, lr=0.5)
    old.step({"body": normal(2, 3), "head": normal(3, 2)})
    checkpoint.save(tmp_path / "run", old, scaler=Scaler(), kept=Scaler(2.0))
    new = fastlr.Adam({"neck": normal(4, 5), "body": normal(5, 3)})
    new.step({"neck": normal(4, 5), "body": normal(5, 3)})
    neck, kept = bits([new.params["neck"], new.state["neck"]]), Scaler()
    loaded = checkpoint.load(tmp_path / "run", new, strict=False, kept=kept, other=adam())
    assert loaded.missing == ("params/neck", "parts/other", "parts/other/params/b", "parts/other/params/w")
    assert loaded.unexpected == ("params/head", "parts/scaler")
    assert bits([new.params["neck"], new.state["neck"]]) == neck
    assert bits([new.params["body"], new.state["body"]]) == bits([old.params["body"], old.state["body"]])
    assert (new.groups[0].names, new.lr, kept.scale) == (("neck", "body"), 0.5, 2.0)
    new.step({"neck": normal(4, 5), "body": normal(5, 3)})
    assert new.steps == 2


def test_where_all_names_fit_strict_makes_no_difference(tmp_path: Path) -> None:
    source, opts = Run(1), (Run(2), Run(2))
    source.go(3)
    source.save(tmp_path / "run")
    for strict, into in zip((True, False), opts, strict=True):
        parts = {"other": into.other, "scaler": into.scaler}
        loaded = checkpoint.load(tmp_path / "run", into.opt, strict=strict, **parts)
        assert (loaded.missing, loaded.unexpected) == ((), ())
    assert opts[0].outcome() == opts[1].outcome()
    assert outcome(opts[0].opt) == outcome(source.opt)


def test_folders_are_made_and_links_are_kept(tmp_path: Path) -> None:
    saving = checkpoint.save(tmp_path / "a" / "b" / "1", adam())
    assert (saving.path, saving.done(), saving.wait()) == (tmp_path / "a" / "b" / "1", True, saving.path)
    (tmp_path / "link").symlink_to(saving.path)
    checkpoint.save(tmp_path / "link", adam(), metadata={"second": True})
    assert checkpoint.load(saving.path, adam()).metadata == {"second": True}
    assert (tmp_path / "link").is_symlink()
    assert listed(tmp_path / "a" / "b") == ["1"]


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert checkpoint.save("run", adam()).path == tmp_path / "run"
    assert checkpoint.load("run", adam()).path == tmp_path / "run"
