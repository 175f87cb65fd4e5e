"""A step with everything around the update: what `fastlr.rules.Options` says, put together for one optimizer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from threading import Lock
from typing import Any

from fastlr import kernels
from fastlr.arrays import Array
from fastlr.binding import Binding, summing
from fastlr.complete.accumulation import Accumulator
from fastlr.complete.averages import ArrayAverages, beside
from fastlr.complete.report import NonFiniteError, Report
from fastlr.complete.treatment import Treatment
from fastlr.engine import Passes
from fastlr.rules.base import Rule
from fastlr.rules.options import Options
from fastlr.rules.passes import BLENDED, CLIPPED
from fastlr.rules.settings import whole
from fastlr.statedict import Stateful, check_array, check_keys

COMPILED = ("clipped", "blended", "dot", "largest", "faults", "moved")


class Complete:
    """What an optimizer with options has besides its plan."""

    def __init__(self, rule: Rule, name: str) -> None:
        self._rule = rule
        self._call = name
        self.treatment = Treatment(rule, name)
        self.averages = ArrayAverages(name)
        self.accumulator = Accumulator(rule, name) if rule.accumulate != 1 else None
        self._scaler = rule.grad_scale if isinstance(rule.grad_scale, Stateful) else None
        self._kept: dict[str, Array] = {}
        self._one_at_a_time = Lock()

    def attach(self, binding: Binding) -> None:
        """Be about these parameters from now on: those there were, and perhaps more."""
        rule, params, names = self._rule, binding.params, list(binding.params)
        for group in binding.groups:
            if rule.average is not None and group.names[0] not in self.averages.arrays:
                self.averages.arrays |= beside(params, group.names)
            if rule.alpha_every is not None and group.names[0] not in self._kept:
                self._kept |= beside(params, group.names)
        averages = [self.averages.arrays[name] for name in names] if rule.average is not None else []
        kept = [self._kept[name] for name in names] if rule.alpha_every is not None else []
        zero = rule.zero_grads or self.accumulator is not None
        own = [*averages, *kept]
        dtype = str(params[names[0]].dtype)
        binding.plan.equip(passes(dtype, measures(rule), zero, averages, kept, own))
        self.treatment.attach(binding.plan, names, [group for group, _ in binding.plan.rows], self.averages)
        self._plan = binding.plan
        if self.accumulator is not None:
            self.accumulator.hold(params, binding.groups)
            plan = summing(binding, self.accumulator.sums, kernels.resolve(rule), kernels.flushes(rule))
            guarded = [*(array for _, arrays in binding.plan.rows for array in arrays), *own]
            self.accumulator.attach(plan, passes(dtype, False, rule.zero_grads, [], [], guarded))

    def step(self, gradients: Sequence[Any] | None) -> bool:
        """A step, or a micro-batch of one."""
        if self.accumulator is None:
            return self._plan.step(gradients)
        with self._alone():
            self.averages.check_weights_in_place("step")
            wanted = self.accumulator.asked(self._plan.steps)
            last = self.accumulator.count + 1 >= wanted
            grad_scale = self.treatment.number("grad_scale")
            if last:  # what functions of the step raise, they raise before the gradients are added
                self._plan.rehearse()
            self.accumulator.take(gradients, wanted)
            if last:
                return self._apply(self.accumulator)
            self.treatment.wait(self.accumulator.count, wanted, grad_scale)
            return False

    def flush(self) -> bool:
        """A step with the micro-batches that there are; whether there were any, and it was made."""
        if self.accumulator is None:
            return False
        with self._alone():
            return self.accumulator.count > 0 and self._apply(self.accumulator)

    def _apply(self, accumulator: Accumulator) -> bool:
        self.treatment.micro_batches = accumulator.count
        before = self._plan.steps, self.treatment.skipped
        try:
            applied = self._plan.step(accumulator.arrays)  # which zeroes the sums
        except BaseException as error:
            if isinstance(error, NonFiniteError) or (self._plan.steps, self.treatment.skipped) != before:
                accumulator.clear()  # the step is done with, and it was `update` of the user's scaler that raised
            raise
        accumulator.done()
        return applied

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._one_at_a_time.acquire(blocking=False):
            raise RuntimeError(
                f"{self._call}.step(): this optimizer is in the middle of a step in another thread; "
                "give each thread its own"
            )
        try:
            yield
        finally:
            self._one_at_a_time.release()

    def report(self, rates: Sequence[float]) -> Report | None:
        """Of the last step."""
        return self.treatment.report(rates)

    @contextmanager
    def averaged(self, params: Mapping[str, Array]) -> Iterator[None]:
        """The averages in place of the parameters."""
        if self._rule.average is None:
            raise ValueError(f"{self._call}.averaged(): the optimizer must be made with average=, such as fastlr.EMA()")
        with self.averages.put_in(params, lambda: self.busy):
            yield

    @property
    def busy(self) -> bool:
        """Whether a step is under way."""
        return self._plan.busy or self._one_at_a_time.locked()

    def state(self, *, copies: bool) -> dict[str, Any]:
        """What a restart needs of all this."""
        found: dict[str, Any] = {"skipped": self.treatment.skipped}
        if self._rule.average is not None:
            found["average"] = {"count": self.averages.count, "arrays": _copied(self.averages.arrays, copies)}
        if self.accumulator is not None:
            counts = {"count": self.accumulator.count, "wanted": self.accumulator.wanted}
            found["accumulated"] = {**counts, "arrays": _copied(self.accumulator.sums, copies)}
        if self._scaler is not None:
            found["grad_scale"] = self._scaler.state_dict()
        return found

    def check(self, saved: Mapping[str, Any], call: str) -> None:
        """Raise unless this can be loaded: what `state` returned has the keys that it would have here."""
        whole(saved["skipped"], f"{call}: skipped", "skipped", 0)
        own = self.state(copies=False)
        for part in ("average", "accumulated"):
            if part in own:
                _check_part(saved[part], own[part], f"{call}: {part}")
        if self._scaler is not None:
            deepcopy(self._scaler).load_state_dict(saved["grad_scale"])

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from a state that was checked."""
        self.treatment.skipped = saved["skipped"]
        if self._rule.average is not None:
            self.averages.count = saved["average"]["count"]
            _write(saved["average"]["arrays"], self.averages.arrays)
        if self.accumulator is not None:
            self.accumulator.count, self.accumulator.wanted = (saved["accumulated"][k] for k in ("count", "wanted"))
            _write(saved["accumulated"]["arrays"], self.accumulator.sums)
        if self._scaler is not None:
            self._scaler.load_state_dict(saved["grad_scale"])
        self.treatment.forget()


