"""Two optimizers that must do the same: PyTorch's on one model, fastlr's on a copy."""

import copy

import torch

import fastlr.torch

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-6}
CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adagrad", {"lr_decay": 0.5, "initial_accumulator_value": 0.1}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1}),
    ("AdamW", {"betas": (0.8, 0.99), "maximize": True}),
]
"""Every optimizer, and every kernel."""
NAMES = [f"{name} {' '.join(kwargs)}".strip() for name, kwargs in CASES]


def model(dtype=torch.float64, seed=0):
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2)]
    return torch.nn.Sequential(*layers).to(dtype)


class Twins:
    """`theirs` and `ours` are lists of (model, optimizer)."""

    def __init__(self, name, kwargs, dtype=torch.float64, make=None):
        self.dtype = dtype
        make = make or (lambda kind, model: kind(model.parameters(), **copy.deepcopy(kwargs)))
        first = model(dtype)
        self.models = [first, copy.deepcopy(first)]
        kinds = [getattr(torch.optim, name), getattr(fastlr.torch, name)]
        self.optimizers = [make(kind, each) for kind, each in zip(kinds, self.models, strict=True)]
        self._seed = 0

    def backward(self, use=None):
        """New gradients, the same for both; `use` changes models first or afterwards."""
        self._seed += 1
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(self._seed), dtype=torch.float64)
        for each, opt in zip(self.models, self.optimizers, strict=True):
            opt.zero_grad()
            each(x.to(next(each.parameters()).dtype)).square().mean().backward()
            if use is not None:
                use(each, opt)

    def step(self, use=None):
        self.backward(use)
        for opt in self.optimizers:
            opt.step()

    def check(self):
        theirs, ours = (list(each.parameters()) for each in self.models)
        for a, b in zip(theirs, ours, strict=True):
            torch.testing.assert_close(b, a, rtol=0, atol=TOLERANCE[self.dtype])
        check_states(*(opt.state_dict() for opt in self.optimizers), TOLERANCE[self.dtype])


def check_states(theirs, ours, tolerance):
    assert ours["param_groups"] == theirs["param_groups"]
    assert ours["state"].keys() == theirs["state"].keys()
    for key, entry in theirs["state"].items():
        mine = ours["state"][key]
        assert mine.keys() == entry.keys()
        for name, value in entry.items():
            if torch.is_tensor(value):
                torch.testing.assert_close(mine[name], value, rtol=0, atol=0 if name == "step" else tolerance)
            else:
                assert mine[name] == value
