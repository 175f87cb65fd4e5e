"""What a rule file is made of: settings with ranges, a kernel or several, coefficients.

Design: a rule is a frozen dataclass whose fields are the user's hyperparameters ("settings"), plus two kinds
of plain functions that are read twice, once as Python and once as text for the compilers:

- a *kernel*, the per-weight arithmetic: `def rule(w, g, <state>..., <coefficients>...)`.  It returns what it
  changes, `w` and the state arrays, in the order of its arguments.
- the *coefficients* of a step: `def step(t, <settings>..., <conventions>...)` in float64, for t = 1, 2, ...
  It returns names, and every kernel takes the ones it asks for.

No branches in a kernel: an option is a neutral coefficient (`decay = 0` without weight decay), or, where it
needs another state array, another kernel of the same file.
"""

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import cached_property
from numbers import Real
from typing import Any, ClassVar, Literal, TypeAlias, TypeGuard

from fastlr.rules.vocabulary import WORDS

Like: TypeAlias = Literal["torch", "keras", "optax", "sklearn"]
Backend: TypeAlias = Literal["auto", "cython", "numba", "numpy"]
Denormals: TypeAlias = Literal["keep", "flush"]
Rate: TypeAlias = float | Callable[[int], float]

LIBRARIES: tuple[Like, ...] = ("torch", "keras", "optax", "sklearn")
BACKENDS: tuple[Backend, ...] = ("auto", "cython", "numba", "numpy")
DENORMALS: tuple[Denormals, ...] = ("keep", "flush")


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
        expected = ("w", "g", *self.returns[1:])
        if self.returns[:1] != ("w",) or self.arguments[: len(expected)] != expected:
            raise TypeError(
                f"{self.name}: a kernel takes w, g and its state arrays first and returns w and the state arrays "
                f"in the same order; it takes {self.arguments} and returns {self.returns}"
            )

    @property
    def state(self) -> tuple[str, ...]:
        return self.returns[1:]

    @property
    def coefficients(self) -> tuple[str, ...]:
        return self.arguments[1 + len(self.returns) :]

    def __call__(self, *arrays_and_coefficients: Any) -> tuple[Any, ...]:
        out = self.function(*arrays_and_coefficients)
        return out if isinstance(out, tuple) else (out,)


class Coefficients(Text):
    """The float64 arithmetic of a step: `values = coefficients(t, *settings)`, named by `returns`."""

    @cached_property
    def rate_index(self) -> int:
        """Where among the settings the learning rate stands."""
        return self.arguments.index("lr") - 1

    def __call__(self, *t_and_settings: float) -> tuple[float, ...]:
        out = self.function(*t_and_settings)
        return out if isinstance(out, tuple) else (out,)


@dataclass(frozen=True)
class Default:
    """A setting's value where the user gave none: it depends on `like`."""

    value: Any
    by_like: tuple[tuple[str, Any], ...]

    def __post_init__(self) -> None:
        if unknown := {library for library, _ in self.by_like}.difference(LIBRARIES):
            raise TypeError(f"a setting's default may differ by {', '.join(LIBRARIES)}, got {min(unknown)!r}")

    def of(self, like: str) -> Any:
        return dict(self.by_like).get(like, self.value)

    def __repr__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True)
class Setting:
    """The range of a hyperparameter, and the names of its parts where it is a tuple."""

    low: float = -math.inf
    below: float = math.inf
    parts: tuple[str, ...] = ()
    schedulable: bool = False

    def checked(self, value: Any, call: str, name: str) -> Any:
        """The value as plain floats (or a bool, or a schedule), or an error that says what it must be."""
        if self.schedulable and callable(value):
            return value
        if not self.parts:
            return self._number(value, call, name)
        if not isinstance(value, tuple | list) or len(value) != len(self.parts):
            raise TypeError(f"{call}: {name} must be {len(self.parts)} numbers, got {value!r}")
        return tuple(self._number(part, call, f"{name}[{i}]") for i, part in enumerate(value))

    def _number(self, value: Any, call: str, name: str) -> float:
        if not isinstance(value, Real) or isinstance(value, bool):
            kind = "a number or a function of the step" if self.schedulable else "a number"
            raise TypeError(f"{call}: {name} must be {kind}, got {value!r} of type {type(value).__name__}")
        try:
            number = float(value)
        except OverflowError:  # a whole number beyond the floats
            number = math.inf
        if not (self.low <= number < self.below and math.isfinite(number)):
            raise ValueError(f"{call}: {name} must be in {self}, got {number!r}")
        return number

    def __str__(self) -> str:
        return f"{'[' if self.low > -math.inf else '('}{self.low:g}, {self.below:g})"


@dataclass(frozen=True)
class Flag:
    """An option that is on or off."""

    def checked(self, value: Any, call: str, name: str) -> bool:
        if value is not True and value is not False:
            raise TypeError(f"{call}: {name} must be True or False, got {value!r}")
        return value


