"""The files that a path stands for: with {steps} in its name, one for each save."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from fastlr.checkpoint.layout import LENGTH, MARK

FIELD = "{steps}"


@dataclass(frozen=True)
class Series:
    """A path, absolute, which may have {steps} in its name.

    Examples
    --------
    >>> series("/run/{steps}.safetensors", "save").at(300).as_posix()
    '/run/300.safetensors'
    """

    path: Path

    @property
    def numbered(self) -> bool:
        """Whether there is a file for each number of steps."""
        return FIELD in self.path.name

    def at(self, steps: int) -> Path:
        """The file of a number of steps; where that is a link, what it points to, for a link is not to be replaced."""
        return Path(os.path.realpath(self.path.with_name(self.path.name.replace(FIELD, str(steps)))))

    def files(self) -> list[Path]:
        """The checkpoints there are, the oldest first.

        By the time they were written: a run that went back and took another turn has fewer steps and is newer.
        """
        before, after = map(re.escape, self.path.name.split(FIELD))
        pattern = re.compile(f"{before}(0|[1-9][0-9]*){after}")
        found = []
        for entry in os.scandir(self.path.parent):
            match = pattern.fullmatch(entry.name)
            written = _written(entry) if match else None
            if match and written is not None:
                found.append((written, int(match[1]), Path(entry.path)))
        return [path for _, _, path in sorted(found)]

    def newest(self, call: str) -> Path:
        """The file to load."""
        if not self.numbered:
            return self.path
        files = self.files() if self.path.parent.is_dir() else []
        if not files:
            raise FileNotFoundError(
                f"{call}: there must be a checkpoint of such a name, found none in {str(self.path.parent)!r}"
            )
        return files[-1]

    def prune(self, keep: int, written: Path) -> None:
        """Remove all but the newest, and never the one just written, whatever the clock says."""
        others = [path for path in self.files() if path != written]
        for path in others[: max(0, len(others) - keep + 1)]:
            path.unlink(missing_ok=True)


def series(path: str | os.PathLike[str], call: str) -> Series:
    """What a path stands for.

    Raises
    ------
    ValueError
        For {steps} anywhere but once in the name of the file.
    """
    folder, name = os.path.split(os.path.abspath(path))
    if FIELD in folder or name.count(FIELD) > 1:
        raise ValueError(f"{call}: {FIELD} must be at most once in the path, in the name of the file")
    if os.path.isdir(path) or os.fspath(path).endswith(os.sep):
        raise IsADirectoryError(f"{call}: must be a file, got a folder; add a name, {FIELD}.safetensors")
    return Series(Path(os.path.realpath(folder), name))


def _written(entry: os.DirEntry[str]) -> int | None:
    """When it was written, in nanoseconds, or None if it is no checkpoint of ours or is just being removed."""
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        with open(entry.path, "rb", buffering=0) as file:
            ours = file.read(LENGTH + len(MARK))[LENGTH:] == MARK
        return entry.stat().st_mtime_ns if ours else None
    except OSError:
        return None
