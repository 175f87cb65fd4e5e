"""scikit-learn: the optimizers inside its `MLPClassifier`."""

from typing import Any

from fastlr.bench.cases import Case
from fastlr.bench.peers.base import Library, UnsupportedError, start
from fastlr.bench.timing import Step


def _make(case: Case) -> Step:
    weights, grads = start(case)
    optimizer = _optimizer(weights, type(case.rule).__name__, case.rule.settings())
    return lambda: optimizer.update_params(weights, grads)


def _optimizer(weights: list[Any], name: str, settings: dict[str, Any]) -> Any:
    from sklearn.neural_network import _stochastic_optimizers as optimizers

    lr = settings["lr"]
    if name == "Adam" and not settings["amsgrad"]:
        beta1, beta2 = settings["betas"]
        return optimizers.AdamOptimizer(weights, lr, beta1, beta2, settings["eps"])
    if name == "SGD":
        return optimizers.SGDOptimizer(weights, lr, momentum=settings["momentum"], nesterov=settings["nesterov"])
    raise UnsupportedError("scikit-learn has SGD and Adam only")


LIBRARY = Library(
    "sklearn",
    {"sklearn": _make},
    ("sklearn.neural_network._stochastic_optimizers",),
    "scikit-learn",
    "pip install 'fastlr-optim[lab]'",
)
