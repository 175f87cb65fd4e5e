"""The training step of `fastlr train`: gradients of a small network on scikit-learn's digits, and the optimizer."""

from typing import Any

import fastlr
from fastlr.lab import MLP, OPTIMIZERS, Configuration, choose, load, prepare

from .cases import Step
from .timing import Repeated

STEPS = 200


class Network:
    """The network that `fastlr train digits` trains unless told otherwise, and its first batch."""

    def __init__(self) -> None:
        defaults = Configuration()
        data = load("digits")
        split = prepare(
            data,
            test_share=defaults.test_share,
            seed=defaults.seed,
            standardise=defaults.standardise,
            dtype=defaults.dtype,
        )
        sizes = (len(data.features), *defaults.hidden, len(data.classes))
        self.model = MLP(sizes, defaults.activation, dtype=defaults.dtype)
        self.packed = fastlr.pack(self.model.init(defaults.seed))
        self.batch = split.train.x[: defaults.batch], split.train.y[: defaults.batch]

    def gradients(self) -> float:
        """Forward and backward."""
        return self.model.loss_and_grad(self.packed.params, self.packed.grads, self.batch)


def training_step(name: str) -> Step:
    """Gradients, and a step of this optimizer."""
    network = Network()
    optimizer = choose([name])[0].optimizer(network.packed)

    def step() -> None:
        network.gradients()
        optimizer.step()

    return step


class Training(Repeated):
    """A training step with each of the optimizers that `fastlr train` knows by name."""

    params = (list(OPTIMIZERS),)
    param_names = ("optimizer",)

    def setup(self, name: str) -> None:
        """Load the digits."""
        self.prepare(training_step(name), STEPS)

    def time_step(self, *parameters: Any) -> None:
        """Seconds for one."""
        self.run()


class Gradients(Repeated):
    """What of a training step is not the optimizer's."""

    def setup(self) -> None:
        """Load the digits."""
        self.prepare(Network().gradients, STEPS)

    def time_gradients(self) -> None:
        """Seconds for one."""
        self.run()
