"""Work in several processes, or wherever joblib's backends take it."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from fastlr.extras import extra

T = TypeVar("T")
R = TypeVar("R")


def spread(function: Callable[[T], R], tasks: Sequence[T], jobs: int | None) -> Iterator[R]:
    """The function's value for each task, in their order.

    Design: tasks are handed out in waves of one a worker.  joblib can return results one by one, but not with all of
    its backends, and tasks of one size end together anyway.

    Parameters
    ----------
    function : callable
        Works in another process: it and the tasks can be pickled.
    tasks : sequence
    jobs : int or None
        Processes; -1 for as many as there are processors, None for what `joblib.parallel_config` says.  1 needs no
        joblib.

    Examples
    --------
    >>> list(spread(abs, [-1, 2, -3], jobs=1))
    [1, 2, 3]
    """
    if jobs == 1:
        yield from map(function, tasks)
        return
    with extra("lab"):
        from joblib import Parallel, delayed, effective_n_jobs
    wave = effective_n_jobs(jobs)
    with Parallel(n_jobs=jobs) as parallel:
        for first in range(0, len(tasks), wave):
            yield from parallel(delayed(function)(task) for task in tasks[first : first + wave])
