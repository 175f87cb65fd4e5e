"""Saves that go on while training does, and whose errors are not lost."""

import atexit
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import Thread


class Saving:
    """A save, under way or finished.

    Attributes
    ----------
    path : pathlib.Path
        The file, absolute.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread: Thread | None = None
        self._error: BaseException | None = None
        self._told = False

    def _start(self, work: Callable[[], None]) -> None:
        # Not a daemon: the interpreter waits for it before it exits.
        self._thread = Thread(target=self._run, args=(work,), name="fastlr-checkpoint-save")
        self._thread.start()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            error.add_note(f"while saving {str(self.path)!r} in the background")
            traceback.clear_frames(error.__traceback__)  # they hold the copy of the state,
            del work  # and so does this one
            self._error = error

    def _join(self, timeout: float | None = None) -> None:
        if self._thread is not None:
            self._thread.join(timeout)

    def done(self) -> bool:
        """Whether it has finished, well or not."""
        return self._thread is None or not self._thread.is_alive()

    def wait(self, timeout: float | None = None) -> Path:
        """Until the file is on the disk.

        Parameters
        ----------
        timeout : float, optional
            In seconds.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        TimeoutError
            If it is not finished by then; it goes on.
        OSError
            What made it fail.
        """
        self._join(timeout)
        if not self.done():
            raise TimeoutError(f"saving {str(self.path)!r} must finish in {timeout} s, got no further; it goes on")
        if self._error is not None:
            self._told = True
            raise self._error
        return self.path

    def __repr__(self) -> str:
        state = "under way" if not self.done() else "failed" if self._error else "done"
        return f"Saving({str(self.path)!r}, {state})"


_last: dict[Path, Saving] = {}
"""The last save in the background to each path, or pattern of paths."""


def begin(key: Path, path: Path, work: Callable[[], None]) -> Saving:
    """Do the work in the background."""
    saving = Saving(path)
    saving._start(work)
    _last[key] = saving
    return saving


def finish(key: Path) -> None:
    """Wait for the last save to a path, if any, and raise its error unless somebody has been told."""
    saving = _last.get(key)
    if saving is not None and not saving._told:
        saving.wait()


def settle(path: Path) -> None:
    """Wait for saves to a path, of which it is for others to raise the errors."""
    for key, saving in list(_last.items()):
        if path in (key, saving.path):
            saving._join()


@atexit.register
def _finish_all() -> None:
    for key in list(_last):
        try:
            finish(key)
        except Exception as error:  # the next may have failed as well
            traceback.print_exception(error)
