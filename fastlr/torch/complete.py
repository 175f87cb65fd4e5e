"""What a step does around the update, for PyTorch's parameters: clip, skip, average, report.

Design: `fastlr.complete` decides and the engine works, as for arrays; here is what PyTorch has of its own.  An average
is a tensor of its parameter's state, so it is copied, moved and saved with it, and a layout sees when it is elsewhere.
Counts and the scale of a loss are saved in the entry of the first group, of which PyTorch's optimizers take no notice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastlr.complete.averages import Averages
from fastlr.complete.report import Report
from fastlr.complete.step import measures, passes
from fastlr.complete.treatment import Treatment
from fastlr.engine.native import Plan
from fastlr.rules.options import Options
from fastlr.rules.settings import whole
from fastlr.statedict import Stateful
from fastlr.torch.layout import Groups, Layout
from fastlr.torch.members import Row
from fastlr.torch.schedules import Schedules
from fastlr.torch.state import AVERAGE
from fastlr.torch.tensors import index_at, local

KEY = "complete"
"""In the first saved group."""
COUNTS = ("steps", "skipped", "averaged")


class Complete:
    """What an optimizer with options has besides its layout.

    Parameters
    ----------
    options : fastlr.rules.Options
    call : str
        What errors begin with.
    """

    def __init__(self, options: Options, call: str) -> None:
        self._options = options
        self._call = call
        self._scaler = options.grad_scale if isinstance(options.grad_scale, Stateful) else None
        self.averages = Averages(call)
        self._treatment = Treatment(options, call)
        self._plans: Sequence[Plan] = ()
        self._rates: tuple[float, ...] = ()

    @property
    def averages_weights(self) -> bool:
        """Whether averages are taken."""
        return self._options.average is not None

    def attach(self, layout: Layout, groups: Groups) -> None:
        """Be about this layout from now on; what a step was kept for its successor is forgotten.

        Raises
        ------
        TypeError
            For parameters that cannot be treated together.
        """
        self._treatment.forget()
        self._check_together(layout)
        self._rates += (0.0,) * (len(groups) - len(self._rates))
        if not layout.plans:
            return
        self._plans = (plan,) = layout.plans
        rows = layout.rows
        averages = [row.average for row in rows] if self.averages_weights else []
        last = [np.empty_like(arrays[0]) for _, arrays in plan.rows] if self._options.alpha_every else []
        plan.equip(passes(str(plan.rows[0][1][0].dtype), measures(self._options), False, averages, last))
        names = names_of(groups)
        self._treatment.attach(
            plan, [names[row.index] for row in rows], [row.group for row in rows], self.averages, _places(rows)
        )

    def _check_together(self, layout: Layout) -> None:
        dtypes = sorted({row.dtype.removeprefix("torch.") for row in layout.rows})
        if len(dtypes) > 1:
            raise self.refusal(f"of one dtype, got {' and '.join(dtypes)}")
        if any(local(row.param) is not row.param for row in layout.rows):
            raise self.refusal("whole tensors, got parts of distributed ones, which have no norm of their own")

    def refusal(self, what: str) -> TypeError:
        """An error for parameters that cannot be treated together; nothing is changed."""
        return TypeError(
            f"{self._call}.step(): with {', '.join(self._options.options())} all parameters must be {what}; "
            "give the others an optimizer of their own"
        )

    @contextmanager
    def undone(self, schedules: Schedules, groups: Groups) -> Iterator[None]:
        """Show what schedules gave for a step only if it is made."""
        steps, shown = schedules.steps, schedules.numbers(groups)
        try:
            yield
        finally:
            if schedules.steps == steps:
                for group, numbers in zip(groups, shown, strict=True):
                    group.update(numbers)

    def step(self, layout: Layout, schedules: Schedules) -> None:
        """Make a step, or skip it."""
        for plan in layout.plans:
            plan.steps = schedules.steps
        try:
            applied = layout.step()
        except BaseException:
            applied = any(plan.steps > schedules.steps for plan in layout.plans)
            (layout.finish if applied else layout.withdraw)()
            raise
        finally:
            if applied:
                schedules.steps += 1
                self._rates = layout.rates()

    @property
    def report(self) -> Report | None:
        """Of the last step."""
        return self._treatment.report(self._rates)

    def averaged(self, state: Mapping[Tensor, Mapping[str, Any]]) -> AbstractContextManager[None]:
        """The averages in place of the parameters."""
        if not self.averages_weights:
            raise ValueError(f"{self._call}.averaged(): the optimizer must be made with average=, such as fastlr.EMA()")
        pairs = [(param, entry[AVERAGE]) for param, entry in state.items() if AVERAGE in entry]
        for param, average in pairs:
            if param.shape != average.shape:
                raise ValueError(
                    f"{self._call}.averaged(): an average has shape {tuple(average.shape)}, its parameter "
                    f"{tuple(param.shape)}; make a step first, with which the average begins anew"
                )
        return self.averages.swapped(pairs, exchange, busy=lambda: any(plan.busy for plan in self._plans))

    def saved(self, steps: int) -> dict[str, Any]:
        """What the first group's entry of a state is to hold besides."""
        scale: dict[str, Any] = {} if self._scaler is None else {"grad_scale": self._scaler.state_dict()}
        counts = (steps, self._treatment.skipped, self.averages.count)
        return {KEY: {**dict(zip(COUNTS, counts, strict=True)), **scale}}

    def check(self, groups: Sequence[Mapping[str, Any]]) -> None:
        """Raise unless these saved groups can be loaded."""
        self.averages.check_weights_in_place("load_state_dict")
        saved = groups[0].get(KEY) if groups else None
        if saved is None:
            return
        for name in COUNTS:
            whole(saved.get(name), f"{self._call}.load_state_dict: {KEY}", name, 0)
        if self._scaler is not None and "grad_scale" in saved:
            deepcopy(self._scaler).load_state_dict(saved["grad_scale"])

    def load(self, saved: Mapping[str, Any]) -> None:
        """Go on from what was saved; where nothing was, as in a state of PyTorch's, averages begin anew."""
        self._treatment.skipped, self.averages.count = saved.get("skipped", 0), saved.get("averaged", 0)
        if self._scaler is not None and "grad_scale" in saved:
            self._scaler.load_state_dict(saved["grad_scale"])
        self._treatment.forget()

    def __getstate__(self) -> dict[str, Any]:
        self.averages.check_weights_in_place("__getstate__")
        found = {"options": self._options, "call": self._call, "rates": self._rates}
        return {**found, "skipped": self._treatment.skipped, "averaged": self.averages.count}

    def __setstate__(self, state: dict[str, Any]) -> None:
        Complete.__init__(self, state["options"], state["call"])
        self._rates, self.averages.count = state["rates"], state["averaged"]
        self._treatment.skipped = state["skipped"]


def names_of(groups: Groups) -> list[str]:
    """What parameters are called, in the order of all groups: by PyTorch's names if they have some, or their number."""
    names = [name for group in groups for name in group.get("param_names", [None] * len(group["params"]))]
    named = all(type(name) is str for name in names) and len(set(names)) == len(names)
    return names if named else [str(index) for index in range(len(names))]


def _places(rows: Sequence[Row]) -> Callable[[int, tuple[int, ...]], tuple[int, ...]]:
    """Where in a tensor an element of the engine's array is; it keeps no tensor alive."""
    laid_out = [(row.param.shape, row.param.stride()) for row in rows]
    return lambda row, index: index_at(*laid_out[row], *index)


@torch.no_grad()
def exchange(pair: tuple[Tensor, Tensor]) -> None:
    """Put the numbers of each of two tensors where the other's are, as autograd can notice."""
    one, other = pair
    kept = one.detach().clone()
    one.copy_(other)
    other.copy_(kept)
