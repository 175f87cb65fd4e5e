"""Saving."""

import os
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from fastlr.checkpoint import content, files, pending
from fastlr.checkpoint.content import Counting
from fastlr.checkpoint.layout import Encoded, encoded
from fastlr.checkpoint.pending import Saving
from fastlr.checkpoint.series import FIELD, Series, series
from fastlr.optimizer import Optimizer
from fastlr.statedict import Stateful


def save(
    path: str | os.PathLike[str],
    opt: Optimizer | Counting,
    *,
    metadata: Mapping[str, Any] | None = None,
    keep: int | None = None,
    background: bool = False,
    **parts: Stateful,
) -> Saving:
    """Save an optimizer, its parameters and other parts of a run in one file.

    Whatever happens meanwhile, to the process or to the machine, the file is the old one or the new one, whole.

    Parameters
    ----------
    path : str or path
        Its folder is made if there is none.  "{steps}" in the name of the file becomes `opt.steps`.
    opt : Optimizer, or `fastlr.torch.portable(optimizer)`
    metadata : mapping, optional
        Your own values: numbers, str, bool, None, NumPy arrays, lists and mappings of str to such.  Tuples come back
        as lists.
    keep : int, optional
        Of the checkpoints that the path with its "{steps}" stands for, keep this many, those written last, and remove
        the others; nothing that is no checkpoint of fastlr is removed.
    background : bool
        Copy everything, return, and write while training goes on.  An error is raised by `wait()` of what is returned,
        or else by the next save to this path, or else printed when the interpreter exits.
    **parts
        Whatever else has `state_dict()` and `load_state_dict()`: a loss scaler, an optimizer of other parameters (these
        are saved as well).

    Returns
    -------
    Saving
        With `path`, `wait()` and `done()`; finished unless `background`.

    Raises
    ------
    TypeError, ValueError
        For what cannot be saved.
    OSError
        Where writing fails; the previous file is there still.

    Examples
    --------
    >>> import tempfile
    >>> from fastlr import checkpoint
    >>> opt = fastlr.Adam({"w": np.array([1.0, 2.0])})
    >>> opt.step({"w": np.ones(2)})
    True
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saving = checkpoint.save(f"{folder}/{{steps}}.safetensors", opt, metadata={"epoch": 1}, keep=3)
    ...     other = fastlr.Adam({"w": np.zeros(2)})
    ...     loaded = checkpoint.load(f"{folder}/{{steps}}.safetensors", other)
    >>> saving.path.name, loaded.metadata, other.steps
    ('1.safetensors', {'epoch': 1}, 1)
    >>> other.params["w"]
    array([0.999, 1.999])
    """
    call = f"save({os.fspath(path)!r})"
    content.check(opt, parts, call)
    target = series(path, call)
    _check(metadata, keep, target, call)
    pending.finish(target.path)  # first, for one copy at a time is enough
    file = encoded(content.document(opt, parts, metadata or {}, copies=background), call)
    at = target.at(opt.steps)
    if background:
        # No lambda: the frames of an error keep their functions, and those what they closed over.
        return pending.begin(target.path, at, partial(_write, file, at, target, keep))
    _write(file, at, target, keep)
    return Saving(at)


def _check(metadata: Any, keep: Any, target: Series, call: str) -> None:
    if metadata is not None and not isinstance(metadata, Mapping):
        raise TypeError(f"{call}: metadata must be a mapping, got {type(metadata).__name__}; use {{'value': ...}}")
    if keep is None:
        return
    if isinstance(keep, bool) or not isinstance(keep, int) or keep < 1:
        raise ValueError(f"{call}: keep must be an int of at least 1, got {keep!r}")
    if not target.numbered:
        raise ValueError(
            f"{call}: with keep={keep} the name of the file must have {FIELD} in it, "
            f"got {target.path.name!r}; or leave out keep, one file is replaced anyway"
        )


def _write(file: Encoded, path: Path, target: Series, keep: int | None) -> None:
    with closing(file.pieces()) as pieces:
        files.replace(path, pieces)
    if keep is not None:
        target.prune(keep, path)
