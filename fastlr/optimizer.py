"""Binds a rule to parameters, state and a schedule: what the user holds."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, Protocol, cast

import numpy as np

from fastlr import kernels, statedict
from fastlr.arrays import Array, Tree, explain_misfit, matched
from fastlr.binding import Binding, bind
from fastlr.buffers import Packed
from fastlr.complete.report import Report
from fastlr.complete.step import Complete
from fastlr.engine.native import MisfitError
from fastlr.groups import Group, split
from fastlr.rules.base import Rule
from fastlr.rules.settings import Schedulable

P = ParamSpec("P")


class Optimizer:
    """A rule bound to parameters.  `fastlr.SGD`, `fastlr.Adam`, ... are its subclasses for one rule each.

    Parameters
    ----------
    params : array, or sequence or mapping of arrays, or `Packed`, or list of groups
        float32 or float64; updated in place.
    rule : fastlr.rules.Rule
        The formula and its settings.

    Attributes
    ----------
    groups : list of Group
        Parameters and settings; `opt.groups[0]["lr"] = 0.1` changes a setting from the next step on.
    state : dict of str to dict of str to array
        By parameter, then by the paper's symbol (`opt.state["w"]["m"]`): the arrays that steps update.
    name : str
        The rule's.
    dtype : numpy.dtype
        Of all parameters and of the state.
    params : dict of str to array
        By name, the arrays that steps update; names are the paths in the structure, joined by dots.

    Examples
    --------
    >>> w = np.array([1.0])
    >>> opt = fastlr.Optimizer(w, fastlr.rules.SGD(lr=0.5))
    >>> opt.step(np.array([1.0])), w
    (True, array([0.5]))
    """

    def __init__(self, params: Tree, rule: Rule) -> None:
        self.name = type(rule).__name__
        self._rule = rule
        self._complete = None if rule.plain else Complete(rule, self.name)
        call = f"{self.name}(params)"
        self._take(bind(split(params, rule, call), rule, call))

    def add_group(self, group: Mapping[str, Any]) -> None:
        """Take more parameters, with settings of their own; gradients then come in one list entry more.

        Parameters
        ----------
        group : mapping
            "params" and settings, as in a list of groups.

        Raises
        ------
        TypeError, ValueError
            For a group that cannot be used, or if the optimizer was not made of a list of groups; nothing is changed
            then.

        Examples
        --------
        >>> body, head = np.ones(2), np.ones(1)
        >>> opt = fastlr.SGD([{"params": body}], lr=0.5)
        >>> opt.add_group({"params": head, "lr": 0.25})
        >>> opt.step([np.ones(2), np.ones(1)]), head
        (True, array([0.75]))
        """
        call = f"{self.name}.add_group"
        self._check_idle("add_group")
        if not self._binding.parts[0].listed:
            raise ValueError(
                f'{call}: the optimizer must be made of a list of groups, fastlr.{self.name}([{{"params": ...}}])'
            )
        parts = split([group], self._rule, call)
        self._take(bind(parts, self._rule, call, after=self._binding))

    def _take(self, binding: Binding) -> None:
        self._binding = binding
        self._plan = binding.plan
        self._steps_before = binding.plan.steps  # of which there is nothing to report
        self.params, self.state, self.groups = binding.params, binding.state, binding.groups
        self.dtype = next(iter(self.params.values())).dtype
        tree = binding.tree
        if self._complete is not None:
            self._complete.attach(binding)
        self._is_list = type(tree) is list and all(isinstance(leaf, np.ndarray) for leaf in tree)

    def step(self, grads: Tree | None = None) -> bool:
        """Update the parameters in place.

        Parameters
        ----------
        grads : array, or sequence or mapping of arrays
            In the structure, shapes and dtype of the parameters, C-contiguous (for groups a list, an entry a group);
            read where they are and not kept.  None for packed parameters: then `packed.grads` are used; and in it for
            what belongs to a frozen group.

        Returns
        -------
        bool
            True: the step was applied.  False: it was skipped (`on_nonfinite`), or awaits more micro-batches
            (`accumulate`); `opt.report` says which.

        Raises
        ------
        TypeError, ValueError
            For gradients or a scheduled value that cannot be used; nothing is changed then.
        RuntimeError
            If another thread is inside a step of this optimizer.
        NonFiniteError
            For gradients with NaN or infinity if the optimizer was made with `on_nonfinite="raise"`, or when more than
            `max_skips` steps in a row were skipped; nothing is changed then.
        """
        arrays = None if grads is None and self._binding.grads else self._arrays(grads)
        try:
            return self._plan.step(arrays) if self._complete is None else self._complete.step(arrays)
        except MisfitError as misfit:
            raise self._explained(misfit.args[0], arrays) from None

    def flush(self) -> bool:
        """Make a step with the micro-batches that were added so far, as at the end of an epoch.

        Returns
        -------
        bool
            Whether a step was applied; False also if there were none.

        Examples
        --------
        >>> w = np.zeros(1)
        >>> opt = fastlr.SGD(w, lr=1.0, accumulate=3)
        >>> opt.step(np.array([-1.0])), opt.step(np.array([-3.0])), opt.flush(), w
        (False, False, True, array([2.]))
        """
        return self._complete.flush() if self._complete is not None else False

    @property
    def report(self) -> Report | None:
        """What the last call of `step` did; None before the first, and after `add_group` and `load_state_dict`.

        How much of it was measured the options `report`, `report_every` and `alpha_every` say.

        Examples
        --------
        >>> w = np.zeros(2)
        >>> opt = fastlr.SGD(w, lr=0.5, max_norm=1.0)
        >>> opt.step(np.array([3.0, 4.0])), w
        (True, array([-0.3, -0.4]))
        >>> opt.report.grad_norm, opt.report.clip_factor, opt.report.lr
        (5.0, 0.2, (0.5,))
        """
        rates = [self._plan.rate(i) for i in range(len(self.groups))]
        if self._complete is not None:
            return self._complete.report(rates)
        return Report(self.steps, True, "", tuple(rates), 0, 1.0) if self.steps > self._steps_before else None

    def averaged(self) -> AbstractContextManager[None]:
        """Have the average of the weights in the place of the parameters inside a `with` block.

        The parameters are put back at its end, bit for bit, also when the block raises.  Before the first average is
        taken the block sees the parameters.  Inside it steps cannot be made, nor states saved or loaded.

        Raises
        ------
        ValueError
            If the optimizer was made without `average`.
        RuntimeError
            Inside another such block, or while another thread is inside a step.
        """
        if self._complete is None:
            raise ValueError(f"{self.name}.averaged(): the optimizer must be made with average=, such as fastlr.EMA()")
        return self._complete.averaged(self.params)

    def _check_idle(self, method: str) -> None:
        """Raise inside a step, whose tables must not change, and while averages are where the weights belong."""
        around = self._complete
        if self._plan.busy if around is None else around.busy:
            raise RuntimeError(f"{self.name}.{method}(): this optimizer is in the middle of a step; wait for its end")
        if around is not None:
            around.check_weights_in_place(method)

    def _arrays(self, grads: Tree) -> list[Array | None]:
        """The gradients in the order of the parameters, or an error that says where their structure differs."""
        call = f"{self.name}.step(grads)"
        if grads is None:
            raise TypeError(
                f"{self.name}.step(): grads must be given, or the parameters packed: "
                f"packed = fastlr.pack(params); opt = fastlr.{self.name}(packed)"
            )
        if isinstance(grads, Packed):
            raise TypeError(f"{call}: pass packed.grads, not the Packed itself; or nothing")
        # A list of arrays, the common case, goes to the engine as it is: it checks each in C.
        if self._is_list and type(grads) is list and len(grads) == len(self.params):
            return grads
        return matched(self._binding.tree, grads, call)

    def _explained(self, index: int, arrays: Sequence[Array | None] | None) -> Exception:
        name, parameter = list(self.params.items())[index]
        gradient = (self._binding.grads if arrays is None else arrays)[index]
        return explain_misfit(name, parameter, gradient, f"{self.name}.step(grads)")

    @property
    def lr(self) -> float:
        """The learning rate of the next step (of the first group); set a number or a schedule for all groups.

        Examples
        --------
        >>> opt = fastlr.SGD(np.zeros(2), lr=lambda step: 0.1 / (1 + step))
        >>> opt.step(np.zeros(2)), opt.lr
        (True, 0.05)
        """
        return self.groups[0].next_rate(self.steps)

    @lr.setter
    def lr(self, lr: Schedulable) -> None:
        for group in self.groups:  # the first raises, before any has changed
            group["lr"] = lr

    @property
    def steps(self) -> int:
        """How many steps were applied."""
        return self._plan.steps

    @property
    def like(self) -> str:
        """Whose formula and defaults."""
        return self.groups[0].rule.like

    @property
    def denormals(self) -> str:
        """Whether steps "keep" numbers below the normal range or "flush" them to zero."""
        return self.groups[0].rule.denormals

    @property
    def backend(self) -> str:
        """Who runs the kernels: "cython", "numba" or "numpy"."""
        return kernels.resolve(self._rule)

    def state_dict(self) -> dict[str, Any]:
        """Everything a restart needs but the parameters: steps, settings and copies of the state, by name.

        A learning rate that is a function is saved as None, for it is code.
        """
        return statedict.save(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken: the same steps follow, bit for bit.

        Raises
        ------
        TypeError, ValueError, KeyError
            For a state of another optimizer, other parameters or a newer version; nothing is changed then.
        """
        statedict.load(self, state_dict)

    def __reduce__(self) -> str:
        raise TypeError(
            f"{self.name}: an optimizer cannot be pickled or copied, it points into your arrays; "
            "save opt.state_dict() and load it into a new one"
        )

    def __repr__(self) -> str:
        weights = sum(array.size for array in self.params.values())
        options = "".join(f"{name}={value!r}, " for name, value in self._rule.options().items())
        flush = "denormals='flush', " * (self.denormals == "flush")
        shared = f"like={self.like!r}, backend={self.backend!r}, {flush}{options}steps={self.steps}"
        about = f"{len(self.params)} array{'s' * (len(self.params) > 1)}, {weights:,} weights, {self.dtype}"
        if len(self.groups) == 1:
            return f"{self.name}({_settings(self.groups[0])}, {shared})  # {about}"
        groups = "".join(f"\n    group {i}: {', '.join(g.names)}: {_settings(g)}" for i, g in enumerate(self.groups))
        return f"{self.name}({shared})  # {about}{groups}"


