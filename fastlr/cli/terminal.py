"""What the command shows while it trains and at the end, and how Ctrl-C reaches it."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from fastlr.extras import extra
from fastlr.lab.results import Comparison, Progress, Run
from fastlr.lab.tables import counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LABELS = {"accuracy": "accuracy", "r2": "R\N{SUPERSCRIPT TWO}", "rmse": "RMSE"}


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Within it Ctrl-C does not raise: the function says whether it was pressed.  A second Ctrl-C raises."""
    pressed = False
    before = signal.getsignal(signal.SIGINT)

    def press(signum: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, before)

    # Only the main thread may set handlers; and who ignores the signal (nohup) is to go on ignoring it.
    ours = threading.current_thread() is threading.main_thread() and callable(before)
    if ours:
        signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)


def console(*, stderr: bool = False) -> "Console":
    """Where to print; text is shown as it is, without markup or guessed colours."""
    with extra("lab"):
        from rich.console import Console
    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)
    if not made.is_terminal:
        made.width = max(made.width, 100)  # a file has no width that a table would have to fit
    return made


def plain_table() -> "Table":
    """A table without a frame, as every command shows its results; columns and rows are the command's."""
    from rich import box
    from rich.table import Table

    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)


@contextmanager
def progress_bars(names: Sequence[str], where: "Console") -> Iterator[Callable[[Progress], None]]:
    """A bar for each optimizer with the loss as it is; the function moves them."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("epoch {task.fields[epoch]}", markup=False),
        TextColumn("loss {task.fields[loss]}", markup=False),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Bars(*columns, console=where) as bars:
        width = max(map(len, names))
        tasks = [bars.add_task(name.ljust(width), total=None, start=False, epoch="-", loss="-") for name in names]

        def show(progress: Progress) -> None:
            task = tasks[progress.run]
            if not bars.tasks[progress.run].started:
                bars.start_task(task)
            epoch = f"{progress.epoch}/{progress.epochs}"
            bars.update(task, completed=progress.step, total=progress.steps, epoch=epoch, loss=f"{progress.loss:.4g}")

        yield show


def described(comparison: Comparison) -> str:
    """What was trained, in a line."""
    model, split = comparison.model, comparison.split
    steps = comparison.configuration.steps_of(len(split.train))
    return (
        f"network {'-'.join(map(str, model.sizes))}, {model.activation}, {model.dtype}; trained on "
        f"{counted(len(split.train), 'row')}, {counted(steps, 'step')} an epoch; tested on {len(split.test):,}"
    )


def results(comparison: Comparison) -> "Table":
    """The table at the end: a row for each optimizer."""
    table = plain_table()
    table.add_column("optimizer", no_wrap=True)
    metrics = list(comparison.runs[0].history[0].train.metrics)
    headers = [f"{part}\n{LABELS[metric]}" for metric in metrics for part in ("train", "test")]
    times = ["step\n(\N{MICRO SIGN}s)", "in NumPy\n(\N{MICRO SIGN}s)", "times\nfaster", "steps\nper s"]
    for header in ["epochs", *headers, *times]:
        table.add_column(header, justify="right", no_wrap=True)
    for run in comparison.runs:
        table.add_row(*_row(run, metrics))
    return table


def _row(run: Run, metrics: Sequence[str]) -> list[str]:
    last = run.history[-1]
    scores = [part.metrics[metric] for metric in metrics for part in (last.train, last.test)]
    return [
        run.name,
        f"{last.epoch:.4g}",
        *(f"{score:.4f}" if abs(score) < 10 else f"{score:.4g}" for score in scores),
        f"{run.optimizer_step * 1e6:,.2f}",
        f"{run.reference_step * 1e6:,.1f}",
        f"{run.speedup:.3g}",
        f"{run.steps_per_second:,.0f}",
    ]


def remarks(comparison: Comparison, planned: Sequence[str]) -> list[str]:
    """Sentences about the runs that did not come to their end."""
    said = []
    for run in comparison.runs:
        epoch = run.history[-1].epoch
        if run.status == "interrupted":
            said.append(f"{run.name}: interrupted at step {run.steps:,} (epoch {epoch:.4g} of {comparison.epochs})")
        elif run.status == "diverged" and not run.steps:
            said.append(f"{run.name}: diverged before the first step: the features are too large, standardise them")
        elif run.status == "diverged":
            rate = f" than {run.settings['lr']:g}" if isinstance(run.settings["lr"], float) else ""
            said.append(
                f"{run.name}: diverged at step {run.steps:,}: try a lower --lr{rate}; "
                f"the row and the parameters are those after epoch {epoch:.4g}"
            )
    for run in comparison.runs:
        found = run.diagnosis
        if run.status == "finished" and found is not None and found.fault not in ("healthy", "unclear"):
            said.append(f"{run.name}: {found.fault} (confidence {found.confidence:.2f}): {found.advice}")
    if len(comparison.runs) > 1:
        rates = ", ".join(f"{run.name} {run.settings['lr']:g}" for run in comparison.runs)
        example = f"{planned[0].partition('@')[0]}@0.1"
        said.append(f"learning rates: {rates}; to compare others, write them behind the names: {example}")
    never = list(planned[len(comparison.runs) :])
    if never:
        said.append(f"not trained: {', '.join(never)}")
    return said
