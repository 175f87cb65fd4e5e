"""A rule's functions, read twice: as Python, and as text for the compilers."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

from fastlr.rules.vocabulary import WORDS


@dataclass(frozen=True)
class Text:
    """A rule's function as the compilers read it: its arguments, its body verbatim, what it returns."""

    function: Callable[..., Any]

    @cached_property
    def _tree(self) -> ast.FunctionDef:
        tree = ast.parse(self._source).body[0]
        assert isinstance(tree, ast.FunctionDef)
        return tree

    @cached_property
    def _source(self) -> str:
        return textwrap.dedent(inspect.getsource(self.function))

    @property
    def name(self) -> str:
        return self.function.__name__

    @cached_property
    def arguments(self) -> tuple[str, ...]:
        return tuple(argument.arg for argument in self._tree.args.args)

    @cached_property
    def body(self) -> str:
        """The lines after the signature and the docstring, indented by four."""
        first = self._tree.body[1 if ast.get_docstring(self._tree) else 0]
        return "\n".join(self._source.splitlines()[first.lineno - 1 :])

    @cached_property
    def returns(self) -> tuple[str, ...]:
        """The names in the return statement, which must be the last line and the only one."""
        last = self._tree.body[-1]
        value = last.value if isinstance(last, ast.Return) else None
        names = value.elts if isinstance(value, ast.Tuple) and len(value.elts) > 1 else [value]
        if not all(isinstance(name, ast.Name) for name in names):
            raise TypeError(f"{self.name}: the last line must return plain names, as in `return w, m`")
        return tuple(name.id for name in names if isinstance(name, ast.Name))


def _is_number(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


@dataclass(frozen=True)
class Kernel(Text):
    """The per-weight arithmetic: `w, *state = kernel(w, g, *state, *coefficients)` on scalars or arrays."""

    def __post_init__(self) -> None:
        if others := set(self.function.__code__.co_names) - set(WORDS):
            raise TypeError(
                f"{self.name}: a kernel may use its arguments and the words {', '.join(WORDS)}, got {min(others)!r}, "
                "whose bits depend on who computes it"
            )
        if literals := [node.value for node in ast.walk(self._tree) if _is_number(node)]:
            raise TypeError(
                f"{self.name}: a kernel must not contain the number {literals[0]!r}, whose type would widen float32 in "
                "some compilers; make it a coefficient"
            )
        if self.returns[:1] != ("w",) or self.arguments[: len(self.arrays)] != self.arrays:
            raise TypeError(
                f"{self.name}: a kernel takes w, g and its state arrays first and returns w and the state arrays "
                f"in the same order; it takes {self.arguments} and returns {self.returns}"
            )

    @property
    def state(self) -> tuple[str, ...]:
        return self.returns[1:]

    @property
    def arrays(self) -> tuple[str, ...]:
        return ("w", "g", *self.state)

    @property
    def coefficients(self) -> tuple[str, ...]:
        return self.arguments[len(self.arrays) :]

    def __call__(self, *arrays_and_coefficients: Any) -> tuple[Any, ...]:
        out = self.function(*arrays_and_coefficients)
        return out if isinstance(out, tuple) else (out,)


class Coefficients(Text):
    """The float64 arithmetic of a step: `values = coefficients(t, *settings)`, named by `returns`."""

    def __call__(self, *t_and_settings: float) -> tuple[float, ...]:
        out = self.function(*t_and_settings)
        return out if isinstance(out, tuple) else (out,)


class RowFunction(Coefficients):
    """What is computed once a row, in float64: `state, coefficient = function(square, state, *coefficients)`.

    `square` is the mean of the row's squared gradients after the kernel's first line, which must be
    `g = scale * g + decay * w` and these its first coefficients.  The state is one number a row; the coefficient
    replaces the kernel's of that name.
    """

    @property
    def state(self) -> str:
        return self.returns[0]

    @property
    def replaces(self) -> str:
        return self.returns[1]

    @property
    def coefficients(self) -> tuple[str, ...]:
        return self.arguments[2:]
