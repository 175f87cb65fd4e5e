"""What `fastlr.torch` does around a step, and with sparse gradients, beside PyTorch's ways of doing it.

python -m benchmarks.pytorch_complete

Each line is the best of several rounds in which the ways take turns.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

import fastlr.torch

from .timing import seconds

Step = Callable[[], Any]
ROUNDS = 12
TABLE, WIDTH, ROWS = 300_000, 64, 10_000


def tensors(count: int, weights: int) -> list[torch.nn.Parameter]:
    """Parameters with gradients."""
    params = [torch.nn.Parameter(torch.ones(weights)) for _ in range(count)]
    for param in params:
        param.grad = torch.randn(weights)
    return params


def clipping(count: int, weights: int) -> dict[str, Step]:
    """AdamW with its gradients' norm clipped."""
    params = tensors(count, weights)
    plain, fused = torch.optim.AdamW(params), torch.optim.AdamW(params, fused=True)
    unclipped, clipped = fastlr.torch.AdamW(params), fastlr.torch.AdamW(params, max_norm=1.0)

    def after(step: Step) -> Step:
        def both() -> None:
            torch.nn.utils.clip_grad_norm_(params, 1.0)
            step()

        return both

    return {
        "torch, clipped": after(plain.step),
        "torch fused, clipped": after(fused.step),
        "fastlr, clipped by torch": after(unclipped.step),
        "fastlr, max_norm=1": clipped.step,
        "torch fused, not clipped": fused.step,
        "fastlr, not clipped": unclipped.step,
    }


def averaging(count: int, weights: int) -> dict[str, Step]:
    """AdamW with an average of the weights."""
    module = torch.nn.ParameterList(tensors(count, weights))
    fused = torch.optim.AdamW(module.parameters(), fused=True)
    ema = torch.optim.swa_utils.get_ema_multi_avg_fn(0.999)  # type: ignore[no-untyped-call]
    mean = torch.optim.swa_utils.AveragedModel(module, multi_avg_fn=ema)
    ours = fastlr.torch.AdamW(module.parameters(), average=fastlr.EMA(0.999))

    def theirs() -> None:
        fused.step()
        mean.update_parameters(module)

    return {"torch fused, AveragedModel": theirs, "fastlr, average=EMA": ours.step}


def sparse(name: str) -> dict[str, Step]:
    """Steps of some rows of an embedding, of which some come twice."""
    steps = {}
    for label, kind in (("torch", torch.optim), ("fastlr", fastlr.torch)):
        table = torch.nn.Parameter(torch.ones(TABLE, WIDTH))
        rows = torch.randint(TABLE, (1, ROWS), generator=torch.Generator().manual_seed(0))
        table.grad = torch.sparse_coo_tensor(rows, torch.randn(ROWS, WIDTH), table.shape)
        steps[label] = getattr(kind, name)([table]).step
    return steps


def raced(steps: Mapping[str, Step], count: int) -> dict[str, float]:
    """Seconds for a step of each."""
    best = dict.fromkeys(steps, float("inf"))
    for name, step in [*steps.items()] * ROUNDS:
        step()
        best[name] = min(best[name], seconds(lambda step=step: [step() for _ in range(count)]) / count)  # type: ignore[misc]
    return best


def main() -> None:
    """Print the tables."""
    torch.set_num_threads(fastlr.get_num_threads())
    torch.sparse.check_sparse_tensor_invariants.disable()  # type: ignore[no-untyped-call]
    cases: Sequence[tuple[str, Callable[[], dict[str, Step]], int]] = [
        ("100 tensors of 1,000, clipped", lambda: clipping(100, 1_000), 50),
        ("1 tensor of 10 million, clipped", lambda: clipping(1, 10_000_000), 1),
        ("100 tensors of 1,000, averaged", lambda: averaging(100, 1_000), 50),
        ("1 tensor of 10 million, averaged", lambda: averaging(1, 10_000_000), 1),
        *(
            (f"{name}: {ROWS:,} rows of {TABLE:,} x {WIDTH}", lambda name=name: sparse(name), 2)
            for name in ("SGD", "Adagrad", "SparseAdam")
        ),
    ]
    for label, make, count in cases:
        print(f"\n{label}")
        for name, best in raced(make(), count).items():
            print(f"{1e6 * best:12.1f} us  {name}")


if __name__ == "__main__":
    main()
