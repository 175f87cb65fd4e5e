"""Runs to diagnose, real ones and made up."""

import math
from dataclasses import replace
from functools import cache

import numpy as np

import fastlr
from fastlr.lab import Configuration, Monitor, choose, compare, load
from fastlr.lab.diagnosis import Trace

SHORT = Configuration(epochs=20)
"""860 steps on the digits."""


@cache
def trained(data, name, *, schedule=None, scaled=True, epochs=20):
    """The diagnosis of a run of the trainer."""
    (choice,) = choose([name])
    if schedule is not None:
        choice = replace(choice, rule=replace(choice.rule, lr=schedule))
    configuration = Configuration(epochs=epochs, standardise=scaled)
    (run,) = compare(load(data), [choice], configuration, watch=lambda choice, optimizer: Monitor()).runs
    return run.diagnosis


def trace(loss, **columns):
    """A trace of these losses, a step each."""
    loss = np.asarray(loss, float)
    named = {"step": np.arange(float(len(loss))), "loss": loss}
    about = {key: columns.pop(key) for key in ("broke", "spread", "name", "unit", "remarks") if key in columns}
    named |= {name: np.broadcast_to(np.asarray(values, float), loss.shape).copy() for name, values in columns.items()}
    return Trace(named, **about)


def bowl(lr, steps=400, curvature=(1.0, 10.0), monitor=None, schedule=None):
    """Gradient descent in a bowl, watched."""
    packed = fastlr.pack(np.ones(len(curvature)))
    opt = fastlr.SGD(packed, lr=lr if schedule is None else schedule)
    watching = monitor or Monitor()
    for _ in range(steps):
        packed.flat_grads[:] = packed.flat * curvature
        loss = 0.5 * float(packed.flat @ packed.flat_grads)
        watching.observe(loss, lr=opt.lr, params=packed.flat, grads=packed.flat_grads)
        if not math.isfinite(loss):
            break
        opt.step()
    return watching
