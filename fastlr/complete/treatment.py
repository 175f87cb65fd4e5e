"""What an optimizer does with gradients before the update: measure, decide, scale; and what it notes after it.

Design: the engine does the work (one read of the gradients, passes over hot chunks), this module only decides, from
sums that it gets for each parameter.  Every decision falls before anything is written.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastlr.complete.noted import NOBODY, Noted, clip, unscaled
from fastlr.complete.report import NonFiniteError, Report, root
from fastlr.engine import Gather, Total, measures
from fastlr.rules.averaging import share_of
from fastlr.rules.options import Options
from fastlr.rules.settings import above_zero

if TYPE_CHECKING:
    from fastlr.complete.averages import Averages
    from fastlr.engine.native import Plan

# Squares of float64 within these neither overflow nor vanish.
SAFE = (1e-140, 1e140)
Index: TypeAlias = tuple[int, ...]


class Treatment:
    """The options of one optimizer at work."""

    def __init__(self, options: Options, call: str) -> None:
        self._options = options
        self._call = call
        self._grad_scale = options.grad_scale
        self._judges = options.on_nonfinite != "propagate"
        self._first = self._judges or options.max_norm is not None  # the gradients are read before the update
        self.skipped = 0
        self.micro_batches = 1
        """Of how many micro-batches the gradients are the sum."""
        self._before: float | None = None
        """<gradient, step> of the step that was kept, until the next gradient is measured along it."""
        self._noted = Noted()

    def attach(
        self,
        plan: "Plan",
        names: Sequence[str],
        groups: Sequence[int],
        averages: "Averages",
        place: Callable[[int, Index], Index] = lambda row, index: index,
    ) -> None:
        """Work on this plan from now on, whose rows are the parameters of these names, in these groups.

        Where the plan's arrays are laid out otherwise than the user's, `place(row, index)` is an index of the latter.
        """
        self._plan, self._names, self._averages, self._place = plan, names, averages, place
        self._group_of = np.array(groups)
        self._single = plan.rows[0][1][0].dtype == np.float32  # whose squares are safe in float64
        self._factor = 1.0
        self.forget()
        plan.treatment = self

    def forget(self) -> None:
        """There was no step; and none was kept."""
        self._noted.done = ""
        self._before = None

    def begin(self, gradients: Any) -> bool:
        """See `fastlr.engine.Treatment`."""
        noted = self._noted
        if self._options.average is not None and self._averages.in_place:
            raise RuntimeError(f"{self._call}: steps cannot be made while averaged() has the averages in place")
        grad_scale, max_norm, limit, share = self.numbers()
        gather = self._wanted(self._plan.steps)
        noted.start(grad_scale, gather)  # after what may raise, so that a report is of one step
        unscale = self._unscale(grad_scale)
        if self._first:
            self._plan.measure(gradients)
            noted.take_gradient(self._plan, unscale)
            if not self._plain_norm():
                squares, exponent = self._squares(gradients)
                noted.norm = unscaled(float(np.add.accumulate(squares)[-1]), exponent, unscale)
            gather &= ~Gather.GRADIENT
            if self._judges and not noted.finite:
                return self._refuse(gradients)
        scaled = self._scale(gradients, unscale, max_norm)
        noted.unscale, noted.share, noted.gather = unscale, share, gather
        noted.idle = self._idle(gradients) if share == 1 or gather & (Gather.KEEP | Gather.UPDATE) else NOBODY
        self._plan.direct(gather, scaled, limit, share)
        return True

    def end(self) -> None:
        """See `fastlr.engine.Treatment`."""
        noted = self._noted
        noted.done = "applied"
        if noted.gather & Gather.GRADIENT:
            noted.take_gradient(self._plan, noted.unscale)
        if noted.gather & Gather.ALONG:
            noted.along = (self._along(Total.ALONG_LAST, noted.unscale), self._before)
            self._before = None
        if noted.gather & Gather.KEEP:
            self._before = self._along(Total.ALONG_OWN, noted.unscale)
        self._follow_idle()
        if noted.share:
            self._averages.count += 1
        self.skipped = 0
        self._tell(finite=True)

    def _follow_idle(self) -> None:
        """What was passed by has made a step of zero; and its average is its weights where that of the others is."""
        passes = self._plan.passes
        assert passes is not None
        for row in self._noted.idle:
            if self._noted.gather & Gather.KEEP:
                passes.last[row][...] = 0
            if self._noted.share == 1:
                passes.averages[row][...] = self._plan.rows[row][1][0]

    def wait(self, count: int, wanted: int, grad_scale: float) -> None:
        """Note that the gradients of a micro-batch were only added."""
        self._noted.start(grad_scale, 0)
        self._noted.done = f"accumulating: {count} of {wanted} micro-batches"

    def _wanted(self, step: int) -> int:
        """What this step is to gather."""
        options, gather = self._options, 0
        if options.report != "off" and step % options.report_every == 0:
            gather |= Gather.GRADIENT
            if options.clip_value is not None:
                gather |= Gather.CLIPPED
            if options.report == "full":
                gather |= Gather.UPDATE
        if self._before is not None:
            gather |= Gather.ALONG
        if options.alpha_every is not None and step % options.alpha_every == 0:
            gather |= Gather.KEEP
        return gather

    def numbers(self) -> tuple[float, float | None, float, float]:
        """The gradients' scale, their norm's and elements' limits and the averages' share in the next step."""
        options = self._options
        grad_scale = self.number("grad_scale")
        max_norm = None if options.max_norm is None else self.number("max_norm")
        limit = math.inf if options.clip_value is None else self.number("clip_value")
        if options.average is None:
            return grad_scale, max_norm, limit, 0.0
        return (
            grad_scale,
            max_norm,
            limit,
            share_of(options.average, self._plan.steps, self._averages.count, self._call),
        )

    def number(self, name: str) -> float:
        """An option's value in the next step, or an error that says what its function gave."""
        value = getattr(self._options, name)
        if type(value) is float:
            return value
        step = self._plan.steps
        return above_zero(value(step), f"{self._call}({name}={value!r})", f"{name}({step})")

    def _unscale(self, grad_scale: float) -> float:
        mean = self._options.reduction == "mean"
        return 1.0 / (grad_scale * self.micro_batches if mean else grad_scale)

    def _along(self, column: int, unscale: float) -> float:
        return self._plan.total(column) * unscale

    # Clipping by norms

    def _scale(self, gradients: Any, unscale: float, max_norm: float | None) -> bool:
        """Set the factors; whether any is not 1."""
        if max_norm is None:
            return self._set(unscale)
        noted = self._noted
        if self._options.norm == "global":
            assert noted.norm is not None  # it was measured
            noted.norms, noted.clip = noted.norm, clip(noted.norm, max_norm)
            return self._set(unscale * noted.clip)
        squares, exponent = self._squares(gradients)
        if self._options.norm == "group":
            sums = np.zeros(self._group_of.max() + 1)
            np.add.at(sums, self._group_of, squares)  # in the order of the parameters
            squares = sums
        with np.errstate(all="ignore"):  # as `unscaled` and `clip`, for many at once
            norms = np.ldexp(np.sqrt(squares) * unscale, exponent)
            clips = np.where(norms <= max_norm, 1.0, max_norm / norms)
        noted.norms, noted.clip = norms, clips
        self._plan.factors[:] = unscale * (clips[self._group_of] if self._options.norm == "group" else clips)
        self._factor = math.nan
        return True

    def _set(self, factor: float) -> bool:
        if factor != self._factor:
            self._plan.factors.fill(factor)
            self._factor = factor
        return factor != 1.0

    def _plain_norm(self) -> bool:
        """Whether squares neither overflow nor vanish."""
        return self._single or not 0 < self._noted.largest < math.inf or SAFE[0] < self._noted.largest < SAFE[1]

    def _squares(self, gradients: Any) -> tuple[NDArray[np.float64], int]:
        """The sum of squares of each gradient over 4**exponent, and the exponent."""
        if self._plain_norm():
            return self._plan.totals[:-1, Total.GRADIENT_SQUARES], 0
        arrays: list[NDArray[Any]] = [np.zeros(0)] * len(self._names)
        for row, gradient in self._live(gradients):
            arrays[row] = gradient
        with np.errstate(all="ignore"):
            sums, exponent = measures.norm(arrays, self._noted.largest)
        return np.array(sums), exponent

    # Non-finite gradients

    def _refuse(self, gradients: Any) -> bool:
        """Do not make the step."""
        fault, options = self._first_fault(gradients), self._options
        self._noted.done = fault
        if options.on_nonfinite == "raise":
            raise NonFiniteError(f"{self._call}(on_nonfinite='raise'): {fault}; nothing was changed")
        self.skipped += 1
        too_many = options.max_skips is not None and self.skipped > options.max_skips
        if not too_many:
            self._zero(gradients)
        self._tell(finite=False)
        if too_many:
            raise NonFiniteError(
                f"{self._call}(max_skips={options.max_skips}): {self.skipped} steps in a row were skipped, in the last "
                f"{fault}; nothing was changed"
            )
        return False

    def _zero(self, gradients: Any) -> None:
        if self._plan.passes is not None and self._plan.passes.zero:
            for _, gradient in self._live(gradients):
                gradient[...] = 0

    def _live(self, gradients: Any) -> Iterator[tuple[int, NDArray[Any]]]:
        """(row, gradient) of what the step is about: not frozen, and not passed by."""
        frozen = self._plan.frozen()
        for row, gradient in enumerate(self._plan.arrays_of(gradients)):
            if gradient is not None and row not in frozen:
                yield row, np.asarray(gradient)  # also what a masked array hides

    def _idle(self, gradients: Any) -> frozenset[int]:
        """The other rows."""
        frozen = self._plan.frozen()
        if not isinstance(gradients, np.ndarray):  # of arrays only those of frozen groups may be missing
            return frozen
        absent = np.flatnonzero(gradients == 0).tolist()
        return frozen.union(row for row in absent if self._plan.rows[row][1][0].size)  # what is empty has no address

    def _first_fault(self, gradients: Any) -> str:
        for row, gradient in self._live(gradients):
            fine = np.isfinite(gradient)
            if not fine.all():
                name = self._names[row]
                index = tuple(int(i) for i in np.unravel_index(int(np.argmin(fine)), fine.shape))
                here = ", ".join(map(str, self._place(row, index)))
                return f"the gradient of {name or 'the array'!r}{here and f'[{here}]'} is {gradient[index]}"
        raise AssertionError("a gradient that is not finite was measured")

    def _tell(self, *, finite: bool) -> None:
        update: Callable[[bool], object] | None = getattr(self._grad_scale, "update", None)
        if update is not None:
            update(finite)

    # The report

    def report(self, rates: Sequence[float]) -> Report | None:
        """Of the last step; None before the first."""
        noted = self._noted
        if not noted.done:
            return None
        full = noted.done == "applied" and bool(noted.gather & Gather.UPDATE)
        return Report(
            step=self._plan.steps,
            applied=noted.done == "applied",
            reason="" if noted.done == "applied" else noted.done,
            lr=tuple(rates),
            skipped=self.skipped,
            grad_scale=noted.grad_scale,
            grad_norm=noted.norm,
            clipped_norm=self._clipped_norm(),
            clip_factor=None if noted.clip is None else float(np.min(noted.clip)),
            largest_gradient=noted.largest_unscaled,
            nonfinite=noted.nonfinite,
            update_norm=self._by_name(Total.UPDATE_SQUARES) if full else None,
            weight_norm=self._by_name(Total.WEIGHT_SQUARES) if full else None,
            largest_weight=self._plan.total(Total.WEIGHT_LARGEST) if full else None,
            along_last=noted.along[0],
            along_before=noted.along[1],
        )

    def _by_name(self, column: int) -> dict[str, float]:
        """Norms of the parameters that were not passed by."""
        squares = self._plan.totals[:-1, column]
        rows = [row for row in range(len(squares)) if row not in self._noted.idle]
        return {self._names[row]: root(squares[row]) for row in rows}

    def _clipped_norm(self) -> float | None:
        noted = self._noted
        if noted.done == "applied" and noted.gather & Gather.CLIPPED:
            return root(self._plan.total(Total.CLIPPED_SQUARES))
        if self._options.clip_value is not None or noted.done != "applied":
            return None
        if noted.clip is None:
            return noted.norm
        with np.errstate(invalid="ignore"):
            return math.hypot(*np.atleast_1d(np.multiply(noted.clip, noted.norms)))
