"""Lays parameters, state and groups out for the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fastlr import kernels
from fastlr.arrays import Array, Tree, check_parameters, empty_flat, leaves, views
from fastlr.engine import Rows, RowWork, Work
from fastlr.engine.native import Plan
from fastlr.engine.oracle import OraclePlan
from fastlr.groups import Group, Part, check_packed, check_patterns, partition
from fastlr.rows import check_table
from fastlr.rules.base import Rule
from fastlr.rules.passes import SUMMED


@dataclass(frozen=True)
class Binding:
    """What an optimizer steps over, and the engine's tables of it."""

    parts: Sequence[Part]
    tree: Tree
    """The structure in which gradients come: a list for a list of groups."""
    params: dict[str, Array]
    state: dict[str, dict[str, Array]]
    groups: list[Group]
    grads: list[Array]
    """Of packed parameters."""
    plan: Plan


def bind(parts: Sequence[Part], rule: Rule, call: str, after: Binding | None = None) -> Binding:
    """Bind parts to the engine, behind those that are bound already; or raise, and leave those as they were."""
    every = [*(after.parts if after else ()), *parts]
    check_packed(every, call)
    tree: Tree = [part.params for part in every] if every[0].listed else every[0].params
    named = list(leaves(tree, call))
    check_parameters(named, call)
    params = dict(named)
    check_patterns(rule, list(params), call)
    groups, state = (list(after.groups), dict(after.state)) if after else ([], {})
    new = list(params)[len(state) :]
    for part in parts:
        count = sum(1 for _ in leaves(part.params, call))
        for group in _groups(part, {name: params[name] for name in new[:count]}):
            if group.rule.row:
                check_table(group.names, params[group.names[0]], call)
            groups.append(group)
            state |= _state(group.rule, {name: params[name] for name in group.names})
        new = new[count:]
    grads = [array for part in every if part.packed for _, array in leaves(part.packed.grads, call)]
    plan = _plan(rule, groups, params, state, grads)
    # Nothing has been changed yet, and nothing below can fail.
    plan.steps = after.plan.steps if after else 0
    for i, group in enumerate(groups):
        group.attach(plan, i)
    return Binding(every, tree, params, state, groups, grads, plan)


def _groups(part: Part, params: Mapping[str, Array]) -> list[Group]:
    """The group of a part, or those into which patterns divide it."""
    found = partition(part.rule, list(params))
    if len(found) == 1:
        return [Group(found[0][0], part.params, found[0][1])]
    return [Group(rule, {name: params[name] for name in names}, names) for rule, names in found]


def _state(rule: Rule, params: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
    """One flat buffer for each state array of a group, so that it merges where the parameters do."""
    arrays = list(params.values())
    state: dict[str, dict[str, Array]] = {name: {} for name in params}
    for symbol in rule.kernel.state:
        flat = empty_flat(sum(array.size for array in arrays), arrays[0].dtype)
        flat.fill(rule.initial(symbol))
        for name, view in zip(params, views(flat, arrays), strict=True):
            state[name][symbol] = view
    if rule.row:
        for name, array in params.items():
            state[name][rule.row.state] = np.full(len(array), rule.initial(rule.row.state))
    return state


def _plan(
    rule: Rule,
    groups: Sequence[Group],
    params: Mapping[str, Array],
    state: Mapping[str, Mapping[str, Array]],
    grads: Sequence[Array],
) -> Plan:
    """The engine's tables."""
    where = {name: i for i, group in enumerate(groups) for name in group.names}
    rows = [(where[name], (array, *state[name].values())) for name, array in params.items()]
    return plan_of([group.rule for group in groups], rows, grads, rule)


def plan_of(rules: Sequence[Rule], rows: Rows, grads: Sequence[Array], options: Rule) -> Plan:
    """A plan for rows of groups that have these rules, with the options that hold for all of them."""
    backend, dtype = kernels.resolve(options), str(rows[0][1][0].dtype)
    works = [work_of(rule, dtype, backend) for rule in rules]
    engine = OraclePlan if backend == "numpy" else Plan
    return engine(works, rows, grads, kernels.flushes(options))


def work_of(rule: Rule, dtype: str, backend: str) -> Work:
    """A group with this rule as the engine sees it."""
    kernel, coefficients = rule.kernel, rule.coefficients
    at = (0, 0) if backend == "numpy" else kernels.addresses(rule, dtype, backend)
    return Work(
        kernel=kernel,
        kernel_address=at[0],
        coefficients=coefficients,
        coefficients_address=at[1],
        settings=rule.arguments(),
        picks=[coefficients.returns.index(name) for name in kernel.coefficients],
        states=len(kernel.state),
        values=len(coefficients.returns),
        rate_at=coefficients.arguments.index("lr") - 1,
        scale_at=kernel.coefficients.index("scale") if kernels.built_in(kernel) else -1,
        row=_row_work(rule, backend),
    )


def _row_work(rule: Rule, backend: str) -> RowWork | None:
    if rule.row is None:
        return None
    return RowWork(
        function=rule.row,
        address=0 if backend == "numpy" else kernels.row_address(rule, backend),
        picks=[rule.coefficients.returns.index(name) for name in rule.row.coefficients],
        replaced=rule.kernel.coefficients.index(rule.row.replaces),
    )


def summing(binding: Binding, sums: Mapping[str, Array], backend: str, flush: bool) -> Plan:
    """A plan that adds the parameters' gradients to these arrays."""
    dtype = str(next(iter(sums.values())).dtype)
    address = kernels.compiled(SUMMED.name, dtype)
    work = Work(SUMMED, address, _no_coefficients, 0, (), (), states=0, values=0, rate_at=0, scale_at=-1)
    rows = [(index, (sums[name],)) for (index, _), name in zip(binding.plan.rows, binding.params, strict=True)]
    engine = OraclePlan if backend == "numpy" else Plan
    return engine([work] * len(binding.groups), rows, binding.grads, flush)


def _no_coefficients(t: float) -> tuple[float, ...]:
    return ()
