"""A PyTorch model with its data loader, as a workload of the lab: for `lab.find_lr`, `lab.sweep` and `lab.train`.

Design: the model is called with the lab's arrays in the place of its parameters (`torch.func.functional_call`; they
share memory, nothing is copied), so many runs can go on side by side and the model itself is never changed.  Buffers,
such as the running means of batch normalisation, are copies that are forgotten after each step: in training mode the
loss does not depend on them.  Random layers (dropout) draw numbers that depend on the batch alone: others for each
batch, the same for every run, and PyTorch's random state stays as it was.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from fastlr.extras import extra
from fastlr.lab.data import Part, Split
from fastlr.lab.optimizers import OPTIMIZERS, Choice
from fastlr.lab.workloads import Workload
from fastlr.rules.base import Rule

with extra("torch"):
    import torch

Loss: TypeAlias = Callable[[Any, torch.Tensor], torch.Tensor]
"""(outputs, targets) -> the mean loss: `torch.nn.functional.cross_entropy`, `torch.nn.CrossEntropyLoss()`, ..."""
Params: TypeAlias = Mapping[str, NDArray[Any]]


class TorchProblem:
    """A PyTorch model and its loss, in the lab's form.

    Parameters
    ----------
    model : torch.nn.Module
        On the CPU; its trainable parameters float32 or float64 throughout.  It is called in the mode it is in, which
        should be the one for training.
    loss : callable
        Of outputs and targets.
    reinitialise : bool
        Whether each seed begins with weights of its own, drawn by the modules' `reset_parameters`; otherwise all begin
        with the model's, and differ by the order of the data.

    Raises
    ------
    TypeError, ValueError
        For a model that cannot be trained here.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Linear(2, 1)
    >>> problem = TorchProblem(model, torch.nn.functional.mse_loss)
    >>> params = problem.init(seed=0)
    >>> {name: array.shape for name, array in params.items()}
    {'weight': (1, 2), 'bias': (1,)}
    """

    def __init__(self, model: torch.nn.Module, loss: Loss, *, reinitialise: bool = False) -> None:
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"TorchProblem(model): must be a torch.nn.Module, got {type(model).__name__}")
        if not callable(loss):
            raise TypeError(f"TorchProblem(loss={loss!r}): must be a function of outputs and targets")
        self.model, self.loss, self.reinitialise = model, loss, reinitialise
        self._fixed = {name: p.detach() for name, p in model.named_parameters() if not p.requires_grad}
        self._check()

    def _check(self) -> None:
        trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        if not trained:
            raise ValueError("TorchProblem(model): there must be parameters that require gradients, all are frozen")
        for name, parameter in trained.items():
            if parameter.device.type != "cpu":
                raise ValueError(f"TorchProblem(model): {name} must be on the CPU, got {parameter.device}: model.cpu()")
        kinds = {parameter.dtype for parameter in trained.values()}
        if len(kinds) > 1 or not kinds <= {torch.float32, torch.float64}:
            names = " and ".join(sorted(map(str, kinds)))
            raise TypeError(f"TorchProblem(model): parameters must be float32 or float64 throughout, got {names}")

    def init(self, seed: int) -> dict[str, NDArray[Any]]:
        """Copies of the model's trainable parameters, or new ones drawn with the seed."""
        model = self.model
        if self.reinitialise:
            model = deepcopy(model)
            with _random_state(seed):
                for module in model.modules():
                    if callable(reset := getattr(module, "reset_parameters", None)):
                        reset()
        return {name: p.detach().numpy().copy() for name, p in model.named_parameters() if p.requires_grad}

    def loss_and_grad(self, params: Params, grads: Params, batch: tuple[Any, Any]) -> float:
        """The loss, and its gradient into the arrays of `grads`; 0 for parameters that it does not depend on."""
        tensors = {name: torch.from_numpy(array).requires_grad_() for name, array in params.items()}
        with _random_state(_seed_of(batch)):
            loss = self._loss(tensors, batch)
        found = torch.autograd.grad(loss, list(tensors.values()), allow_unused=True)
        for array, gradient in zip(grads.values(), found, strict=True):
            array[...] = 0 if gradient is None else gradient.numpy()
        return float(loss.detach())

    def loss_only(self, params: Params, batch: tuple[Any, Any]) -> float:
        """The loss alone; random layers draw the same numbers each time."""
        with torch.no_grad(), _random_state(0):
            return float(self._loss({name: torch.from_numpy(array) for name, array in params.items()}, batch))

    def _loss(self, tensors: Mapping[str, torch.Tensor], batch: tuple[Any, Any]) -> torch.Tensor:
        buffers = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        x, y = (torch.from_numpy(np.ascontiguousarray(part)) for part in batch)
        outputs = torch.func.functional_call(self.model, {**self._fixed, **buffers, **tensors}, (x,))
        return self.loss(outputs, y)

    def __repr__(self) -> str:
        weights = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        return f"TorchProblem({type(self.model).__name__}, {weights:,} weights)"


