"""A plain NumPy training loop on the digits: pack, schedule, step; and the same loop with AdamW written in NumPy.

    python examples/numpy_loop.py

Needs scikit-learn, for the digits.  The two loops take turns epoch by epoch, so that whatever else the machine does is
shared fairly; both draw the same batches, and end with the same weights but for rounding.
"""

from itertools import pairwise
from time import perf_counter

import numpy as np
from sklearn.datasets import load_digits

import fastlr
from fastlr.schedules import Cosine, Warmup

EPOCHS, BATCH, HIDDEN = 20, 32, (64, 64)


def network(rng):
    """Weights and biases of each layer, in float32."""
    sizes = (64, *HIDDEN, 10)
    layers = [(rng.normal(0, (2 / a) ** 0.5, (a, b)), np.zeros(b)) for a, b in pairwise(sizes)]
    return [{"w": w.astype("f4"), "b": b.astype("f4")} for w, b in layers]


def outputs(layers, x):
    """The input of each layer, then the output of the last."""
    found = [x]
    for layer in layers[:-1]:
        found.append(np.maximum(found[-1] @ layer["w"] + layer["b"], 0))
    return [*found, found[-1] @ layers[-1]["w"] + layers[-1]["b"]]


def backward(layers, x, y, grads):
    """Write the gradient of the mean cross-entropy into `grads`."""
    *inputs, scores = outputs(layers, x)
    error = np.exp(scores - scores.max(axis=1, keepdims=True))
    error /= error.sum(axis=1, keepdims=True)
    error[np.arange(len(y)), y] -= 1
    error /= len(y)
    for layer, grad, into in zip(layers[::-1], grads[::-1], inputs[::-1], strict=True):
        np.matmul(into.T, error, out=grad["w"])
        error.sum(axis=0, out=grad["b"])
        error = (error @ layer["w"].T) * (into > 0)


class NumpyAdamW:
    """AdamW as one writes it in NumPy: the same formula, array by array."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        self.params, self.lr, self.betas, self.eps, self.decay = params, lr, betas, eps, weight_decay
        self.m, self.v = ([np.zeros_like(p) for p in params] for _ in range(2))
        self.t = 0

    def step(self, grads):
        """Update the parameters in place."""
        lr = self.lr(self.t)
        self.t += 1
        (beta1, beta2), t = self.betas, self.t
        for p, g, m, v in zip(self.params, grads, self.m, self.v, strict=True):
            m[...] = beta1 * m + (1 - beta1) * g
            v[...] = beta2 * v + (1 - beta2) * g * g
            p *= 1 - lr * self.decay
            p -= lr / (1 - beta1**t) * m / (np.sqrt(v / (1 - beta2**t)) + self.eps)


def with_fastlr(layers, lr):
    """Gradients to write into, and what makes a step of them."""
    packed = fastlr.pack(layers)
    opt = fastlr.AdamW(packed, lr=lr)
    return packed.params, packed.grads, opt.step


def with_numpy(layers, lr):
    """The same without fastlr."""
    grads = [{name: np.zeros_like(array) for name, array in layer.items()} for layer in layers]
    flat = [[array for layer in tree for array in layer.values()] for tree in (layers, grads)]
    opt = NumpyAdamW(flat[0], lr)
    return layers, grads, lambda: opt.step(flat[1])


def epoch(model, x, y, order):
    """Seconds in all, and in the optimizer."""
    params, grads, step = model
    began, spent = perf_counter(), 0.0
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        backward(params, x[rows], y[rows], grads)
        before = perf_counter()
        step()
        spent += perf_counter() - before
    return np.array([perf_counter() - began, spent])


def main():
    """Print what fastlr gained."""
    x, y = load_digits(return_X_y=True)
    x, rng = (x / 16).astype("f4"), np.random.default_rng(0)
    shuffled = rng.permutation(len(x))
    train, test = shuffled[:1400], shuffled[1400:]
    steps = EPOCHS * -(-len(train) // BATCH)
    lr = Warmup(Cosine(0.003, total=steps - steps // 10), steps // 10)
    models = {"NumPy": with_numpy(network(np.random.default_rng(1)), lr)}
    models["fastlr"] = with_fastlr(network(np.random.default_rng(1)), lr)
    times = {name: np.zeros(2) for name in models}
    for _ in range(EPOCHS):
        order = rng.permutation(train)
        for name, model in models.items():
            times[name] += epoch(model, x, y, order)
    print(f"{EPOCHS} epochs of {len(train)} digits, {steps} steps, hidden layers {HIDDEN}")
    print(f"{'AdamW by':10}{'us a step':>11}{'gained':>9}{'loop, s':>9}{'gained':>9}{'accuracy':>10}")
    for name, (params, _, _) in models.items():
        (loop, spent), (loop0, spent0) = times[name], times["NumPy"]
        accuracy = (outputs(params, x[test])[-1].argmax(axis=1) == y[test]).mean()
        row = f"{1e6 * spent / steps:11.1f}{spent0 / spent:8.1f}x{loop:9.2f}{loop0 / loop:8.2f}x{accuracy:10.3f}"
        print(f"{name:10}{row}")


if __name__ == "__main__":
    main()
