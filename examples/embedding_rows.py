"""A small recommender: a vector for each user and each item, trained by `step_rows` and by dense steps.

    python examples/embedding_rows.py

Needs NumPy alone.  Ratings are made up: users and items have hidden tastes, and a few are seen far more often than the
rest.  A batch touches some hundreds of many thousand rows; a dense step reads and writes all of them, and needs a
gradient as large as the tables.  Every way starts from the same vectors and sees the same batches, taking turns; the
dense steps stop after the first few, the others go on until they have learned something.
"""

from time import perf_counter

import numpy as np

import fastlr

USERS, ITEMS, WIDTH = 100_000, 50_000, 16
BATCH, DENSE, STEPS = 512, 60, 1_000


def batches(rng):
    """(users, items, ratings) of each step, where tastes decide and some items are popular."""
    tastes = [rng.normal(0, 1, (count, 2)) for count in (USERS, ITEMS)]
    for _ in range(STEPS):
        users, items = ((count * rng.random(BATCH) ** 6).astype(np.int64) for count in (USERS, ITEMS))
        yield users, items, (tastes[0][users] * tastes[1][items]).sum(axis=1).astype("f4")


def tables():
    """The same vectors for all."""
    rng = np.random.default_rng(1)
    return [rng.normal(0, 0.3, (count, WIDTH)).astype("f4") for count in (USERS, ITEMS)]


def gradients(users, items, batch):
    """The loss of a batch, and the gradients of the rows that it touches, one for each rating."""
    u, i, r = batch
    x, y = users[u], items[i]
    error = (x * y).sum(axis=1) - r
    share = (2 / len(r) * error)[:, None]
    return float((error**2).mean()), share * y, share * x


def by_rows(kind, mode, lr):
    """What makes a step of the rows of a batch."""

    def made():
        users, items = tables()
        opt = getattr(fastlr, kind)([{"params": users}, {"params": items}], lr=lr)

        def step(batch):
            opt.catch_up(users, batch[0])  # with mode="exact": rows must be up to date where they are read
            opt.catch_up(items, batch[1])
            loss, du, di = gradients(users, items, batch)
            opt.step_rows(users, batch[0], du, mode=mode)
            opt.step_rows(items, batch[1], di, mode=mode)
            return loss

        return step, (users, items), opt

    return made


def dense():
    """The same with gradients of whole tables."""
    users, items = tables()
    opt = fastlr.Adam([users, items], lr=0.01)
    grads = [np.zeros_like(users), np.zeros_like(items)]

    def step(batch):
        loss, du, di = gradients(users, items, batch)
        for grad, rows, values in zip(grads, batch, (du, di), strict=False):
            grad.fill(0)
            np.add.at(grad, rows, values)
        opt.step(grads)
        return loss

    return step, (users, items), opt


WAYS = {
    "Adam, dense steps": dense,
    "Adam, rows, exact": by_rows("Adam", "exact", lr=0.01),
    "Adam, rows, lazy": by_rows("Adam", "lazy", lr=0.01),
    "RowwiseAdagrad": by_rows("RowwiseAdagrad", "lazy", lr=0.2),
}


def turns(ways, rounds):
    """Seconds a step, and the losses, of each."""
    seconds, losses = dict.fromkeys(ways, 0.0), {name: [] for name in ways}
    for batch in rounds:
        for name, (step, _, _) in ways.items():
            began = perf_counter()
            losses[name].append(step(batch))
            seconds[name] += perf_counter() - began
    return {name: spent / len(losses[name]) for name, spent in seconds.items()}, losses


def main():
    """Print what steps by rows gained."""
    data = list(batches(np.random.default_rng(0)))
    ways = {name: made() for name, made in WAYS.items()}
    base = next(iter(ways))
    early, first = turns(ways, data[:DENSE])
    for _, _, opt in ways.values():
        opt.catch_up()  # before the tables are used elsewhere
    same = all(np.array_equal(a, b) for a, b in zip(ways[base][1], ways["Adam, rows, exact"][1], strict=True))
    _, last = turns({name: way for name, way in ways.items() if name != base}, data[DENSE:])
    print(
        f"{USERS + ITEMS:,} rows of {WIDTH} weights, steps of {BATCH} ratings; squared error of ratings not seen before"
    )
    ends = f"after {DENSE}", f"after {STEPS:,}"
    print(f"{'':18}{'us a step':>10}{'gained':>8}{'at first':>10}{ends[0]:>11}{ends[1]:>13}{'state, MB':>11}")
    for name, (_, _, opt) in ways.items():
        size = sum(array.nbytes for arrays in opt.state.values() for array in arrays.values()) / 1e6
        end = f"{np.mean(last[name][-50:]):13.3f}" if name in last else f"{'':13}"
        row = f"{1e6 * early[name]:10.0f}{early[base] / early[name]:7.1f}x{first[name][0]:10.3f}"
        print(f"{name:18}{row}{np.mean(first[name][-10:]):11.3f}{end}{size:11.1f}")
    print(f"after {DENSE} steps the exact rows are the dense steps' bit for bit: {same}")


if __name__ == "__main__":
    main()
