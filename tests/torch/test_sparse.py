"""Sparse gradients: the rows that they have take PyTorch's steps, where they are."""

import copy
import io

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import fastlr.torch
from fastlr import checkpoint
from fastlr.torch import portable
from tests.torch.twins import TOLERANCE, check_states

pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant")  # of what PyTorch's code makes

CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "maximize": True}),
    ("Adagrad", {"lr_decay": 0.5, "initial_accumulator_value": 0.1}),
    ("Adagrad", {"maximize": True}),
    ("SparseAdam", {}),
    ("SparseAdam", {"lr": torch.tensor(0.5, dtype=torch.float64), "betas": (0.5, 0.75), "eps": 1e-3, "maximize": True}),
]
NAMES = [f"{name} {' '.join(kwargs)}".strip() for name, kwargs in CASES]


def sparse(shape, rows, seed, dtype=torch.float64, dimensions=1):
    """A gradient of these rows, which may be there twice."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.Size(shape)
    flat = torch.tensor(rows, dtype=torch.int64)
    indices = torch.stack(torch.unravel_index(flat, size[:dimensions]))
    values = torch.randn(len(rows), *size[dimensions:], generator=generator, dtype=dtype)
    return torch.sparse_coo_tensor(indices, values, size)


class Pair:
    """The same parameters twice, and both optimizers."""

    def __init__(self, name, kwargs, shapes, dtype=torch.float64):
        start = [torch.nn.Parameter(torch.randn(shape, dtype=torch.float64).to(dtype)) for shape in shapes]
        self.params = [start, copy.deepcopy(start)]
        kinds = [getattr(torch.optim, name), getattr(fastlr.torch, name)]
        self.opts = [kind(p, **copy.deepcopy(kwargs)) for kind, p in zip(kinds, self.params, strict=True)]
        self.tolerance = TOLERANCE[dtype]

    def step(self, *gradients):
        for params, opt in zip(self.params, self.opts, strict=True):
            for param, gradient in zip(params, gradients, strict=True):
                param.grad = None if gradient is None else gradient.clone()
            opt.step()

    def check(self):
        for theirs, ours in zip(*self.params, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=self.tolerance)
        check_states(*(opt.state_dict() for opt in self.opts), self.tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_the_same_numbers(name, kwargs, dtype):
    """No warning is given, for nothing is left to PyTorch's code."""
    torch.manual_seed(0)
    pair = Pair(name, kwargs, [(7, 3), (5,), (2, 3, 4)], dtype)
    for step, rows in enumerate([[0, 6], [3, 3, 1, 3], [], [6, 5, 4, 3, 2, 1, 0, 0]]):
        small = [row % 5 for row in rows]
        pair.step(
            sparse((7, 3), rows, step, dtype),
            sparse((5,), small, step, dtype) if step else None,
            sparse((2, 3, 4), small, step, dtype, dimensions=2),
        )
        pair.check()


@given(st.lists(st.lists(st.integers(0, 9), max_size=12), min_size=1, max_size=5), st.sampled_from(CASES))
def test_any_rows(steps, case):
    pair = Pair(*case, [(10, 2)])
    for seed, rows in enumerate(steps):
        pair.step(sparse((10, 2), rows, seed))
    pair.check()


@pytest.mark.parametrize(("name", "kwargs"), CASES[:4], ids=NAMES[:4])
def test_beside_dense_gradients_and_in_turns(name, kwargs):
    pair = Pair(name, kwargs, [(6, 2), (3,)])
    for step in range(4):
        table = torch.full((6, 2), step + 1.0, dtype=torch.float64) if step == 2 else sparse((6, 2), [step, 5], step)
        pair.step(table, torch.full((3,), step - 1.5, dtype=torch.float64))
        pair.check()


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize(("name", "kwargs"), CASES[::2], ids=NAMES[::2])
def test_backends_have_the_same_bits(name, kwargs, backend):
    found = []
    for chosen in ("cython", backend):
        w = torch.nn.Parameter(torch.linspace(-1, 1, 12).reshape(4, 3))
        opt = getattr(fastlr.torch, name)([w], backend=chosen, **kwargs)
        for step in range(3):
            w.grad = sparse((4, 3), [3, step, 3], step, torch.float32)
            opt.step()
        found.append(w.detach().numpy().tobytes())
    assert found[0] == found[1]


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_embeddings_and_threads(name, kwargs):
    """Enough rows for several threads."""
    torch.manual_seed(0)
    tables = [torch.nn.Embedding(20_000, 16, sparse=True)]
    tables.append(copy.deepcopy(tables[0]))
    opts = [
        getattr(kind, name)(table.parameters(), **copy.deepcopy(kwargs))
        for kind, table in zip((torch.optim, fastlr.torch), tables, strict=True)
    ]
    for _ in range(2):
        rows = torch.randint(20_000, (30, 200))
        for table, opt in zip(tables, opts, strict=True):
            opt.zero_grad()
            table(rows).square().sum().backward()
            opt.step()
    torch.testing.assert_close(tables[1].weight, tables[0].weight, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_states_are_exchanged_in_the_middle(name, kwargs):
    pair = Pair(name, kwargs, [(4, 3)])
    for step in range(4):
        pair.step(sparse((4, 3), [step, 0], step))
        saved = []
        for opt in pair.opts:
            buffer = io.BytesIO()
            torch.save(opt.state_dict(), buffer)
            buffer.seek(0)
            saved.append(torch.load(buffer, weights_only=True))
        for opt, other in zip(pair.opts, reversed(saved), strict=True):
            opt.load_state_dict(other)
    pair.check()


def test_fastlrs_checkpoints(tmp_path):
    both = []
    for _ in range(2):
        w = torch.nn.Parameter(torch.ones(4, 2))
        both.append((w, fastlr.torch.SparseAdam([w], lr=lambda step: 0.1 / (1 + step))))
    for step in range(2):
        both[0][0].grad = sparse((4, 2), [step, 3], step, torch.float32)
        both[0][1].step()
    checkpoint.save(tmp_path / "run", portable(both[0][1]), model=portable(torch.nn.ParameterList([both[0][0]])))
    checkpoint.load(tmp_path / "run", portable(both[1][1]), model=portable(torch.nn.ParameterList([both[1][0]])))
    for w, opt in both:
        w.grad = sparse((4, 2), [1, 3], 7, torch.float32)
        opt.step()
    assert torch.equal(both[0][0], both[1][0])
    assert both[1][1].steps == 3


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=NAMES)
def test_changes_between_steps(name, kwargs):
    pair = Pair(name, kwargs, [(4, 3)])
    for step in range(4):
        pair.step(sparse((4, 3), [step, 0], step))
        for (param,), opt in zip(pair.params, pair.opts, strict=True):
            param.data = param.data.clone()
            for key, value in opt.state[param].items():
                opt.state[param][key] = value.clone() if torch.is_tensor(value) else value
    pair.check()


