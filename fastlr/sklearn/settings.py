"""What the estimators' parameters may be, and the errors that say so."""

import copy
import dataclasses
import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from fastlr.lab.optimizers import choose
from fastlr.rules.base import Rule

FLAGS = ("shuffle", "early_stopping", "warm_start")
NUMBERS: Mapping[str, tuple[Any, float, float]] = {
    "alpha": (Real, 0, math.inf),
    "tol": (Real, 0, math.inf),
    "max_iter": (Integral, 1, math.inf),
    "n_iter_no_change": (Integral, 1, math.inf),
    "batch_size": (Integral, 1, math.inf),
    "validation_fraction": (Real, 0, 1),
}
"""The kind, the least value, and what it must be below."""
INSTEAD: Mapping[str, object] = {"batch_size": "auto", "n_iter_no_change": math.inf}
"""What is taken as well."""
AUTO = "auto"
"""The rate that a range test finds."""
DTYPES = ("auto", "float32", "float64")


def check(name: str, params: Mapping[str, Any]) -> None:
    """Raise for a parameter that cannot be used.

    Parameters
    ----------
    name : str
        The estimator's class.
    params : mapping
        As `get_params` returns them.
    """
    for key in FLAGS:
        if not isinstance(params[key], bool | np.bool_):
            raise TypeError(f"{_call(name, key, params)} must be True or False")
    for key, bounds in NUMBERS.items():
        if key not in INSTEAD or params[key] != INSTEAD[key]:
            _check_number(_call(name, key, params), params[key], *bounds)
    if params["dtype"] not in DTYPES:
        raise ValueError(f"{_call(name, 'dtype', params)} must be one of {', '.join(map(repr, DTYPES))}")
    _check_callbacks(_call(name, "callbacks", params), params["callbacks"])


def _call(name: str, key: str, params: Mapping[str, Any]) -> str:
    return f"{name}({key}={params[key]!r}): {key}"


def _check_number(call: str, value: Any, kind: Any, low: float, below: float) -> None:
    what = "a whole number" if kind is Integral else "a number"
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{call} must be {what}, got {value!r} of type {type(value).__name__}")
    if not low <= value < below:
        raise ValueError(f"{call} must be in [{low:g}, {below:g}), got {value!r}")


def _check_callbacks(call: str, callbacks: Any) -> None:
    if callbacks is None:
        return
    if not isinstance(callbacks, Sequence) or not all(map(callable, callbacks)):
        raise TypeError(f"{call} must be a list of functions of the estimator, or None")


def hidden(name: str, sizes: Any) -> tuple[int, ...]:
    """The units of the hidden layers, from one number or several.

    Examples
    --------
    >>> hidden("MLPClassifier", 50), hidden("MLPClassifier", [50, 20])
    ((50,), (50, 20))
    """
    several = tuple(np.atleast_1d(sizes).tolist())
    if not all(isinstance(size, int) and size > 0 for size in several):
        raise ValueError(f"{name}(hidden_layer_sizes={sizes!r}): hidden_layer_sizes must be whole numbers above 0")
    return several


def rule(name: str, optimizer: Any, learning_rate: Any) -> Rule:
    """The rule that an estimator's parameters stand for.

    Parameters
    ----------
    name : str
        The estimator's class.
    optimizer : str or Rule
        A name of `fastlr.lab.OPTIMIZERS`, or a rule.
    learning_rate : float or callable of the step or "auto" or None
        None, and "auto" until it is found: the rule's own.

    Examples
    --------
    >>> rule("MLPClassifier", "momentum", 0.1).settings()["momentum"]
    0.9
    """
    if learning_rate == AUTO:
        learning_rate = None
    if isinstance(learning_rate, str):
        raise ValueError(
            f"{name}(learning_rate={learning_rate!r}): learning_rate must be a number, a function of the step such as "
            "those of fastlr.schedules, 'auto', which finds one, or None, the optimizer's own"
        )
    if isinstance(optimizer, str):
        optimizer = choose([optimizer])[0].rule
    if not isinstance(optimizer, Rule):
        raise TypeError(
            f"{name}(optimizer={optimizer!r}): optimizer must be a name such as 'adamw', or a rule such as "
            "fastlr.rules.AdamW(weight_decay=0.1)"
        )
    lr: Any = optimizer.lr if learning_rate is None else learning_rate
    # A schedule may have a state (Plateau): what the user passed must not change.
    return dataclasses.replace(optimizer, lr=copy.deepcopy(lr))
