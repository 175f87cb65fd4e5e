"""The optimizer classes that users make objects of, each made from a rule."""

import inspect
from collections.abc import Callable
from typing import ParamSpec, Protocol, cast

from fastlr.arrays import Tree
from fastlr.optimizer import Optimizer
from fastlr.rules.base import Rule

P = ParamSpec("P")


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