def test_schedules():
    w = torch.nn.Parameter(torch.zeros(3, 1))
    opt = fastlr.torch.SGD([w], lr=lambda step: 2.0**-step)
    for _ in range(3):
        w.grad = torch.sparse_coo_tensor(torch.tensor([[1]]), -torch.ones(1, 1), (3, 1))
        opt.step()
    assert w.flatten().tolist() == [0.0, 1.75, 0.0]


def test_a_step_between_forward_and_backward_is_noticed():
    table = torch.nn.Embedding(4, 2, sparse=True)
    opt = fastlr.torch.SparseAdam(table.parameters())
    table(torch.tensor([1])).sum().backward()
    loss = table.weight.square().sum()
    opt.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_tables_that_lie_otherwise_are_left_to_pytorch():
    pair = Pair("SparseAdam", {}, [(3, 4)])
    for (param,) in pair.params:
        param.data = param.data.T.contiguous().T
    with pytest.warns(UserWarning, match="steps 1 of the parameters, because of sparse gradients"):
        pair.step(sparse((3, 4), [2, 0], 0))
    pair.step(sparse((3, 4), [2, 2], 1))
    pair.check()


def test_dense_gradients_of_sparse_adam_are_refused_as_pytorch_does():
    table, w = torch.nn.Parameter(torch.ones(2, 2)), torch.nn.Parameter(torch.ones(2))
    opt = fastlr.torch.SparseAdam([table, w])
    table.grad, w.grad = sparse((2, 2), [1], 0, torch.float32), torch.ones(2)
    with (
        pytest.warns(UserWarning, match="dense gradients"),
        pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients"),
    ):
        opt.step()
    assert torch.equal(table, torch.ones(2, 2))
    assert table not in opt.state


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "SparseAdam"])
def test_rows_that_are_not_there_change_nothing(name):
    params = [torch.nn.Parameter(torch.ones(3, 2)) for _ in range(2)]
    opt = getattr(fastlr.torch, name)(params)
    before = copy.deepcopy(opt.state_dict())
    for param, row in zip(params, (1, 3), strict=True):
        indices, values = torch.tensor([[row]]), torch.ones(1, 2)
        param.grad = torch.sparse_coo_tensor(indices, values, (3, 2), check_invariants=False) if row < 3 else None
        if row == 3:
            param.grad = torch.sparse_coo_tensor(torch.tensor([[0]]), values, (3, 2))
            param.grad._indices().fill_(row)
    with pytest.raises(IndexError, match=r"parameter 1: the indices of its gradient must be in \[0, 3\), got 3 to 3"):
        opt.step()
    assert all(torch.equal(param, torch.ones(3, 2)) for param in params)
    check_states(before, opt.state_dict(), 0)


def test_values_in_the_memory_of_the_table():
    w = torch.nn.Parameter(torch.arange(4.0).reshape(4, 1))
    w.grad = torch.sparse_coo_tensor(torch.tensor([[3, 2, 1, 0]]), w.data, (4, 1))
    fastlr.torch.SGD([w], lr=1.0).step()
    assert w.flatten().tolist() == [-3.0, -1.0, 1.0, 3.0]


def test_what_is_around_a_step_is_for_whole_tensors():
    with pytest.raises(TypeError, match="max_norm"):
        fastlr.torch.SparseAdam([torch.nn.Parameter(torch.ones(2, 2))], max_norm=1.0)
    w = torch.nn.Parameter(torch.ones(2, 2))
    opt = fastlr.torch.SGD([w], max_norm=1.0)
    w.grad = sparse((2, 2), [1], 0, torch.float32)
    with pytest.raises(TypeError, match=r"with max_norm all parameters must be such as .*, not with sparse gradients"):
        opt.step()
    assert torch.equal(w, torch.ones(2, 2))
