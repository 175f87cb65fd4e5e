from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

class Stream:
    threads: int
    def __init__(self, arrays: Sequence[NDArray[np.uint32]], threads: int) -> None: ...
    def step(self) -> None: ...
