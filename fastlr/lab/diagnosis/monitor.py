"""Watches a run in any loop, and says what is wrong with it."""

import math
from dataclasses import replace
from typing import Any, SupportsFloat

from fastlr.lab.diagnosis import features as scales
from fastlr.lab.diagnosis.faults import judge
from fastlr.lab.diagnosis.probe import EVERY, Look, Probe
from fastlr.lab.diagnosis.repair import Action, Repairer, listed, rate_of, repairable
from fastlr.lab.diagnosis.reports import Arrays, flat, leaves, number, read
from fastlr.lab.diagnosis.result import Diagnosis
from fastlr.lab.diagnosis.trace import CAPACITY, Recorder

NAN = math.nan
RATE_EVERY = 8
"""Steps between two looks at the optimizer's rate, which costs as much as all the rest of an observation."""
MOST_ACTIONS = 10
"""Rates that were lowered so often are not what is wrong."""


class Monitor:
    """Watches a run.

    Parameters
    ----------
    features : array-like, shape (rows, features), optional
        What the model is trained on: only how far apart the scales of its columns are is kept.
    act : bool
        Whether to restore the last good weights and lower the rate where the run diverges.
    optimizer : optimizer of fastlr or PyTorch, optional
        Whose rate it is: read every eighth step where it is not told.  Needed to act.
    every : int
        Of the steps whose `params` and `grads` are shown, every how many-th is looked at.
    name : str
        Of the run, for what is said.

    Attributes
    ----------
    actions : tuple of Action
        What was done.

    Examples
    --------
    >>> from fastlr.lab import Monitor
    >>> packed = fastlr.pack(np.ones(2))
    >>> opt = fastlr.SGD(packed, lr=0.00001)
    >>> monitor = Monitor()
    >>> for _ in range(500):
    ...     w = packed.params
    ...     packed.flat_grads[:] = w * [1.0, 10.0]
    ...     loss = 0.5 * w @ packed.flat_grads
    ...     action = monitor.observe(loss, lr=opt.lr, params=packed.flat, grads=packed.flat_grads)
    ...     applied = opt.step()
    >>> found = monitor.diagnose()
    >>> found.fault, found.lr > opt.lr
    ('too low', True)
    """

    def __init__(
        self,
        *,
        features: Any = None,
        act: bool = False,
        optimizer: Any = None,
        every: int = EVERY,
        name: str = "",
        capacity: int = CAPACITY,
    ) -> None:
        if act and optimizer is None:
            raise ValueError("Monitor(act=True, optimizer=None): optimizer must be given, to lower its rate")
        self.name = name
        self.actions: tuple[Action, ...] = ()
        self._spread = math.nan if features is None else scales.spread(features)
        self._capacity, self._every = capacity, every
        self._repairer = Repairer(repairable(optimizer), self._lowering) if act else None
        self._rate_of = None if optimizer is None else rate_of(optimizer)
        self._rate = NAN
        self._steps = 0
        self._begin()

    def _begin(self) -> None:
        self._recorder = Recorder(self._capacity)
        self._probe = Probe(self._every)
        self._broke: float | None = None

    def observe(
        self,
        loss: SupportsFloat | None = None,
        *,
        report: Any = None,
        step: float | None = None,
        lr: SupportsFloat | None = None,
        grad_norm: SupportsFloat | None = None,
        val_loss: SupportsFloat | None = None,
        accuracy: SupportsFloat | None = None,
        alpha: SupportsFloat | None = None,
        params: Arrays = None,
        grads: Arrays = None,
    ) -> Action | None:
        """Take note of a step, or of an evaluation.  Everything is optional; the more, the surer.

        Parameters
        ----------
        loss : float
            Of the step's batch.  NaN and infinities count as divergence.
        report : Report, optional
            `opt.report`.
        step : int, optional
            Counted where neither this nor the report tells.
        lr, grad_norm, val_loss, accuracy : float, optional
        alpha : float, optional
            The overshoot of the last step, where you measure it yourself: the slope at its end over the slope at its
            beginning, with its sign turned.
        params, grads : array, or sequence or mapping of arrays or tensors, optional
            Between the gradient and the update, at every step: then the overshoot is measured here.  Of tensors,
            `grads` may be left out.

        Returns
        -------
        Action or None
            What was done about a divergence.  Skip the update then: the gradient belongs to weights that are gone.

        Raises
        ------
        TypeError
            For what is no number; nothing is noted then.
        """
        # written out, for this is run at every step: a loop over the names takes twice as long
        told = loss if type(loss) is float else number("loss", loss)
        rate = lr if type(lr) is float else number("lr", lr)
        norm = NAN if grad_norm is None else number("grad_norm", grad_norm)
        val = NAN if val_loss is None else number("val_loss", val_loss)
        right = NAN if accuracy is None else number("accuracy", accuracy)
        after = before = ratio = NAN
        at = float(self._steps) if step is None else float(step)
        if report is not None:
            seen = read(report)
            at = at if step is not None or seen.step != seen.step else seen.step
            rate, norm = rate if rate == rate else seen.lr, norm if norm == norm else seen.grad_norm
            after, before, ratio = seen.along_last, seen.along_before, seen.ratio
            if seen.broke and self._broke is None:
                self._broke = at
        if rate != rate and self._rate_of is not None:
            if self._steps % RATE_EVERY == 0:
                self._rate = self._rate_of()
            rate = self._rate
        if alpha is not None:
            after, before = number("alpha", alpha), -1.0
        if params is not None and self._probe.due() and (look := self._shown(params, grads)) is not None:
            after, before, ratio, norm = (
                float(value) for value in (look.along_last, look.along_before, look.ratio, look.grad_norm)
            )
        if loss is not None:
            self._steps += 1
            if not math.isfinite(told):
                self._broke = at if self._broke is None else self._broke
        if self._broke is None:
            self._recorder.add((at, told, rate, norm, after, before, ratio, val, right))
        if self._repairer is None or loss is None or len(self.actions) >= MOST_ACTIONS:
            return None
        if (action := self._repairer.observe(at, told)) is not None:
            self.actions += (action,)
            self._begin()
        return action

    def _shown(self, params: Arrays, grads: Arrays) -> Look | None:
        weights = leaves(params)
        slopes = [w.grad for w in weights] if grads is None else leaves(grads)
        pairs = [(w, g) for w, g in zip(weights, slopes, strict=True) if g is not None]
        return self._probe.show([flat(w) for w, _ in pairs], [flat(g) for _, g in pairs])

    def _lowering(self) -> float:
        """What to multiply the rate by where the run diverges: what is advised, but no more than ten times less."""
        factor = self.diagnose().factor
        return 0.1 if factor is None or not factor < 1 else min(max(factor, 0.1), 0.5)

    def diagnose(self) -> Diagnosis:
        """The verdict on what was observed until now (since the last action)."""
        remarks = listed(self.actions)
        if len(self.actions) >= MOST_ACTIONS:
            remarks += (f"{MOST_ACTIONS} actions did not help: no more follow",)
        return judge(self._recorder.trace(broke=self._broke, spread=self._spread, name=self.name, remarks=remarks))

    def show_features(self, x: Any) -> None:
        """Keep how far apart the scales of these columns are, as for `features`."""
        self._spread = scales.spread(x)

    def follow(self, optimizer: Any) -> None:
        """Read the rate of this optimizer from now on."""
        self._rate_of = rate_of(optimizer)

    def __getstate__(self) -> dict[str, Any]:
        # an optimizer points into arrays and cannot be copied: a copy follows none, and does not act
        return {**self.__dict__, "_rate_of": None, "_repairer": None}

    def __call__(self, estimator: Any) -> bool:
        """Take note of an epoch of one of scikit-learn's estimators, or ours: to be passed in `callbacks`.

        Returns
        -------
        bool
            False: the training is to go on.
        """
        rates, scores = getattr(estimator, "lr_curve_", None), getattr(estimator, "validation_scores_", None)
        self.observe(estimator.loss_, lr=rates[-1] if rates else None, accuracy=scores[-1] if scores else None)
        return False

    def __repr__(self) -> str:
        return f"Monitor({self._steps:,} steps observed, {len(self.actions)} actions)"

    def _repr_html_(self) -> str:
        return self.diagnose()._repr_html_()

    def named(self, name: str) -> "Diagnosis":
        """The diagnosis under another name."""
        found = self.diagnose()
        return replace(found, trace=replace(found.trace, name=name))
