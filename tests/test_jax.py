"""JAX's arrays are immutable, and several of them may share a buffer: they are gradients here, never parameters."""

from typing import Any

import numpy as np
import pytest

import fastlr
from tests.helpers import normal


def shown(array: Any) -> Any:
    """As JAX shows an array to NumPy: without a copy, read-only."""
    view = array.view()
    view.flags.writeable = False
    return view


def test_what_is_shown_read_only_is_refused_as_a_parameter() -> None:
    with pytest.raises(ValueError, match="the array must be writeable, got a read-only array; copy it"):
        fastlr.SGD(shown(normal(1, 4)))


def test_and_read_where_it_is_as_a_gradient() -> None:
    w, g = np.ones((3, 2)), np.full((3, 2), 0.5)
    assert fastlr.SGD(w, lr=1.0).step(shown(g))
    assert fastlr.SGD(w, lr=1.0).step_rows(w, shown(np.array([1])), shown(g[:1]))
    assert w.tolist() == [[0.5, 0.5], [0.0, 0.0], [0.5, 0.5]]


@pytest.mark.peers
def test_jax_shows_its_arrays_so() -> None:
    import jax.numpy as jnp

    array = jnp.arange(4.0)
    for view in (np.asarray(array), np.from_dlpack(array)):
        assert not view.flags.writeable
        assert view.ctypes.data == array.unsafe_buffer_pointer()
        with pytest.raises(ValueError, match="must be writeable"):
            fastlr.SGD(view)
    with pytest.raises(TypeError, match="must be a NumPy array"):
        fastlr.SGD(array)


@pytest.mark.peers
def test_the_loop_that_the_readme_shows() -> None:
    """Parameters in NumPy, gradients of a jitted function: the numbers are those of NumPy's."""
    import jax
    import jax.numpy as jnp

    x, y = normal(1, 50, 3), normal(2, 50)
    packed = fastlr.pack({"w": np.zeros(3, np.float32), "b": np.zeros(1, np.float32)})
    other = {name: array.copy() for name, array in packed.params.items()}
    mine, plain = fastlr.Adam(packed.params, lr=0.1), fastlr.Adam(other, lr=0.1)
    gradient = jax.jit(jax.grad(lambda p: jnp.mean((x @ p["w"] + p["b"] - y) ** 2)))
    for _ in range(50):
        mine.step({name: np.asarray(g) for name, g in gradient(dict(packed.params)).items()})  # JAX knows dict alone
        error = x @ other["w"] + other["b"] - y
        plain.step({"w": 2 * x.T @ error / np.float32(50), "b": np.array([2 * error.mean()], np.float32)})
    for name, array in packed.params.items():
        np.testing.assert_allclose(array, other[name], rtol=1e-3, atol=1e-4)
