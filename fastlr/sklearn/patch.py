"""scikit-learn's own networks with fastlr's optimizers.

Design: scikit-learn's `MLPClassifier` and `MLPRegressor` make an `SGDOptimizer` or an `AdamOptimizer` and give it lists
of parameters and gradients.  The classes here are theirs, with another `update_params`; when to stop and how the rate
falls stay theirs.  Their attributes (`learning_rate`, `momentum`, `ms`, `t`, ...) can be read and set as before: rates
are functions that look them up, states are read from the optimizer and written to it.

In float64 SGD has scikit-learn's bits.  Adam has its numbers to within a few units in the last place a step: fastlr
multiplies (1 - beta2) g g from the left, and takes powers of beta by multiplying.
"""

import math
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from sklearn.neural_network import _multilayer_perceptron as networks
from sklearn.neural_network import _stochastic_optimizers as optimizers

from fastlr.lab.losses import Array
from fastlr.optimizer import Optimizer
from fastlr.rules import SGD, Adam, Rule


class _Adapter(optimizers.BaseOptimizer):
    """`update_params` for an optimizer of scikit-learn's."""

    def __init__(self, params: Sequence[Array], *args: Any, **kwargs: Any) -> None:
        self._bound = list(params)
        super().__init__(params, *args, **kwargs)

    def _rule(self) -> Rule:
        raise NotImplementedError

    @cached_property
    def _optimizer(self) -> Optimizer:
        """Made when scikit-learn's constructor, the settings known, sets a state."""
        return Optimizer(self._bound, self._rule())

    def update_params(self, params: Sequence[Array], grads: Sequence[Array]) -> None:
        """Update the parameters in place.

        Parameters
        ----------
        params : list of array
            Of the shapes that the optimizer was made for.
        grads : list of array
        """
        if len(params) != len(self._bound) or any(a is not b for a, b in zip(params, self._bound, strict=True)):
            self._rebind(params)
        dtype = self._optimizer.dtype
        self._optimizer.step([np.ascontiguousarray(grad, dtype) for grad in grads])

    def _rebind(self, params: Sequence[Array]) -> None:
        """scikit-learn has other arrays now, such as those that scored best."""
        saved = self._optimizer.state_dict()
        self._bound = list(params)
        self._restore(saved)

    def _restore(self, saved: dict[str, Any]) -> None:
        self.__dict__.pop("_optimizer", None)
        self._optimizer.load_state_dict(saved)

    def _state(self, symbol: str) -> list[Array]:
        return [arrays[symbol] for arrays in self._optimizer.state.values()]

    def _set_state(self, symbol: str, values: Sequence[Array]) -> None:
        for array, value in zip(self._state(symbol), values, strict=True):
            array[...] = value

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_optimizer": self._optimizer.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        saved = state.pop("_optimizer")
        self.__dict__.update(state)  # the parameters too: pickle knows that they are the network's
        self._restore(saved)


class SGDOptimizer(_Adapter, optimizers.SGDOptimizer):
    """scikit-learn's SGD with its momentum; the same bits in float64."""

    def _rule(self) -> Rule:
        # Functions of the step, so that the rule has its buffer even where the momentum is 0.
        return SGD(
            lr=lambda step: self.learning_rate,
            momentum=lambda step: self.momentum,
            nesterov=bool(self.nesterov),
            like="sklearn",
        )

    @property
    def velocities(self) -> list[Array]:
        """What is kept of earlier steps, as copies: fastlr's buffers have the other sign."""
        return [-m for m in self._state("m")]

    @velocities.setter
    def velocities(self, velocities: Sequence[Array]) -> None:
        self._set_state("m", [-velocity for velocity in velocities])


class AdamOptimizer(_Adapter, optimizers.AdamOptimizer):
    """scikit-learn's Adam; the same numbers in float64 but for the last bits."""

    def _rule(self) -> Rule:
        return Adam(
            lr=lambda step: self.learning_rate_init,
            betas=(lambda step: self.beta_1, lambda step: self.beta_2),
            eps=lambda step: self.epsilon,
            like="sklearn",
        )

    def update_params(self, params: Sequence[Array], grads: Sequence[Array]) -> None:
        """As `_Adapter` does; and tell the rate with its corrections, as scikit-learn does."""
        super().update_params(params, grads)
        t = self._optimizer.steps
        self.learning_rate = self.learning_rate_init * math.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)

    @property
    def t(self) -> int:
        """How many steps were taken."""
        return self._optimizer.steps

    @t.setter
    def t(self, steps: int) -> None:
        saved = self._optimizer.state_dict()
        groups = [{**group, "steps": steps} for group in saved["groups"]]
        self._optimizer.load_state_dict({**saved, "steps": steps, "groups": groups})

    @property
    def ms(self) -> list[Array]:
        """The averages of the gradients."""
        return self._state("m")

    @ms.setter
    def ms(self, ms: Sequence[Array]) -> None:
        self._set_state("m", ms)

    @property
    def vs(self) -> list[Array]:
        """The averages of their squares."""
        return self._state("v")

    @vs.setter
    def vs(self, vs: Sequence[Array]) -> None:
        self._set_state("v", vs)


PATCHED = {"SGDOptimizer": SGDOptimizer, "AdamOptimizer": AdamOptimizer}


class Patch:
    """A patch in force, until `undo` is called or its `with` block is left."""

    _lock = threading.Lock()
    _in_force: ClassVar[set["Patch"]] = set()
    _originals: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        with self._lock:
            if not self._in_force:
                self._originals.update({name: getattr(networks, name) for name in PATCHED})
                _assign(PATCHED)
            self._in_force.add(self)

    def undo(self) -> None:
        """Undo this patch; scikit-learn is as it was once all patches are undone, in any order."""
        with self._lock:
            if self in self._in_force and len(self._in_force) == 1:
                _assign(self._originals)
            self._in_force.discard(self)

    def __enter__(self) -> "Patch":
        return self

    def __exit__(self, *error: object) -> None:
        self.undo()


def _assign(classes: Mapping[str, Any]) -> None:
    for name, value in classes.items():
        setattr(networks, name, value)
