from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

FINE: int
MOVED: int
UNEVEN: int

def use(
    exchange: object,
    tensor_type: type,
    parameter_type: type,
    local: Callable[[Tensor], Tensor | None],
    count_others: Callable[[Tensor], int] | None,
) -> None: ...
def flat(tensor: Tensor) -> NDArray[np.floating]: ...
def span(tensor: Tensor) -> tuple[int, int] | None: ...

class Memory:
    addresses: NDArray[np.int64]
    private: bool
    state: dict[Any, Any]
    odd: list[tuple[int, Tensor]]
    def __init__(
        self,
        members: Sequence[Sequence[Tensor]],
        state: Mapping[Any, Any],
        rows: Sequence[tuple[int, dict[str, Any], tuple[str, ...], str | None, int]],
    ) -> None: ...
    def read(self, groups: list[dict[str, Any]], exposed: bool) -> int: ...
    def take(self, index: int, gradient: Tensor) -> bool: ...
    def has(self, index: int) -> bool: ...
    def steps(self) -> list[tuple[int, int]]: ...
    def done(self) -> list[Tensor]: ...
    def release(self) -> None: ...