def measures(options: Options) -> bool:
    """Whether a step with these options sums over each parameter."""
    return (
        options.max_norm is not None
        or options.on_nonfinite != "propagate"
        or options.report != "off"
        or options.alpha_every is not None
    )


def passes(
    dtype: str,
    apart: bool,
    zero: bool,
    averages: Sequence[Array],
    last: Sequence[Array],
    guarded: Sequence[Array] = (),
) -> Passes:
    """What a plan needs for steps with options."""
    addresses = {name: kernels.compiled(name, dtype) for name in COMPILED}
    return Passes(apart, zero, averages, last, guarded, CLIPPED, BLENDED, addresses)


def _copied(arrays: Mapping[str, Array], copies: bool) -> dict[str, Array]:
    return {name: array.copy() if copies else array for name, array in arrays.items()}


def _write(saved: Mapping[str, Array], arrays: Mapping[str, Array]) -> None:
    for name, array in arrays.items():
        array[...] = saved[name]


def _check_part(saved: Any, own: Mapping[str, Any], label: str) -> None:
    check_keys(saved, own, label)
    for key, value in saved.items():
        if key != "arrays":
            whole(value, f"{label}: {key}={value!r}", key, 0)
    check_keys(saved["arrays"], own["arrays"], label)
    for name, array in own["arrays"].items():
        check_array(saved["arrays"][name], array, f"{label} of {name!r}")
