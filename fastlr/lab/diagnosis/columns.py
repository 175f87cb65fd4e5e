"""Which column of a log is what: guessed by its name, and told."""

import re
from collections.abc import Mapping, Sequence

KNOWN: Mapping[str, tuple[str, ...]] = {
    "loss": ("train_loss", "training_loss", "loss_train", "train_loss_step", "loss", "train_loss_epoch", "batch_loss"),
    "val_loss": ("val_loss", "valid_loss", "validation_loss", "eval_loss", "test_loss", "dev_loss"),
    "lr": ("lr", "learning_rate", "learningrate", "train_lr", "rate"),
    "grad_norm": ("grad_norm", "gradient_norm", "grad_norm_total", "total_norm", "train_grad_norm"),
    "accuracy": ("train_accuracy", "train_acc", "accuracy", "acc", "train_metric"),
    "step": ("global_step", "step", "steps", "iteration", "iter", "batch", "update", "epoch", "epochs"),
    "run": ("run", "run_id", "run_name", "experiment", "trial", "optimizer", "name"),
}
"""By what it is, the names that it may have, the likeliest first."""
EPOCHS = ("epoch", "epochs")


def normal(name: str) -> str:
    """A name in small letters with underscores.

    >>> normal("Train/Loss"), normal("lr-AdamW")
    ('train_loss', 'lr_adamw')
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def guessed(names: Sequence[str]) -> dict[str, str]:
    """What each column is, of those that are known.

    Parameters
    ----------
    names : sequence of str
        As the log has them.

    Returns
    -------
    dict of str to str
        The log's name by what it is: "loss", "val_loss", "lr", "grad_norm", "accuracy", "step", "run".

    Examples
    --------
    >>> guessed(["Epoch", "loss", "val_loss", "lr-AdamW"])
    {'loss': 'loss', 'val_loss': 'val_loss', 'lr': 'lr-AdamW', 'step': 'Epoch'}
    """
    by_normal: dict[str, str] = {}
    for name in names:
        by_normal.setdefault(normal(name), name)
    found = {}
    for what, known in KNOWN.items():
        match = next((by_normal[name] for name in known if name in by_normal), None)
        if match is None and what == "lr":  # Lightning's "lr-AdamW", Composer's "lr/group0"
            match = next((name for key, name in by_normal.items() if key.startswith(("lr_", "learning_rate_"))), None)
        if match is not None:
            found[what] = match
    return found
