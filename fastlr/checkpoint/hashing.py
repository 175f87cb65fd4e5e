"""SHA-256 in a thread of its own, so that hashing and the disk work at the same time."""

import hashlib
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any

SIZE = hashlib.sha256().digest_size


class Digest:
    """The SHA-256 of pieces, each of which must stay as it is until `result` returned.

    Not an executor: executors refuse work once the interpreter is on its way out, when the last save may still run.

    Examples
    --------
    >>> with Digest() as digest:
    ...     digest.update(b"ab")
    ...     digest.update(b"c")
    ...     digest.result() == hashlib.sha256(b"abc").digest()
    True
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._pieces: SimpleQueue[Any] = SimpleQueue()
        self._thread = Thread(target=self._run, name="fastlr-checkpoint-sha256", daemon=True)

    def __enter__(self) -> "Digest":
        self._thread.start()
        return self

    def update(self, piece: Any) -> None:
        """Append a piece: bytes, or anything with a contiguous buffer."""
        self._pieces.put(piece)

    def result(self) -> bytes:
        """The digest of all pieces; the last call."""
        self._pieces.put(None)
        self._thread.join()
        return self._hash.digest()

    def _run(self) -> None:
        while (piece := self._pieces.get()) is not None:
            self._hash.update(piece)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pieces.put(None)
