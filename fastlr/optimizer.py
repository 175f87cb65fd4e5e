"""Binds a rule to parameters, state and a schedule: what the user holds."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from fastlr import kernels, statedict
from fastlr import rows as rows_
from fastlr.arrays import Array, Tree, explain_misfit, matched
from fastlr.binding import Binding, bind
from fastlr.buffers import Packed
from fastlr.complete.report import Report
from fastlr.complete.step import Complete
from fastlr.engine.native import MisfitError
from fastlr.groups import Group, split
from fastlr.rowsteps import Integers, Mode
from fastlr.rules.base import Rule
from fastlr.rules.settings import Schedulable


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
        self._follow_tables()

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
        arrays = None if grads is None and self._has_grads else self._arrays(grads)
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
            around.averages.check_weights_in_place(method)

    def _arrays(self, grads: Tree) -> list[Array | None]:
        """The gradients in the order of the parameters, or an error that says where their structure differs."""
        call = f"{self.name}.step(grads)"
        if self._tables_only:
            raise TypeError(f"{call}: all parameters take their steps by rows, use {self.name}.step_rows")
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

    def step_rows(self, param: str | Array, rows: Integers, values: Array, *, mode: Mode | None = None) -> bool:
        """Update some rows of a table, such as an embedding, in place; the cost grows with them, not with the table.

        The array must be in a group of its own.  From the first call on the group takes its steps by `step_rows` alone:
        `step` leaves it alone (its gradient may be None), and its schedules and bias corrections go by the group's own
        count of steps, `opt.groups[i].steps`.  A usual loop calls for each table `step_rows` once, then `step`.

        Parameters
        ----------
        param : str or array
            The table, of shape (n, ...): its name, or the very array that was passed.
        rows : array of int64 or int32, of any shape
            Which rows, from 0 to n - 1, in any order.  Where one stands several times, its gradients are added up
            first, in order of occurrence.
        values : array of shape (*rows.shape, ...) and of the table's dtype, C-contiguous
            The gradients of these rows.
        mode : {"lazy", "exact"}, optional
            What becomes of the rows that a step does not touch.  Fixed by the first call, where the default is "lazy".

            "lazy": nothing, as in torch's SparseAdam: momentum rests, and weight decay too.
            "exact": what a gradient of zero would do to them: the numbers are those of `step` with a gradient of zero
            elsewhere, bit for bit, also if settings change meanwhile.  The missed steps are made when the row is
            touched again, or by `catch_up`, which must be called for rows before they are read:

                opt.catch_up(table, rows)
                ... = table[rows]  # forward and backward
                opt.step_rows(table, rows, values, mode="exact")

        Returns
        -------
        bool
            True: the step was applied.  False: the group is frozen.

        Raises
        ------
        TypeError, ValueError, IndexError
            For what cannot be used, such as a row that the table has not; nothing is changed then.
        RuntimeError
            If another thread is inside a step of this table.

        Notes
        -----
        Without momentum and weight decay, SGD's and Adagrad's steps with a gradient of zero change nothing: use "lazy".

        A missed step costs about what a step of that row costs in the cache, so "exact" pays where most rows are not
        touched for long, or never.  It keeps 8 bytes a row, and the coefficients of all steps since the last `catch_up`
        of the whole table.

        Examples
        --------
        >>> table = np.ones((1000, 2))
        >>> opt = fastlr.SGD(table, lr=0.5)
        >>> opt.step_rows(table, np.array([7, 999, 7]), np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]]))
        True
        >>> table[[7, 999, 0]]
        array([[0.5, 0. ],
               [0.5, 0.5],
               [1. , 1. ]])
        """
        return rows_.step(self, param, rows, values, mode)

    def catch_up(self, param: str | Array | None = None, rows: Integers | None = None) -> None:
        """Make the steps that rows of tables have missed; see `step_rows`, mode "exact".  Others are left alone.

        Call it for the rows that are read next, and without arguments before the tables are used elsewhere: evaluated,
        or saved by hand.  `state_dict` and `fastlr.checkpoint` keep what rows have missed.

        Parameters
        ----------
        param : str or array, optional
            The table; all of them without.
        rows : array of int64 or int32, optional
            Which rows; all of them without, and then the coefficients of past steps are forgotten.

        Examples
        --------
        >>> table = np.ones((3, 1))
        >>> opt = fastlr.SGD(table, lr=0.5, momentum=0.5)
        >>> for rows in ([0], [1], [1]):
        ...     done = opt.step_rows(table, np.array(rows), np.ones((1, 1)), mode="exact")
        >>> table.ravel()  # row 0 has gone one step
        array([ 0.5 , -0.25,  1.  ])
        >>> opt.catch_up()
        >>> table.ravel()  # and one with half of the momentum, and with a quarter
        array([ 0.125, -0.25 ,  1.   ])
        """
        rows_.catch_up(self, param, rows)

    def _follow_tables(self) -> None:
        """Note which groups are tables; without others, the steps are those of the table that has taken most."""
        self._tables_only = all(group.by_rows for group in self.groups)
        self._has_grads = bool(self._binding.grads) and not self._tables_only
        if self._tables_only:
            self._plan.steps = max(self._plan.steps, *(group.steps for group in self.groups))

    @property
    def lr(self) -> float:
        """The learning rate of the next step (of the first group); set a number or a schedule for all groups.

        Examples
        --------
        >>> opt = fastlr.SGD(np.zeros(2), lr=lambda step: 0.1 / (1 + step))
        >>> opt.step(np.zeros(2)), opt.lr
        (True, 0.05)
        """
        group = self.groups[0]
        return group.next_rate(group.steps if group.by_rows else self.steps)

    @lr.setter
    def lr(self, lr: Schedulable) -> None:
        for group in self.groups:  # the first raises, before any has changed
            group["lr"] = lr

    @property
    def steps(self) -> int:
        """How many steps were applied: calls of `step`; if all groups are tables, of `step_rows` for one of them."""
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
