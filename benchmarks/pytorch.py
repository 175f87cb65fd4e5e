"""PyTorch's AdamW and fastlr's: a step over many small tensors, over one large, and a whole training step.

python -m benchmarks.pytorch        all of it, the optimizers in turns, and how many times faster fastlr's is
python -m benchmarks.pytorch 100    with a step over 100 million weights as well
"""

import itertools
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .cases import Step
from .timing import Repeated, seconds

STEPS = 50
DEFAULT, FUSED, FASTLR = "torch", "torch fused", "fastlr"
OPTIMIZERS = (DEFAULT, FUSED, FASTLR)
ROUNDS = 12


def adamw(name: str, params: Callable[[], Any]) -> Any:
    """Make the parameters, and the optimizer of that name; asv shows no result where PyTorch is missing."""
    try:
        import torch

        import fastlr.torch
    except ImportError as error:
        raise NotImplementedError(str(error)) from None
    torch.set_num_threads(fastlr.get_num_threads())
    kinds: Mapping[str, Callable[..., Any]] = {
        DEFAULT: torch.optim.AdamW,
        FUSED: lambda params: torch.optim.AdamW(params, fused=True),
        FASTLR: fastlr.torch.AdamW,
    }
    return kinds[name](params())


def step_over(name: str, arrays: int, weights: int) -> tuple[Step, Step]:
    """What gives tensors gradients that are elsewhere than the last ones, as autograd does; and a step over them."""

    def made() -> list[Any]:
        import torch

        return [torch.nn.Parameter(torch.ones(weights)) for _ in range(arrays)]

    optimizer = adamw(name, made)
    params = optimizer.param_groups[0]["params"]
    kinds = 2 if arrays > 1 else 1
    turns = itertools.cycle([[param.detach().clone() for param in params] for _ in range(kinds)])

    def renew() -> None:
        for param, gradient in zip(params, next(turns), strict=True):
            param.grad = gradient

    return renew, optimizer.step


def training_step(name: str, width: int = 64, batch: int = 32) -> tuple[Step, Step]:
    """Nothing; and forward, backward and step of a perceptron with three hidden layers, on noise."""
    models: list[Any] = []

    def made() -> Any:
        models.append(network(width))
        return models[0].parameters()

    optimizer = adamw(name, made)
    import torch

    (model,) = models
    x, y = torch.randn(64, batch, width), torch.randint(10, (64, batch))
    batches = itertools.cycle(list(zip(x, y, strict=True)))
    loss = torch.nn.functional.cross_entropy

    def step() -> None:
        inputs, targets = next(batches)
        optimizer.zero_grad()
        loss(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return lambda: None, step


def network(width: int) -> Any:
    """The perceptron."""
    import torch

    hidden = itertools.chain.from_iterable((torch.nn.Linear(width, width), torch.nn.ReLU()) for _ in range(3))
    return torch.nn.Sequential(*hidden, torch.nn.Linear(width, 10))


class ManyTensors(Repeated):
    """A step of AdamW over tensors of 1,000 weights, setting the gradients included."""

    params = (list(OPTIMIZERS), [10, 100])
    param_names = ("optimizer", "tensors")

    def setup(self, name: str, count: int) -> None:
        """Make the tensors."""
        renew, step = step_over(name, count, 1_000)
        self.prepare(lambda: (renew(), step()), STEPS)

    def time_step(self, *parameters: Any) -> None:
        """Seconds for one."""
        self.run()


class TrainingStep(Repeated):
    """A training step of a perceptron with three hidden layers of 64, on batches of 32."""

    params = (list(OPTIMIZERS),)
    param_names = ("optimizer",)

    def setup(self, name: str) -> None:
        """Make the network."""
        self.prepare(training_step(name)[1], STEPS)

    def time_step(self, *parameters: Any) -> None:
        """Seconds for one."""
        self.run()


def raced(make: Callable[[str], tuple[Step, Step]], count: int) -> dict[str, float]:
    """The best of several rounds in which the optimizers take turns, seconds for one step."""
    best = dict.fromkeys(OPTIMIZERS, float("inf"))
    made = {name: make(name) for name in OPTIMIZERS}
    for name in [*OPTIMIZERS] * ROUNDS:
        if count > 1:
            made[name] = make(name)  # anew, or after thousands of steps the moments become subnormal numbers
        renew, step = made[name]
        taken = []
        for _ in range(count + min(count, 20)):
            renew()
            taken.append(seconds(step))
        best[name] = min(best[name], sum(taken[-count:]) / count)
    return best


def main(millions: int) -> None:
    """Print a table."""
    cases: list[tuple[str, Callable[[str], tuple[Step, Step]], int]] = [
        ("training step", training_step, 200),
        ("100 tensors of 1,000", lambda name: step_over(name, 100, 1_000), 100),
        ("1 tensor of 1,000", lambda name: step_over(name, 1, 1_000), 200),
    ]
    if millions:
        cases.append((f"1 tensor of {millions} million", lambda name: step_over(name, 1, millions * 10**6), 1))
    print(f"{'us':>28}" + "".join(f"{name:>14}" for name in OPTIMIZERS) + "   fastlr is faster than torch, fused")
    for label, make, count in cases:
        best = raced(make, count)
        times = "".join(f"{1e6 * best[name]:14.1f}" for name in OPTIMIZERS)
        print(f"{label:>28}{times}   {best[DEFAULT] / best[FASTLR]:.2f}x {best[FUSED] / best[FASTLR]:.2f}x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