def _settings(group: Group) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in group.rule.settings().items())


class OptimizerClass(Protocol[P]):
    """A subclass of `Optimizer`, as type checkers see it: with the rule's settings in its signature."""

    rule: type[Rule]

    def __call__(self, params: Tree, *args: P.args, **kwargs: P.kwargs) -> Optimizer:
        """Make the optimizer of these parameters."""
        ...


def from_rule(rule: Callable[P, Rule]) -> OptimizerClass[P]:
    """The optimizer class of a rule, one of fastlr's or your own.

    Parameters
    ----------
    rule : subclass of fastlr.rules.Rule
        See `fastlr/rules/sgd.py` for the form.  A rule of your own is compiled by Numba (extra `jit`) when an
        optimizer is made, or runs on plain NumPy with `backend="numpy"`.

    Returns
    -------
    class
        A subclass of `Optimizer` of the rule's name, with its docstring and settings.
    """
    make = rule  # with its signature, which the next line makes type checkers forget
    if not (isinstance(rule, type) and issubclass(rule, Rule)):
        raise TypeError(f"from_rule({rule!r}): must be a subclass of fastlr.rules.Rule")
    rule.verify()

    def init(self: Optimizer, params: Tree, *args: P.args, **settings: P.kwargs) -> None:
        Optimizer.__init__(self, params, make(*args, **settings))

    init.__qualname__ = f"{rule.__name__}.__init__"
    signature = inspect.signature(rule)
    params = inspect.Parameter("params", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    namespace = {
        "rule": rule,
        "__init__": init,
        "__doc__": rule.__doc__,
        "__module__": "fastlr" if rule.__module__.startswith("fastlr.") else rule.__module__,
        "__signature__": signature.replace(
            parameters=[params, *signature.parameters.values()], return_annotation=inspect.Signature.empty
        ),
    }
    return cast("OptimizerClass[P]", type(rule.__name__, (Optimizer,), namespace))
