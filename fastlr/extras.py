"""What to say when an optional dependency is missing."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Around an import: where a package is missing, the error names the extra that brings it.

    >>> with extra("lab"):
    ...     import no_such_package
    Traceback (most recent call last):
    ModuleNotFoundError: no_such_package is missing: pip install 'fastlr-optim[lab]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "a package").partition(".")[0]
        raise ModuleNotFoundError(f"{package} is missing: pip install 'fastlr-optim[{name}]'", name=package) from None
