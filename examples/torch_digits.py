"""A PyTorch network on scikit-learn's digits, trained by PyTorch's AdamW and by fastlr's: time, loss and accuracy.

    python examples/torch_digits.py

Needs the extras `torch` and `sklearn`.  One line differs.  Each row is the median time of a training step, all of it,
and the mean of the rest, over several seeds; the optimizers take turns, so that whatever else the machine does is
shared fairly.
"""

from statistics import fmean, median
from time import perf_counter

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import fastlr.torch

EPOCHS, SEEDS, BATCH = 10, 5, 32
LAYERS = [(64, 64, 64), (512, 512)]


def pytorchs(params):
    """As it is unless told otherwise."""
    return torch.optim.AdamW(params, lr=1e-3)


def pytorchs_fused(params):
    """The fastest that PyTorch has on a CPU."""
    return torch.optim.AdamW(params, lr=1e-3, fused=True)


def fastlrs(params):
    """The same numbers."""
    return fastlr.torch.AdamW(params, lr=1e-3)


def network(layers, seed):
    """A perceptron for 64 pixels and 10 digits."""
    torch.manual_seed(seed)
    parts = []
    for before, after in zip((64, *layers), layers, strict=False):
        parts += [torch.nn.Linear(before, after), torch.nn.ReLU()]
    return torch.nn.Sequential(*parts, torch.nn.Linear(layers[-1], 10))


def trained(make, layers, seed):
    """Seconds of a step, training loss of the last epoch, accuracy on a quarter of the digits."""
    x, y = load_digits(return_X_y=True)
    split = train_test_split(x / 16, y, stratify=y, random_state=seed)
    x, x_test, y, y_test = (torch.as_tensor(part, dtype=kind) for part, kind in zip(split, KINDS, strict=True))
    model = network(layers, seed)
    opt = make(model.parameters())
    began, steps = perf_counter(), 0
    for _ in range(EPOCHS):
        losses = []
        for rows in torch.randperm(len(x)).split(BATCH):
            opt.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            opt.step()
            losses.append(loss.detach())
            steps += 1
    seconds = (perf_counter() - began) / steps
    with torch.no_grad():
        accuracy = (model(x_test).argmax(1) == y_test).double().mean().item()
    return seconds, torch.stack(losses).mean().item(), accuracy


KINDS = (torch.float32, torch.float32, torch.int64, torch.int64)


def main():
    """Print a table for each network."""
    optimizers = (pytorchs, pytorchs_fused, fastlrs)
    for layers in LAYERS:
        results = {make: [] for make in optimizers}
        for seed in range(SEEDS):
            for make, runs in results.items():
                runs.append(trained(make, layers, seed))
        print(f"\nhidden layers {layers}, {EPOCHS} epochs, {SEEDS} seeds")
        print(f"{'':20}{'us a step':>10}{'gained':>9}{'loss':>10}{'accuracy':>10}")
        base = median(seconds for seconds, _, _ in results[pytorchs])
        for make, runs in results.items():
            seconds, losses, scores = zip(*runs, strict=True)
            typical = median(seconds)
            row = f"{1e6 * typical:10.0f}{base / typical:8.2f}x{fmean(losses):10.4f}{fmean(scores):10.4f}"
            print(f"{make.__name__.replace('_', ' '):20}{row}")


if __name__ == "__main__":
    main()