def workload(
    model: torch.nn.Module,
    loader: Any,
    loss: Loss,
    *,
    epochs: int = 10,
    test: Any = None,
    rows: int | None = None,
    reinitialise: bool = False,
) -> Workload:
    """A PyTorch model with its data, for everything in `fastlr.lab`.

    Parameters
    ----------
    model : torch.nn.Module
        See `TorchProblem`; it is not changed.
    loader : torch.utils.data.DataLoader, or iterable of (inputs, targets)
        Read once, into arrays; each run then shuffles the rows anew, in batches of the size of its first.
    loss : callable
        Of outputs and targets.
    epochs : int
        How long the model is to be trained.
    test : like loader, optional
        What to test on; the training data, unless given.
    rows : int, optional
        Read no more than so many rows of either.
    reinitialise : bool
        See `TorchProblem`.

    Returns
    -------
    Workload

    Raises
    ------
    TypeError, ValueError
        For a model that cannot be trained here, or a loader that gives no pairs of tensors.

    Examples
    --------
    >>> import torch
    >>> data = torch.utils.data.TensorDataset(torch.randn(96, 2), torch.randint(3, (96,)))
    >>> loader = torch.utils.data.DataLoader(data, batch_size=16)
    >>> workload(torch.nn.Linear(2, 3), loader, torch.nn.functional.cross_entropy)
    Workload('Linear', TorchProblem(Linear, 9 weights), epochs=10, 96 rows, batch=16)
    """
    problem = TorchProblem(model, loss, reinitialise=reinitialise)
    train, size = _read(loader, rows, "loader")
    tested = train if test is None else _read(test, rows, "test")[0]
    return Workload(type(model).__name__, problem, epochs, Split(train, tested, None, None), size)


def rule_of(optimizer: Any) -> str | Choice | Rule | None:
    """The rule that a torch.optim optimizer follows, with its settings (those of the first group) and without its rate.

    Anything else is returned as it is.

    Raises
    ------
    ValueError
        For an optimizer that fastlr does not have, or a setting of it.

    Examples
    --------
    >>> import torch
    >>> rule_of(torch.optim.SGD([torch.zeros(1, requires_grad=True)], momentum=0.9)).momentum
    0.9
    """
    if not isinstance(optimizer, torch.optim.Optimizer):
        named: str | Choice | Rule | None = optimizer
        return named
    name, settings = type(optimizer).__name__, optimizer.param_groups[0]
    if name.lower() not in OPTIMIZERS:
        known = ", ".join(sorted(kind.__name__ for kind, fixed in OPTIMIZERS.values() if not fixed))
        raise ValueError(f"find_lr(optimizer={name}): must be one of {known}, or a callable loss = step(lr)")
    kind = OPTIMIZERS[name.lower()][0]
    return kind(**{key: settings[key] for key in kind.kinds() if key in settings and key != "lr"})


def _read(loader: Any, rows: int | None, argument: str) -> tuple[Part, int]:
    """The data of a loader as arrays, and the size of its first batch."""
    inputs: list[NDArray[Any]] = []
    targets: list[NDArray[Any]] = []
    read = 0
    with _random_state(None, loader):
        for batch in loader:
            if not isinstance(batch, tuple | list) or len(batch) != 2 or not all(map(torch.is_tensor, batch)):
                raise TypeError(
                    f"workload({argument}): must give pairs of tensors, inputs and targets, got {type(batch).__name__}"
                )
            x, y = (part.detach().cpu().numpy() for part in batch)
            inputs.append(x)
            targets.append(y)
            read += len(x)
            if rows is not None and read >= rows:
                break
    if not read:
        raise ValueError(f"workload({argument}): there must be at least one batch")
    part = Part(np.concatenate(inputs)[:rows], np.concatenate(targets)[:rows])
    return part, len(inputs[0])


def _seed_of(batch: tuple[Any, Any]) -> int:
    """A number that depends on the batch: on its first row and all its targets."""
    x, y = batch
    return crc32(np.ascontiguousarray(y).tobytes(), crc32(np.ascontiguousarray(x[:1]).tobytes()))


@contextmanager
def _random_state(seed: int | None, loader: Any = None) -> Iterator[None]:
    """Within it PyTorch's random numbers begin at the seed; afterwards they go on as before, and a loader's own."""
    generators = [torch.default_generator]
    if (own := getattr(loader, "generator", None)) is not None:
        generators.append(own)
    states = [generator.get_state() for generator in generators]
    if seed is not None:
        # not torch.manual_seed, which takes a millisecond to ask for devices
        torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
