"""A rule of one's own: two functions and a dataclass, on Numba and on plain NumPy with the same bits."""

import inspect
from dataclasses import KW_ONLY, dataclass, fields
from typing import Any

import numpy as np
import pytest

import fastlr
from fastlr.kernels import codegen
from fastlr.rules import Coefficients, Kernel, Rule, flag, setting
from fastlr.rules.vocabulary import maximum, positive, sqrt
from tests.helpers import DTYPES, normal, outcome


def soft_sign(w, g, m, u, scale, beta, rest, tiny, lr):
    """Lion without its sign: m / |m|, softly, at most one way if m is positive."""
    g = scale * g
    m = beta * m + rest * g
    u = maximum(u, positive(m))
    w = w - lr * m / (sqrt(m * m + u) + tiny)
    return w, m, u


def soft_sign_step(t, lr, betas1, betas2, tiny, maximize, slow):
    scale = -1.0 if maximize else 1.0
    beta = betas1 if t == 1.0 else betas2
    rest = 1.0 - beta
    lr = lr / (1.0 + (slow * t) ** 0.5)
    return scale, beta, rest, tiny, lr


@dataclass(frozen=True)
class SoftSign(Rule):
    """Ours."""

    kernels = (Kernel(soft_sign),)
    coefficients = Coefficients(soft_sign_step)
    conventions = {"torch": {"slow": 0}, "optax": {"slow": 1}}  # noqa: RUF012

    betas: tuple[float, float] = setting((0.5, 0.9), low=0.0, below=1.0, parts=("betas1", "betas2"))
    tiny: float = setting(1e-8, low=0.0, optax=1e-3)
    _: KW_ONLY
    maximize: bool = flag(False)

    def initial(self, state: str) -> float:
        return 0.25 if state == "u" else 0.0


