"""One optimizer used twice at a time: one of the two is told, and no step is lost, doubled or mixed."""

import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import fastlr

BACKENDS = ["cython", "numpy"]
BUSY = r"step\(.*\): this optimizer is in the middle of a step.*; give each"


class Asked:
    """Counts who made a step and who was told that he cannot."""

    def __init__(self, opt: fastlr.Optimizer) -> None:
        self.opt = opt
        self.made: list[float] = []
        self.told: list[str] = []

    def step(self, gradient: Any) -> None:
        try:
            assert self.opt.step(gradient) is True
            self.made.append(float(gradient[0]))
        except RuntimeError as error:
            self.told.append(str(error))

    def check(self, w: Any) -> None:
        assert all(re.search(BUSY, message) for message in self.told)
        assert self.opt.steps == len(self.made)
        assert np.unique(w).tolist() == [-sum(self.made)]


def optimizer(size: int, backend: str, lr: float | Callable[[int], float] = 1.0) -> tuple[Any, Asked]:
    w = np.zeros(size)
    return w, Asked(fastlr.SGD(w, lr=lr, backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [3, 5_000, 100_000])
def test_a_schedule_steps_its_own_optimizer(size: int, backend: str) -> None:
    """Inside the step that asks it: of the two one is made, whole."""
    ones, hundreds, nested = np.ones(size), np.full(size, 100.0), []

    def schedule(step: int) -> float:
        if not nested:
            nested.append(step)
            asked.step(hundreds.copy())  # which is freed at once: nothing may read it later
        return 1.0

    w, asked = optimizer(size, backend, schedule)
    asked.step(ones)
    assert (len(asked.made), len(asked.told)) == (1, 1)
    asked.check(w)
    asked.step(ones)
    assert len(asked.made) == 2
    asked.check(w)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_second_thread_comes_while_the_first_is_inside(backend: str) -> None:
    """Held there by the schedule."""
    inside, proceed = threading.Event(), threading.Event()

    def schedule(step: int) -> float:
        if threading.current_thread() is first:
            inside.set()
            assert proceed.wait(10)
        return 1.0

    w, asked = optimizer(3, backend, schedule)
    first = threading.Thread(target=asked.step, args=(np.ones(3),))
    first.start()
    assert inside.wait(10)
    asked.step(np.full(3, 100.0))
    proceed.set()
    first.join()
    assert (len(asked.made), len(asked.told)) == (1, 1)
    asked.check(w)
    asked.step(np.full(3, 100.0))
    assert len(asked.made) == 2
    asked.check(w)


@pytest.mark.parametrize("backend", BACKENDS)
def test_two_threads_step_all_the_time(backend: str) -> None:
    """One makes 20 long steps while the other asks for steps with another gradient, over and over."""
    w, asked = optimizer(1_000_000, backend)
    ones, thousands, stop = np.ones_like(w), np.full_like(w, 1000.0), threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            asked.step(thousands)

    other = threading.Thread(target=keep_asking)
    other.start()
    for _ in range(20):
        asked.step(ones)
    stop.set()
    other.join()
    assert len(asked.told) > 0
    assert len(asked.made) > 0
    asked.check(w)


def test_a_list_of_gradients_may_be_refilled_while_it_is_read() -> None:
    """The step keeps what it reads, not the list."""
    w, stop = np.zeros(4_000_000, "f4"), threading.Event()
    opt, grads = fastlr.SGD([w], lr=1.0), [np.ones_like(w)]

    def refill() -> None:
        while not stop.is_set():
            grads[0] = np.ones_like(w)

    thread = threading.Thread(target=refill)
    thread.start()
    try:
        for _ in range(30):
            opt.step(grads)
    finally:
        stop.set()
        thread.join()
    assert (w == -30).all()
