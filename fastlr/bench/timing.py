"""A turn: the time of a step, measured over as many steps as the clock needs, in a process that then comes to rest."""

import gc
import itertools
import time
from collections.abc import Callable
from typing import Any, TypeAlias

Step: TypeAlias = Callable[[], Any]
"""One full step of an optimizer; when it returns, the weights are updated."""
Clock: TypeAlias = Callable[[], float]

TURN = 0.005
"""Seconds that a turn lasts at least.  Long against the clock (0.1 us) and against waking a thread (50 us)."""


def calibrate(step: Step, clock: Clock = time.perf_counter) -> int:
    """How many steps a turn must have to last `TURN`: 1, 2, 4, 8, ...

    Parameters
    ----------
    step : callable
        Called twice before anything is measured: the first call may compile, or allocate the state.
    clock : callable
        Seconds.

    Returns
    -------
    int
    """
    step(), step()
    number = 1
    while timed(step, number, clock) < TURN:
        number *= 2
    return number


def turn(step: Step, number: int, clock: Clock = time.perf_counter) -> float:
    """Seconds a step, the mean of so many.

    Another process has had the caches and the processors since the turn before, so a step is taken before the clock
    starts; not where a turn is one step, which is then so long that it brings its own memory anyway.
    """
    if number > 1:
        step()
    return timed(step, number, clock) / number


def timed(step: Step, number: int, clock: Clock) -> float:
    """Seconds of so many steps, without pauses for Python's garbage collection."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        begin = clock()
        for _ in itertools.repeat(None, number):
            step()
        return clock() - begin
    finally:
        if collecting:
            gc.enable()


def rest(clock: Clock = time.process_time, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Wait until this process uses no processor any more; False if it does not come to rest.

    The threads of most OpenMP runtimes spin for some milliseconds after a step, on the processors that the next
    contestant is about to use.

    Parameters
    ----------
    clock : callable
        Seconds of processor time that the threads of this process have used together.
    sleep : callable
        Sleeps for so many seconds.
    """
    for _ in range(100):
        before = clock()
        sleep(0.002)
        if clock() - before < 0.0002:
            return True
    return False
