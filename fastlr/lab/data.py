"""Data to train on, split in two and standardised.

Design: whatever is learnt from data (means, deviations) is learnt from the training part alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastlr.lab.tables import DataError, counted

Task: TypeAlias = Literal["classification", "regression"]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DataSet:
    """Features and a target.

    Attributes
    ----------
    name : str
    task : {"classification", "regression"}
    x : float64 array, shape (rows, features)
    y : array, shape (rows,)
        Classification: the index into `classes`; regression: float64, in the target's units.
    features : tuple of str
        The columns of `x`.
    target : str
        What `y` is.
    classes : tuple of str
        Empty for regression.
    reason : str
        Why it is this task, in words.
    """

    name: str
    task: Task
    x: Floats
    y: NDArray[Any]
    features: tuple[str, ...]
    target: str
    classes: tuple[str, ...]
    reason: str

    def __repr__(self) -> str:
        rows, features = self.x.shape
        kind = f", {len(self.classes)} classes" if self.classes else ""
        return f"DataSet({self.name!r}, {self.task}, {counted(rows, 'row')}, {counted(features, 'feature')}{kind})"


@dataclass(frozen=True, eq=False)
class Scaling:
    """Per column, a shift to mean 0 and a scale to deviation 1; constant columns become 0."""

    mean: Floats
    scale: Floats

    @classmethod
    def of(cls, x: Floats) -> "Scaling":
        """The scaling that standardises these rows.

        Examples
        --------
        >>> import numpy as np
        >>> scaling = Scaling.of(np.array([[1.0, 7.0], [3.0, 7.0]]))
        >>> scaling.apply(np.array([[1.0, 7.0], [4.0, 7.0]]))
        array([[-1.,  0.],
               [ 2.,  0.]])
        """
        # In units of the largest value: squares of very large or very small numbers leave float64's range.
        peak = np.abs(x).max(axis=0)
        unit = np.where(peak > 0, peak, 1.0)
        mean = (x / unit).mean(axis=0) * unit
        deviation = (x / unit).std(axis=0) * unit
        # Told apart by comparison, for rounding leaves a constant column a tiny deviation, and noise of size 1.
        constant = (x == x[0]).all(axis=0) | (deviation == 0)
        return cls(np.where(constant, x[0], mean), np.where(constant, 1.0, deviation))

    def apply(self, x: Floats) -> Floats:
        """Standardised rows."""
        return (x - self.mean) / self.scale

    def undo(self, x: Floats) -> Floats:
        """Rows in the original units."""
        return x * self.scale + self.mean


@dataclass(frozen=True, eq=False)
class Part:
    """The training or the test part, ready for a model."""

    x: NDArray[np.floating]
    y: NDArray[Any]

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, eq=False)
class Split:
    """What `prepare` returns: two parts, and the scalings that were applied (None: none)."""

    train: Part
    test: Part
    features: Scaling | None
    target: Scaling | None


def prepare(
    data: DataSet,
    *,
    test_share: float = 0.25,
    seed: int = 0,
    standardise: bool = True,
    dtype: str = "float32",
) -> Split:
    """Split in two at random and standardise by the training part.

    Parameters
    ----------
    data : DataSet
    test_share : float
        The share of rows to test on, in (0, 1); for classification, of each class (at least one row of it).
    seed : int
        Of the split.
    standardise : bool
        Shift and scale every feature to mean 0 and deviation 1.  A regression target always is.
    dtype : {"float32", "float64"}

    Returns
    -------
    Split

    Raises
    ------
    DataError
        For a class with a single row, or numbers that do not fit the dtype.

    Examples
    --------
    >>> from fastlr.lab import load, prepare
    >>> split = prepare(load("iris"))
    >>> len(split.train), len(split.test), split.train.x.dtype
    (112, 38, dtype('float32'))
    """
    if not 0.0 < test_share < 1.0:
        raise ValueError(f"prepare(test_share={test_share!r}): test_share must be in (0, 1)")
    train, test = _split(data, test_share, np.random.default_rng(seed))
    features = Scaling.of(data.x[train]) if standardise else None
    target = Scaling.of(data.y[train]) if data.task == "regression" else None
    with np.errstate(over="ignore", invalid="ignore"):
        x = (features.apply(data.x) if features else data.x).astype(dtype)
        y = target.apply(data.y).astype(dtype) if target else data.y
    _check_fits(data, x, dtype)
    return Split(Part(x[train], y[train]), Part(x[test], y[test]), features, target)


def _split(data: DataSet, share: float, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to train on and rows to test on, each in random order."""
    groups = [np.arange(len(data.y))]
    if data.task == "classification":
        groups = [np.flatnonzero(data.y == k) for k in range(len(data.classes))]
    for k, group in enumerate(groups):
        if len(group) < 2:
            raise DataError(
                f"{data.name}: class {data.classes[k]!r} of {data.target!r} has {counted(len(group), 'row')}, two are "
                "needed, one to train and one to test: remove the class, or add rows"
            )
    train, test = [], []
    for group, count in zip(groups, _test_counts([len(group) for group in groups], share), strict=True):
        shuffled = rng.permutation(group)
        test.append(shuffled[:count])
        train.append(shuffled[count:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


def _test_counts(sizes: Sequence[int], share: float) -> list[int]:
    """How many rows of each group to test on: the share of the whole, and of each group as nearly as that allows."""
    exact = share * np.array(sizes)
    counts = np.floor(exact).astype(int)
    lacking = round(share * sum(sizes)) - counts.sum()
    counts[np.argsort(counts - exact, kind="stable")[:lacking]] += 1
    return [min(max(int(count), 1), size - 1) for count, size in zip(counts, sizes, strict=True)]


def _check_fits(data: DataSet, x: NDArray[np.floating], dtype: str) -> None:
    unfit = np.flatnonzero(~np.isfinite(x).all(axis=0))
    if unfit.size:
        name, values = data.features[unfit[0]], data.x[:, unfit[0]]
        raise DataError(
            f"{data.name}: column {name!r} reaches {np.abs(values).max():.3g}, too large for {dtype}: rescale it"
        )