Ours = fastlr.from_rule(SoftSign)
PARAMS: list[Any] = [(3, 2), (), (0,), (40_000,)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("settings", [{}, {"like": "optax"}, {"maximize": True, "betas": (0.0, 0.25), "tiny": 0}])
def test_numba_gives_the_bits_of_numpy(dtype: str, settings: dict[str, Any]) -> None:
    made = []
    for backend in ("numba", "numpy"):
        params = [normal(i, *shape, dtype=dtype) for i, shape in enumerate(PARAMS)]
        opt = Ours(params, lambda step: 0.1 / (1 + step), backend=backend, **settings)
        assert opt.backend == backend
        assert np.unique(opt.state["0"]["u"]).tolist() == [0.25]
        start = outcome(opt)
        for step in range(5):
            grads = [normal(9 + step + i, *shape, dtype=dtype) for i, shape in enumerate(PARAMS)]
            assert opt.step(grads)
        assert outcome(opt) != start
        made.append(opt)
    assert outcome(made[0]) == outcome(made[1])


def test_groups_and_state_dict_work_as_for_the_built_in() -> None:
    def make() -> Any:
        return Ours([{"params": normal(0, 3)}, {"params": [normal(1, 2)], "tiny": 0.5}], backend="numpy")

    grads = (normal(2, 3), [normal(3, 2)])
    one, other = make(), make()
    one.step(grads)
    other.load_state_dict(one.state_dict())
    for name, array in one.params.items():
        other.params[name][...] = array
    assert [one.step(grads), other.step(grads)] == [True, True]
    assert outcome(one) == outcome(other)
    assert [group["tiny"] for group in other.groups] == [1e-8, 0.5]


def test_auto_is_numba() -> None:
    assert Ours(np.ones(2)).backend == "numba"


def test_cython_says_that_it_was_not_compiled() -> None:
    with pytest.raises(ValueError, match=r"^SoftSign\(backend='cython'\): .* ahead of time; use backend='numba'"):
        Ours(np.ones(2), backend="cython")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"betas": (0.5, 1)}, ValueError, r"^SoftSign\(betas=\(0.5, 1\)\): betas\[1\] must be in \[0, 1\), got 1.0$"),
        ({"tiny": -1}, ValueError, r"^SoftSign\(tiny=-1\): tiny must be in \[0, inf\), got -1.0$"),
        ({"like": "keras"}, ValueError, r"like must be one of 'torch', 'optax' for SoftSign$"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Ours(np.ones(2), **settings)


def test_the_class_is_the_rules() -> None:
    assert issubclass(Ours, fastlr.Optimizer)  # type: ignore[arg-type]
    assert (Ours.__name__, Ours.__doc__, Ours.__module__) == ("SoftSign", "Ours.", __name__)  # type: ignore[attr-defined]
    names = list(inspect.signature(Ours).parameters)
    assert names == [
        "params",
        "lr",
        "betas",
        "tiny",
        *fastlr.rules.Options.__dataclass_fields__,
        "like",
        "backend",
        "denormals",
        "overrides",
        "no_decay",
        "maximize",
    ]
    assert set(names[1:]) == {field.name for field in fields(SoftSign)}
    opt = Ours(np.ones(2), 0.5, (0.1, 0.2), 0.0, backend="numpy")
    settings = "lr=0.5, betas=(0.1, 0.2), tiny=0.0, maximize=False"
    assert repr(opt).startswith(f"SoftSign({settings}, like='torch', backend='numpy', steps=0)")


@pytest.mark.parametrize("thing", [int, SoftSign(), None, "Adam"])
def test_needs_a_rule(thing: Any) -> None:
    with pytest.raises(TypeError, match=r"^from_rule\(.*\): must be a subclass of fastlr\.rules\.Rule"):
        fastlr.from_rule(thing)


def wrong_order(w, m, g, lr):
    return w, m


def no_weights(w, g, m, lr):
    return m


RATE = 0.1


def a_constant(w, g, lr):
    w = w - RATE * g
    return w


def one_step(t, lr):
    return lr


def lazy(w, g, lr):
    w = w - lr * g
    return w


@dataclass(frozen=True)
class Lazy(Rule):
    kernels = (Kernel(lazy),)
    coefficients = Coefficients(one_step)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_a_rule_may_have_a_single_coefficient(backend: str) -> None:
    w = np.ones(2)
    fastlr.from_rule(Lazy)(w, lr=0.5, backend=backend).step(w.copy())
    assert w.tolist() == [0.5, 0.5]
    assert "cdef inline double one_step(" in codegen.cython_module([Lazy])


def unknown_setting(t, lr, bogus):
    return lr


def no_rate(t):
    return t


@pytest.mark.parametrize(
    ("kernel", "step", "message"),
    [
        (lazy, unknown_setting, "^Mine: unknown_setting takes 'bogus', which is no setting$"),
        (lazy, no_rate, "^Mine: no_rate must take lr$"),
        (soft_sign, one_step, "^Mine: soft_sign takes '.*', which no coefficient is named$"),
    ],
)
def test_functions_that_do_not_fit_together(kernel: Any, step: Any, message: str) -> None:
    @dataclass(frozen=True)
    class Mine(Rule):
        kernels = (Kernel(kernel),)
        coefficients = Coefficients(step)

    with pytest.raises(TypeError, match=message):
        fastlr.from_rule(Mine)


def test_defaults_differ_by_library_only() -> None:
    with pytest.raises(TypeError, match="may differ by torch, keras, optax, sklearn, got 'kw_only'"):
        flag(False, kw_only=True)


def expression(w, g, lr):
    return w - lr * g


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            wrong_order,
            r"^wrong_order: a kernel takes w, g and its state arrays first and returns w .* takes \('w', 'm', ",
        ),
        (no_weights, r"^no_weights: a kernel takes w, g .* it takes .* and returns \('m',\)$"),
        (a_constant, r"^a_constant: a kernel may use its arguments and the words sqrt, .*, got 'RATE', whose bits"),
        (expression, r"^expression: the last line must return plain names, as in `return w, m`$"),
    ],
)
def test_a_kernel_has_a_form(function: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Kernel(function)
