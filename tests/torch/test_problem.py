"""A PyTorch model in the lab: the same numbers as PyTorch's own, and the model is never changed."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from fastlr.lab import Row, find_lr, load, prepare, sweep, train
from fastlr.rules import SGD
from fastlr.torch.problem import TorchProblem, rule_of, workload

DIGITS = prepare(load("digits"))


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def loader_of(rows=256, **options):
    x, y = DIGITS.train.x[:rows], DIGITS.train.y[:rows].astype(np.int64)
    return DataLoader(TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=32, **options)


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Dropout(0.2), nn.Linear(20, 10))


def state_of(model):
    return {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()


def same(first, second):
    values = all(torch.equal(first[0][name], second[0][name]) for name in first[0])
    return values and torch.equal(first[1], second[1])


def test_loss_and_gradient_are_pytorchs():
    model = nn.Sequential(nn.Linear(64, 20), nn.Tanh(), nn.Linear(20, 10))
    problem = TorchProblem(model, functional.cross_entropy)
    params = problem.init(0)
    grads = {name: np.empty_like(array) for name, array in params.items()}
    x, y = DIGITS.train.x[:32], DIGITS.train.y[:32]
    loss = problem.loss_and_grad(params, grads, (x, y))
    expected = functional.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(y))
    expected.backward()
    assert loss == float(expected.detach())
    assert problem.loss_only(params, (x, y)) == loss
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(grads[name], parameter.grad.numpy())


def test_training_is_pytorchs():
    model = nn.Linear(64, 10)
    task = workload(model, loader_of(64), functional.cross_entropy, epochs=3)
    histories = train(task, [Row(SGD(lr=0.1), seed=0)])
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    stream, (x, y) = np.random.default_rng((0, 1)), map(torch.from_numpy, (task.split.train.x, task.split.train.y))
    for _ in range(3):
        order = stream.permutation(64)
        for chosen in (order[:32], order[32:]):
            opt.zero_grad()
            functional.cross_entropy(model(x[chosen]), y[chosen]).backward()
            opt.step()
    with torch.no_grad():
        expected = float(functional.cross_entropy(model(x), y))
    assert histories.train_loss[-1, 0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", None])
def test_a_rate_is_found_and_nothing_changes(optimizer):
    model = network()
    opt = optimizer or torch.optim.Adam(model.parameters(), lr=7.0, betas=(0.8, 0.99))
    loader = loader_of(shuffle=True, generator=torch.Generator().manual_seed(1))
    before, drawn = state_of(model), loader.generator.get_state()
    found = find_lr(model, opt, data=loader, loss=nn.CrossEntropyLoss(), seeds=2, verify=10)
    assert found.suggestion is not None
    assert 1e-4 < found.suggestion < 1
    assert same(before, state_of(model))
    assert torch.equal(drawn, loader.generator.get_state())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert found.optimizer == (optimizer or "adam")
    again = find_lr(model, opt, data=loader, loss=nn.CrossEntropyLoss(), seeds=2, verify=10)
    assert again.suggestion == found.suggestion


def test_sweeps_take_a_model():
    task = workload(network(), loader_of(64), functional.cross_entropy, epochs=2, test=loader_of(96), rows=80)
    assert len(task.split.train) == 64
    assert len(task.split.test) == 80
    curve = sweep(task, rates=[1e-3, 0.1], seeds=2)["sgd"]
    assert curve.best == 0.1
    # from the model's own weights each time
    assert curve.starts[0] == curve.starts[1]


def test_weights_can_be_drawn_anew_and_frozen_ones_stay():
    model = network()
    model[0].weight.requires_grad_(False)
    before = state_of(model)
    problem = TorchProblem(model, functional.cross_entropy, reinitialise=True)
    first, again, other = problem.init(1), problem.init(1), problem.init(2)
    assert "0.weight" not in first
    assert (first["4.weight"] == again["4.weight"]).all()
    assert (first["4.weight"] != other["4.weight"]).any()
    assert same(before, state_of(model))


def test_an_optimizer_of_pytorch_is_taken_with_its_settings():
    parameter = [nn.Parameter(torch.zeros(1))]
    rule = rule_of(torch.optim.SGD(parameter, lr=0.5, momentum=0.8, nesterov=True, weight_decay=0.1))
    assert (rule.momentum, rule.nesterov, rule.weight_decay, rule.lr) == (0.8, True, 0.1, SGD().lr)
    with pytest.raises(ValueError, match=r"find_lr\(optimizer=Rprop\): must be one of Adagrad, Adam, AdamW"):
        rule_of(torch.optim.Rprop(parameter))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TorchProblem(3, functional.mse_loss), "must be a torch.nn.Module, got int"),
        (lambda: TorchProblem(nn.Linear(1, 1), 3), "must be a function of outputs and targets"),
        (lambda: TorchProblem(nn.Linear(1, 1).requires_grad_(False), abs), "all are frozen"),
        (lambda: TorchProblem(nn.Linear(1, 1).bfloat16(), abs), "float32 or float64 throughout, got torch.bfloat16"),
        (lambda: workload(nn.Linear(1, 1), [torch.zeros(2)], abs), "must give pairs of tensors"),
        (lambda: workload(nn.Linear(1, 1), [], abs), "there must be at least one batch"),
        (lambda: find_lr(nn.Linear(1, 1)), r"data and loss must be given"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_a_training_loop_of_pytorchs_own_is_put_back_to_the_bit():
    model = network()
    opt = torch.optim.Adam(model.parameters(), lr=0.5)
    batches = list(loader_of(128))
    taken = []

    def step(lr):
        x, y = batches[len(taken) % len(batches)]
        taken.append(lr)
        opt.param_groups[0]["lr"] = lr
        opt.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss.item()

    step(0.01)
    before, momenta = state_of(model), [value.clone() for value in opt.state[model[0].weight].values()]
    found = find_lr(step, "adam", state=[model, opt], verify=20)
    assert 1e-4 < found.suggestion < 1
    assert len(taken) > 200
    assert same(before, state_of(model))
    assert all(map(torch.equal, momenta, opt.state[model[0].weight].values()))
    assert opt.param_groups[0]["lr"] == 0.01
