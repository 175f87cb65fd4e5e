"""How many threads a step uses."""

import os

from fastlr.engine import PROCESSORS, native


def available() -> int:
    """The processors this process may run on, or fewer if OMP_NUM_THREADS says so; 1 without OpenMP."""
    if not native.OPENMP:
        return 1
    # The variable may be a list, one number a nesting level: "4,2".
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(PROCESSORS, int(first)) if first.isdecimal() and int(first) > 0 else PROCESSORS


def set_num_threads(count: int) -> None:
    """Set how many threads a step may use; the result has the same bits for any number.

    Parameters
    ----------
    count : int
        At least 1.  Small steps use one thread whatever is set.

    Raises
    ------
    ValueError
        For a count below 1, or above 1 where threads cannot be used: without OpenMP, or in a forked process
        (the OpenMP runtime does not survive a fork).

    Examples
    --------
    >>> before = fastlr.get_num_threads()
    >>> fastlr.set_num_threads(1)
    >>> fastlr.get_num_threads()
    1
    >>> fastlr.set_num_threads(before)
    """
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"set_num_threads({count!r}): must be a whole number, got {type(count).__name__}")
    if not 1 <= count <= 1024:
        raise ValueError(f"set_num_threads({count}): must be from 1 to 1024")
    if count > 1 and not native.OPENMP:
        raise ValueError(f"set_num_threads({count}): must be 1, fastlr was built without OpenMP")
    if count > 1 and _forked:
        raise ValueError(
            f"set_num_threads({count}): must be 1 in a forked process, where OpenMP cannot be used; "
            "start it with multiprocessing's 'spawn' or 'forkserver' instead"
        )
    native.set_threads(count)


def get_num_threads() -> int:
    """How many threads a step may use: at import, the processors available, or OMP_NUM_THREADS if that is less.

    Examples
    --------
    >>> fastlr.get_num_threads() >= 1
    True
    """
    return native.get_threads()


_forked = False


def _after_fork() -> None:
    global _forked
    _forked = True
    native.set_threads(1)


native.set_threads(available())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