def setting(
    default: Any,
    *,
    low: float = -math.inf,
    below: float = math.inf,
    parts: tuple[str, ...] = (),
    schedulable: bool = False,
    **by_like: Any,
) -> Any:
    """A field of a rule: a number in [low, below), or several (`parts` names them); defaults may differ by `like`."""
    kind = Setting(low, below, parts, schedulable)
    return field(default=Default(default, tuple(by_like.items())), metadata={"kind": kind})


def flag(default: bool, **by_like: bool) -> Any:
    """A field of a rule that is on or off."""
    return field(default=Default(default, tuple(by_like.items())), metadata={"kind": Flag()})


def rate(default: float, **by_like: float) -> Any:
    """The learning rate: finite, at least 0, or a function of the 0-based step."""
    kind = Setting(low=0.0, schedulable=True)
    return field(default=Default(default, tuple(by_like.items())), metadata={"kind": kind})


@dataclass(frozen=True)
class Rule:
    """An optimizer's hyperparameters, and what to do with them.  A subclass is one file in `fastlr/rules`.

    Parameters
    ----------
    like : {"torch", "keras", "optax", "sklearn"}
        Whose formula and defaults.
    backend : {"auto", "cython", "numba", "numpy"}
        Who runs the kernel; the bits are the same.
    denormals : {"keep", "flush"}
        What becomes of numbers too small for full precision (below 1.2e-38 in float32): kept, as IEEE 754 and NumPy
        do, or read and written as zero, which spares processors that are slow on them.
    """

    kernels: ClassVar[tuple[Kernel, ...]]
    """Every kernel of the file."""
    coefficients: ClassVar[Coefficients]
    conventions: ClassVar[Mapping[str, Mapping[str, float]]] = {"torch": {}}
    """By library, what sets its formula apart: further arguments of `coefficients`."""

    lr: Rate = rate(1e-3)
    _: KW_ONLY
    like: Like = "torch"
    backend: Backend = "auto"
    denormals: Denormals = "keep"

    def __post_init__(self) -> None:
        name = type(self).__name__
        if not isinstance(self.like, str) or self.like not in self.conventions:
            known = ", ".join(map(repr, self.conventions))
            raise ValueError(f"{name}(like={self.like!r}): like must be one of {known} for {name}")
        for key, known in (("backend", BACKENDS), ("denormals", DENORMALS)):
            if (value := getattr(self, key)) not in known:
                raise ValueError(f"{name}({key}={value!r}): {key} must be one of {', '.join(map(repr, known))}")
        for key, kind in self.kinds().items():
            value = getattr(self, key)
            if isinstance(value, Default):
                value = value.of(self.like)
            object.__setattr__(self, key, kind.checked(value, f"{name}({key}={value!r})", key))
        self.check()

    @classmethod
    def kinds(cls) -> dict[str, Setting | Flag]:
        """The settings by name, in the order of the signature."""
        return {f.name: f.metadata["kind"] for f in fields(cls) if "kind" in f.metadata}

    @classmethod
    def verify(cls) -> None:
        """Raise where the kernels, the coefficients and the settings do not fit together."""
        given = {part for key, kind in cls.kinds().items() for part in (getattr(kind, "parts", ()) or (key,))}
        given |= {name for convention in cls.conventions.values() for name in convention}
        if unknown := set(cls.coefficients.arguments[1:]) - given:
            raise TypeError(f"{cls.__name__}: {cls.coefficients.name} takes {min(unknown)!r}, which is no setting")
        if "lr" not in cls.coefficients.arguments:
            raise TypeError(f"{cls.__name__}: {cls.coefficients.name} must take lr")
        for kernel in cls.kernels:
            if unknown := set(kernel.coefficients) - set(cls.coefficients.returns):
                raise TypeError(f"{cls.__name__}: {kernel.name} takes {min(unknown)!r}, which no coefficient is named")

    def settings(self) -> dict[str, Any]:
        """The hyperparameters by name."""
        return {key: getattr(self, key) for key in self.kinds()}

    def check(self) -> None:
        """Raise where settings that are fine one by one do not go together."""

    @property
    def kernel(self) -> Kernel:
        """The kernel that these settings need."""
        return self.kernels[0]

    def initial(self, state: str) -> float:
        """What a state array starts with."""
        return 0.0

    @property
    def scheduled(self) -> bool:
        """Whether the learning rate is a function of the step."""
        return callable(self.lr)

    def arguments(self) -> tuple[float, ...]:
        """What `coefficients` takes after t, as floats; NaN for a rate that is a function of the step."""
        values: dict[str, Any] = dict(self.conventions[self.like])
        for key, kind in self.kinds().items():
            if isinstance(kind, Setting) and kind.parts:
                values.update(zip(kind.parts, getattr(self, key), strict=True))
            else:
                values[key] = getattr(self, key)
        values["lr"] = math.nan if callable(self.lr) else self.lr
        return tuple(float(values[key]) for key in self.coefficients.arguments[1:])
