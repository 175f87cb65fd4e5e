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

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeAlias

from fastlr.rules.options import Options
from fastlr.rules.settings import Default, Flag, Like, Schedulable, Setting, Varying, setting
from fastlr.rules.text import Coefficients, Kernel, RowFunction

Backend: TypeAlias = Literal["auto", "cython", "numba", "numpy"]
Denormals: TypeAlias = Literal["keep", "flush"]
BACKENDS: tuple[Backend, ...] = ("auto", "cython", "numba", "numpy")
DENORMALS: tuple[Denormals, ...] = ("keep", "flush")


@dataclass(frozen=True)
class Rule(Options):
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
    overrides : mapping of str to mapping, optional
        Settings for the parameters whose names match a pattern, with `*`, `?` and `[...]` as in file names:
        `overrides={"*.b": {"weight_decay": 0.0}, "head.*": {"lr": 0.01}}`.  Those that match the same patterns become a
        group of their own; of two patterns that set the same, the later one decides.
    no_decay : sequence of str, optional
        Patterns whose parameters get `weight_decay=0`.
    accumulate, grad_scale, max_norm, average, ...
        What a step does around the update: see `fastlr.rules.Options`.
    """

    kernels: ClassVar[tuple[Kernel, ...]]
    """Every kernel of the file."""
    coefficients: ClassVar[Coefficients]
    row: ClassVar[RowFunction | None] = None
    """For a rule whose state is a number a row: such a rule is for tables alone, see `Optimizer.step_rows`."""
    conventions: ClassVar[Mapping[str, Mapping[str, float]]] = {"torch": {}}
    """By library, what sets its formula apart: further arguments of `coefficients`."""

    lr: Schedulable = setting(1e-3, low=0.0)
    _: KW_ONLY
    like: Like = "torch"
    backend: Backend = "auto"
    denormals: Denormals = "keep"
    overrides: Mapping[str, Mapping[str, Any]] | None = field(default=None, hash=False)
    no_decay: Sequence[str] = ()

    def __init_subclass__(cls) -> None:
        cls.__repr__ = Rule.__repr__  # type: ignore[method-assign]  # or each dataclass makes one that shows every option

    def __repr__(self) -> str:
        """The settings, and what else is not as it is by default."""
        kinds = self.kinds()
        shown = [*kinds, *(f.name for f in fields(self) if f.name not in kinds and getattr(self, f.name) != f.default)]
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def __post_init__(self) -> None:
        name = type(self).__name__
        if not isinstance(self.like, str) or self.like not in self.conventions:
            known = ", ".join(map(repr, self.conventions))
            raise ValueError(f"{name}(like={self.like!r}): like must be one of {known} for {name}")
        for key, words in (("backend", BACKENDS), ("denormals", DENORMALS)):
            if getattr(self, key) not in words:
                known = ", ".join(map(repr, words))
                raise ValueError(f"{name}({key}={getattr(self, key)!r}): {key} must be one of {known}")
        self._check_patterns(name)
        self.check_options(name)
        if self.row and not self.plain:
            raise ValueError(f"{name}({min(self.options())}=...): must not be set, it is for steps of whole arrays")
        for key, kind in self.kinds().items():
            value = getattr(self, key)
            if isinstance(value, Default):
                value = value.of(self.like)
            object.__setattr__(self, key, kind.checked(value, f"{name}({key}={value!r})", key))
        for part, label, _, value in self._numbers():
            if callable(value) and part not in self.coefficients.arguments:
                raise TypeError(f"{name}({label}={value!r}): {label} must be a number, no step depends on it")
        self.check()

    def _check_patterns(self, name: str) -> None:
        if isinstance(self.no_decay, str) or not all(isinstance(pattern, str) for pattern in self.no_decay):
            raise TypeError(f'{name}(no_decay={self.no_decay!r}): no_decay must be patterns, as in ["*.b", "norm*"]')
        object.__setattr__(self, "no_decay", tuple(self.no_decay))
        overrides = self.overrides or {}
        if not isinstance(overrides, Mapping) or not all(
            isinstance(pattern, str) and isinstance(settings, Mapping) for pattern, settings in overrides.items()
        ):
            example = '{"*.b": {"lr": 0.1}}'
            raise TypeError(f"{name}(overrides={overrides!r}): overrides must be settings by pattern, as in {example}")

    @property
    def patterns(self) -> dict[str, Mapping[str, Any]]:
        """Settings by the patterns of names that they are for: those of `no_decay`, then `overrides`."""
        return {**{pattern: {"weight_decay": 0.0} for pattern in self.no_decay}, **(self.overrides or {})}

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

    def _numbers(self) -> Iterator[tuple[str, str, Setting, Any]]:
        """(argument of the coefficients, what errors call it, its range, value) of every number."""
        for key, kind in self.kinds().items():
            if isinstance(kind, Setting):
                yield from ((part, name, kind, value) for part, name, value in kind.split(key, getattr(self, key)))

    @cached_property
    def varying(self) -> tuple[Varying, ...]:
        """The settings that are functions of the step."""
        names, rule = self.coefficients.arguments[1:], type(self).__name__
        return tuple(
            Varying(names.index(part), rule, name, kind, value)
            for part, name, kind, value in self._numbers()
            if callable(value)
        )

    def arguments(self) -> tuple[float, ...]:
        """What `coefficients` takes after t, as floats; NaN for what is a function of the step."""
        values: dict[str, Any] = {**self.conventions[self.like], **self.settings()}
        values |= {part: math.nan if callable(value) else value for part, _, _, value in self._numbers()}
        return tuple(float(values[name]) for name in self.coefficients.arguments[1:])
