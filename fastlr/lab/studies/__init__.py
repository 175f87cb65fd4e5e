"""The five studies that articles on learning rates teach with, as claims that are checked.  A file here is a study."""

from collections.abc import Sequence
from dataclasses import replace

from fastlr.lab.batch import Report, train
from fastlr.lab.checks import known, seeds_of
from fastlr.lab.rows import Row
from fastlr.lab.studies import adaptive, learning_rate, momentum, plateau, time_decay
from fastlr.lab.studies.outcome import Claim, StudyResult
from fastlr.lab.studies.presets import PRESETS
from fastlr.lab.workloads import Workload, blobs

__all__ = ["PRESETS", "STUDIES", "Claim", "StudyResult", "study"]

STUDIES = {module.STUDY.name: module.STUDY for module in (learning_rate, momentum, time_decay, plateau, adaptive)}


def study(
    name: str,
    workload: Workload | None = None,
    *,
    seeds: int | Sequence[int] = 5,
    preset: str = "2019",
    report: Report = lambda share: None,
) -> StudyResult:
    """Train what a study compares, and check what is claimed of it.

    Parameters
    ----------
    name : str
        "learning-rate", "momentum", "time-decay", "plateau" or "adaptive".
    workload : Workload, optional
        A network on data; the experiment of the articles, `blobs`, if not given.
    seeds : int or sequence of int
        How many (0, 1, ...), or which.
    preset : {"2019", "keras", "torch"}
        Whose defaults: of Keras in the year of the articles, of Keras or PyTorch today.
    report : callable
        Told the share that is done.

    Returns
    -------
    StudyResult

    Raises
    ------
    ValueError
        For an unknown name, no seeds, or a workload that is no network on data.

    Examples
    --------
    >>> from fastlr.lab import blobs, study
    >>> result = study("momentum", blobs().for_epochs(20), seeds=2)
    >>> for claim in result.claims:
    ...     print(claim.words)
    0.9 and 0.99 reach in 5 epochs what 0 needs 20 for
    their test metric is less volatile
    >>> result.curve("0.9", "test_metric").shape
    (21, 2)
    """
    definition = known("study", "name", name, STUDIES)
    chosen = known("study", "preset", preset, PRESETS)
    numbers = seeds_of("study", seeds)
    task = blobs() if workload is None else workload
    if not task.metric:
        raise ValueError(f"study(workload={task!r}): the problem must be a network on data: workload(load('wine'))")
    settings = definition.settings(chosen)
    rows = [Row(rule, seed) for rule in settings.values() for seed in numbers]
    histories = train(task, rows, report=report)
    result = StudyResult(name, definition.title, definition.varied, preset, task, settings, numbers, histories)
    return replace(result, claims=tuple(definition.claims(result)))
