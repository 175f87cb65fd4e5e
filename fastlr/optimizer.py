"""Binds a rule to parameters, state and a schedule: what the user holds."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, ClassVar, ParamSpec, Protocol, cast

import numpy as np

from fastlr import kernels, statedict
from fastlr.arrays import Array, Tree, check_parameters, empty_flat, explain_misfit, leaves, matched, views
from fastlr.buffers import Packed
from fastlr.engine import Work
from fastlr.engine.native import Plan
from fastlr.engine.oracle import OraclePlan
from fastlr.groups import Group, split
from fastlr.rules.base import Rate, Rule

P = ParamSpec("P")


class Optimizer:
    """What all optimizers share.  Make one through `fastlr.SGD`, `fastlr.Adam`, ..., or a class of `from_rule`.

    Attributes
    ----------
    groups : list of Group
        Parameters and settings; `opt.groups[0]["lr"] = 0.1` changes a setting from the next step on.
    state : dict of str to dict of str to array
        By parameter, then by the paper's symbol (`opt.state["w"]["m"]`): the arrays that steps update.
    params : dict of str to array
        By name, the arrays that steps update; names are the paths in the structure, joined by dots.
    """

    rule: ClassVar[type[Rule]]

    def __init__(self, params: Tree, *args: Any, **settings: Any) -> None:
        rule = self.rule(*args, **settings)
        self._name = type(rule).__name__
        call = f"{self._name}(params)"
        parts = split(params, rule, call)
        self._packed = [part.packed for part in parts if part.packed is not None]
        self._tree: Tree = [part.params for part in parts] if parts[0].listed else parts[0].params
        named = list(leaves(self._tree, call))
        check_parameters(named, call)
        self.params: dict[str, Array] = dict(named)
        self._backend = kernels.resolve(rule)
        works = []
        self.groups: list[Group] = []
        self.state: dict[str, dict[str, Array]] = {}
        remaining = iter(self.params)
        for index, part in enumerate(parts):
            names = list(islice(remaining, sum(1 for _ in leaves(part.params, call))))
            self.groups.append(Group(part.rule, part.params, names, partial(self._changed, index)))
            self._make_state(part.rule, names)
            works.append(self._work(part.rule, names))
        self._plan = (OraclePlan if self._backend == "numpy" else Plan)(works)
        self._pointed = False  # at the packed gradients
        self._rates = [group.rule.coefficients.arguments.index("lr") - 1 for group in self.groups]
        self._scheduled = any(group.scheduled for group in self.groups)

    def _make_state(self, rule: Rule, names: Sequence[str]) -> None:
        arrays = [self.params[name] for name in names]
        self.state.update({name: {} for name in names})
        for symbol in rule.kernel.state:
            flat = empty_flat(sum(array.size for array in arrays), arrays[0].dtype if arrays else np.dtype("float32"))
            flat.fill(rule.initial(symbol))
            for name, view in zip(names, views(flat, arrays), strict=True):
                self.state[name][symbol] = view

    def _work(self, rule: Rule, names: Sequence[str]) -> Work:
        kernel, coefficients = rule.kernel, rule.coefficients
        at = (0, 0)
        if self._backend != "numpy":
            at = kernels.addresses(rule, str(next(iter(self.params.values())).dtype), self._backend)
        return Work(
            kernel=kernel,
            kernel_address=at[0],
            coefficients=coefficients,
            coefficients_address=at[1],
            settings=rule.arguments(),
            picks=[coefficients.returns.index(name) for name in kernel.coefficients],
            rows=[(self.params[name], *self.state[name].values()) for name in names],
            states=len(kernel.state),
            values=len(coefficients.returns),
        )

    def step(self, grads: Tree | None = None) -> bool:
        """Update the parameters in place.

        Parameters
        ----------
        grads : array, or sequence or mapping of arrays
            In the structure, shapes and dtype of the parameters, C-contiguous (for groups a list, an entry a group);
            read where they are and not kept.  None for packed parameters: then `packed.grads` are used.

        Returns
        -------
        bool
            True: the step was applied.

        Raises
        ------
        TypeError, ValueError
            For gradients or a scheduled rate that cannot be used; nothing is changed then.
        RuntimeError
            If another thread is inside a step of this optimizer.
        """
        if grads is not None:
            arrays = self._point(grads)  # noqa: F841 - keeps them alive until the step has read them
        elif not self._pointed:
            self._point_at_packed()
        if self._scheduled:
            self._follow_schedules()
        return self._plan.step()

    def _point(self, grads: Tree) -> list[Array]:
        """Hand the gradients' addresses to the engine, or say what is wrong with them; returns the arrays."""
        call = f"{self._name}.step(grads)"
        if isinstance(grads, Packed):
            raise TypeError(f"{call}: pass packed.grads, not the Packed itself; or nothing")
        tree = self._tree
        # A flat list of arrays, the common case, goes to the engine as it is: it checks each in C.
        plain = type(grads) is list and type(tree) is list and len(grads) == len(tree) == len(self.params)
        arrays: list[Array] = grads if plain else matched(tree, grads, call)
        self._pointed = False
        misfit = self._plan.point(arrays)
        if misfit >= 0:
            name, parameter = list(self.params.items())[misfit]
            raise explain_misfit(name, parameter, arrays[misfit], call)
        return arrays

    def _point_at_packed(self) -> None:
        if not self._packed:
            raise TypeError(
                f"{self._name}.step(): grads must be given, or the parameters packed: "
                f"packed = fastlr.pack(params); opt = fastlr.{self._name}(packed)"
            )
        self._point([p.grads for p in self._packed] if len(self.groups) > 1 else self._packed[0].grads)
        self._pointed = True

    def _follow_schedules(self) -> None:
        rates = [(i, group.next_rate(self.steps)) for i, group in enumerate(self.groups) if group.scheduled]
        for i, rate in rates:
            self._plan.set(i, self._rates[i], rate)

    def _changed(self, index: int, group: Group) -> None:
        """A group has new settings."""
        self._plan.configure(index, group.rule.arguments())
        self._scheduled = any(group.scheduled for group in self.groups)

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
    def lr(self, lr: Rate) -> None:
        dataclasses.replace(self.groups[0].rule, lr=lr)  # raises before any group has changed
        for group in self.groups:
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
    def backend(self) -> str:
        """Who runs the kernels: "cython", "numba" or "numpy"."""
        return self._backend

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

    def __repr__(self) -> str:
        weights = sum(array.size for array in self.params.values())
        dtype = next(iter(self.params.values())).dtype
        shared = f"like={self.like!r}, backend={self.backend!r}, steps={self.steps}"
        about = f"{len(self.params)} arrays of {weights:,} weights, {dtype}"
        if len(self.groups) == 1:
            return f"{self._name}({_settings(self.groups[0])}, {shared})  # {about}"
        groups = "".join(f"\n    group {i}: {', '.join(g.names)}: {_settings(g)}" for i, g in enumerate(self.groups))
        return f"{self._name}({shared})  # {about}{groups}"


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
    if not (isinstance(rule, type) and issubclass(rule, Rule)):
        raise TypeError(f"from_rule({rule!r}): must be a subclass of fastlr.rules.Rule")
    signature = inspect.signature(rule)
    params = inspect.Parameter("params", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    namespace = {
        "rule": rule,
        "__doc__": rule.__doc__,
        "__module__": "fastlr" if rule.__module__.startswith("fastlr.") else rule.__module__,
        "__signature__": signature.replace(
            parameters=[params, *signature.parameters.values()], return_annotation=inspect.Signature.empty
        ),
    }
    return cast("OptimizerClass[P]", type(rule.__name__, (Optimizer,), namespace))
