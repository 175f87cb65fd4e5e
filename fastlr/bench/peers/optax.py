"""optax: jitted, with weights and state donated, so that XLA may update them where they are."""

from collections.abc import Callable, Mapping
from typing import Any

from fastlr.bench.cases import Case
from fastlr.bench.peers.base import Library, UnsupportedError, start
from fastlr.bench.timing import Step


def _sgd(lr: float, momentum: float, nesterov: bool, **neutral: Any) -> Any:
    import optax

    return optax.sgd(lr, momentum=momentum or None, nesterov=nesterov)


def _adagrad(lr: float, initial_accumulator_value: float, eps: float, **neutral: Any) -> Any:
    import optax

    return optax.adagrad(lr, initial_accumulator_value, eps)


def _rmsprop(lr: float, alpha: float, eps: float, momentum: float, centered: bool, **neutral: Any) -> Any:
    import optax

    return optax.rmsprop(lr, alpha, eps, eps_in_sqrt=False, centered=centered, momentum=momentum or None)


def _adam(lr: float, betas: tuple[float, float], eps: float, amsgrad: bool, **neutral: Any) -> Any:
    import optax

    return (optax.amsgrad if amsgrad else optax.adam)(lr, *betas, eps)


def _adamw(lr: float, betas: tuple[float, float], eps: float, weight_decay: float, **neutral: Any) -> Any:
    import optax

    return optax.adamw(lr, *betas, eps, weight_decay=weight_decay)


TRANSFORMS: Mapping[str, Callable[..., Any]] = {
    "SGD": _sgd,
    "Adagrad": _adagrad,
    "RMSprop": _rmsprop,
    "Adam": _adam,
    "AdamW": _adamw,
}
"""By the name of fastlr's rule: takes its settings; `neutral` are those that are raced at values without effect."""


def _make(case: Case) -> Step:
    import jax
    import optax

    name = type(case.rule).__name__
    if name not in TRANSFORMS:
        raise UnsupportedError(f"optax is raced without {name}")
    jax.config.update("jax_enable_x64", case.dtype == "float64")
    transform = TRANSFORMS[name](**case.rule.settings())
    weights, grads = ([jax.numpy.array(array) for array in arrays] for arrays in start(case))
    state = transform.init(weights)

    def update(weights: Any, state: Any, grads: Any) -> tuple[Any, Any]:
        updates, state = transform.update(grads, state, weights)
        return optax.apply_updates(weights, updates), state

    compiled = jax.jit(update, donate_argnums=(0, 1))

    def step() -> Any:
        nonlocal weights, state
        weights, state = compiled(weights, state, grads)
        return jax.block_until_ready(weights)

    return step


LIBRARY = Library("optax", {"optax": _make}, ("jax", "optax"), "optax", "pip install 'fastlr-optim[race]'")
