"""The defaults of libraries, by name.

Keras of 2019 (2.2 and 2.3) put eps beside the root of RMSprop and Adagrad, as PyTorch does, and began Adagrad's sums at
0; Keras of today puts it inside and begins at 0.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from fastlr.rules import SGD, Adagrad, Adam, RMSprop


@dataclass(frozen=True)
class Preset:
    """Optimizers with some library's defaults."""

    sgd: SGD
    rmsprop: RMSprop
    adagrad: Adagrad
    adam: Adam

    @property
    def rate(self) -> float:
        """SGD's."""
        return cast("float", self.sgd.lr)  # none of the presets has a schedule


PRESETS: Mapping[str, Preset] = {
    "2019": Preset(
        sgd=SGD(0.01, like="keras"),
        rmsprop=RMSprop(0.001, alpha=0.9, eps=1e-7),
        adagrad=Adagrad(0.01, eps=1e-7),
        adam=Adam(0.001, eps=1e-7, like="keras"),
    ),
    "keras": Preset(SGD(like="keras"), RMSprop(like="keras"), Adagrad(like="keras"), Adam(like="keras")),
    "torch": Preset(SGD(), RMSprop(), Adagrad(), Adam()),
}
