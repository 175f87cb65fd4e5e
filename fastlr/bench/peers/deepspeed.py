"""DeepSpeed: the optimizers that it offloads to the CPU with; it compiles them for this machine on first use."""

from typing import Any

from fastlr.bench.cases import Case
from fastlr.bench.peers.base import AWAKE, Library, UnsupportedError, refuse_double, start
from fastlr.bench.timing import Step


def _make(case: Case) -> Step:
    import torch

    refuse_double(case, "DeepSpeed")
    torch.set_num_threads(case.threads)
    weights, grads = start(case)
    params = [torch.from_numpy(array).requires_grad_() for array in weights]
    for param, gradient in zip(params, grads, strict=True):
        param.grad = torch.from_numpy(gradient)
    step: Step = _optimizer(params, type(case.rule).__name__, case.rule.settings()).step
    return step


def _optimizer(params: list[Any], name: str, settings: dict[str, Any]) -> Any:
    if name in ("Adam", "AdamW") and not settings["amsgrad"]:
        from deepspeed.ops.adam import DeepSpeedCPUAdam

        common = {key: settings[key] for key in ("lr", "betas", "eps", "weight_decay")}
        return DeepSpeedCPUAdam(params, **common, adamw_mode=name == "AdamW")
    if name == "Adagrad":
        from deepspeed.ops.adagrad import DeepSpeedCPUAdagrad

        return DeepSpeedCPUAdagrad(params, **{key: settings[key] for key in ("lr", "eps", "weight_decay")})
    raise UnsupportedError("DeepSpeed has Adam, AdamW and Adagrad only")


LIBRARY = Library(
    "deepspeed",
    {"deepspeed": _make},
    ("deepspeed",),
    "deepspeed",
    # its setup asks the torch that is installed
    "pip install torch ninja setuptools wheel && DS_BUILD_OPS=0 pip install --no-build-isolation deepspeed",
    environment=AWAKE,
)
