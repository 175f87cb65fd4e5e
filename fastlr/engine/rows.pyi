from collections.abc import Sequence
from typing import Any

from fastlr.engine import Work

class RowError(Exception): ...

class Table:
    work: Work
    arrays: tuple[Any, ...]
    flush: bool
    rows: int
    width: int
    def __init__(self, work: Work, arrays: tuple[Any, ...], flush: bool = False) -> None: ...
    @property
    def coefficient_count(self) -> int: ...
    def coefficients(self, t: int, settings: Sequence[float]) -> Any: ...
    def rounded(self, values: Sequence[float]) -> Any: ...
    def step(
        self,
        rows: Any | None,
        values: Any | None,
        coefficients: Any | None,
        last: Any | None = None,
        steps: int = 0,
        past: Any | None = None,
        begin: int = 0,
    ) -> None: ...
