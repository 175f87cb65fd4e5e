"""PyTorch's optimizers, stepped by fastlr: change `torch.optim.AdamW` into `fastlr.torch.AdamW`, and nothing else.

opt = fastlr.torch.AdamW(model.parameters(), lr=1e-3)
loss.backward()
opt.step()
opt.zero_grad()

What else a step may do, it does in the same call: `max_norm=1.0` clips, `on_nonfinite="skip"` leaves out a step with
NaN, `average=fastlr.EMA()` averages the weights: see `Options`.

Design:

    optimizers  PyTorch's classes with PyTorch's signatures; sparse_adam is one that goes by rows
    options     what they take beyond PyTorch's arguments
    base        what they have in common: steps, reports, averages, checkpoints
    stepping    whose step it is
    layout      parameters, state and groups as the engine's tables
    members     the parameters in it
    complete    what a step does around the update
    sparse      steps of the rows that a sparse gradient has
    leaving     what PyTorch's own code steps
    memory      compiled: are all tensors where they were, and where are the gradients
    state       PyTorch's state of a parameter, and its count of steps
    tensors     which tensors the engine can step where they are
    formulas    PyTorch's names for the parts of fastlr's rules
    schedules   settings that are functions of the step
    portable    PyTorch's objects for `fastlr.checkpoint`
"""

from fastlr.extras import extra

with extra("torch"):
    from fastlr.torch.base import Optimizer as Optimizer
    from fastlr.torch.optimizers import SGD as SGD
    from fastlr.torch.optimizers import Adagrad as Adagrad
    from fastlr.torch.optimizers import Adam as Adam
    from fastlr.torch.optimizers import AdamW as AdamW
    from fastlr.torch.optimizers import RMSprop as RMSprop
    from fastlr.torch.options import Options as Options
    from fastlr.torch.portable import portable as portable
    from fastlr.torch.sparse_adam import SparseAdam as SparseAdam
