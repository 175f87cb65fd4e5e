"""Whatever a range test changes is put back, bit for bit: arrays, optimizers, models, random states.

Design: a callback changes things that only its owner knows, so the owner names them, once, and everything named is
copied before the first step and written back in place, also where a step raised.  The global random states (NumPy's,
Python's, and PyTorch's where it has been imported) are kept without being named.
"""

import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, TypeAlias

import numpy as np

from fastlr.buffers import Packed
from fastlr.optimizer import Optimizer
from fastlr.statedict import Stateful

PutBack: TypeAlias = Callable[[], None]


@contextmanager
def kept(things: Sequence[Any]) -> Iterator[PutBack]:
    """Within it, the function puts everything back; at the end it is done in any case.

    Parameters
    ----------
    things : sequence
        Arrays; what `fastlr.pack` returned; optimizers of fastlr (with their parameters); generators of random numbers;
        anything with `state_dict` and `load_state_dict`, such as PyTorch's modules and optimizers; mappings and
        sequences of these.

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> w, rng = np.zeros(2), np.random.default_rng(0)
    >>> with kept([w, rng]) as put_back:
    ...     w += rng.normal()
    >>> w, rng.normal() == np.random.default_rng(0).normal()
    (array([0., 0.]), True)
    """
    back = [*_of_each(things), *_global()]

    def put_back() -> None:
        for one in back:
            one()

    try:
        yield put_back
    finally:
        put_back()


def _of_each(things: Any) -> Iterator[PutBack]:
    """How to put back each thing, as it is now."""
    if isinstance(things, np.ndarray):
        yield _array(things)
    elif isinstance(things, Packed):
        yield from (_array(things.flat), _array(things.flat_grads))
    elif isinstance(things, Optimizer):
        yield from map(_array, things.params.values())
        yield _optimizer(things)
    elif isinstance(things, np.random.Generator):
        yield from _of_each(things.bit_generator)
    elif isinstance(things, np.random.BitGenerator):
        yield _bits(things)
    elif isinstance(things, random.Random):
        yield _call(things.setstate, things.getstate())
    elif isinstance(things, Stateful):
        yield _loaded(things)
    elif hasattr(things, "get_state") and hasattr(things, "set_state"):
        yield _call(things.set_state, things.get_state())
    elif isinstance(things, Mapping):
        for child in things.values():
            yield from _of_each(child)
    elif isinstance(things, Sequence) and not isinstance(things, str):
        for child in things:
            yield from _of_each(child)
    else:
        raise TypeError(
            f"find_lr(state=...): {type(things).__name__} cannot be put back: it must be an array, Packed, an "
            "optimizer, a random generator, or have state_dict and load_state_dict"
        )


def _global() -> Iterator[PutBack]:
    """The random states that everything shares."""
    yield _call(np.random.set_state, np.random.get_state())
    yield _call(random.setstate, random.getstate())
    if (torch := sys.modules.get("torch")) is not None:
        yield _call(torch.set_rng_state, torch.get_rng_state())


def _call(function: Callable[[Any], Any], state: Any) -> PutBack:
    def put_back() -> None:
        function(state)

    return put_back


def _array(array: Any) -> PutBack:
    copy = array.copy()

    def put_back() -> None:
        array[...] = copy

    return put_back


def _bits(generator: np.random.BitGenerator) -> PutBack:
    state = deepcopy(generator.state)

    def put_back() -> None:
        generator.state = state

    return put_back


def _loaded(thing: Stateful) -> PutBack:
    # a copy each time, for what is loaded may be taken over as it is
    state = deepcopy(thing.state_dict())

    def put_back() -> None:
        thing.load_state_dict(deepcopy(state))

    return put_back


def _optimizer(optimizer: Optimizer) -> PutBack:
    # a rate that is a function is in the rules and not in the state
    rules, load = [group.rule for group in optimizer.groups], _loaded(optimizer)

    def put_back() -> None:
        for group, rule in zip(optimizer.groups, rules, strict=True):
            group.update(rule)
        load()

    return put_back
