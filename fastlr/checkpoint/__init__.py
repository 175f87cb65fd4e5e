"""Checkpoints: everything that a run needs to go on bit for bit, in one file that is whole or not there.

checkpoint.save("run/{steps}.safetensors", opt, scaler=scaler, metadata={"epoch": 3}, keep=3)
loaded = checkpoint.load("run/{steps}.safetensors", opt, scaler=scaler)  # the newest

Design: a checkpoint is a safetensors file, which any program with that package can read, and never pickle: nothing in
it can run.  fastlr writes and reads the format itself, for it is a length, a JSON header and bytes: so tensors go from
where they are to the disk without a copy, they are hashed on the way, and the extra `checkpoint` brings no package.

    tree       nested values as JSON and named arrays, and back
    layout     those as the bytes of a file, and back; the checksum
    files      a file appears whole, on the disk, or not at all
    series     the files that a path with {steps} stands for
    content    what is saved of optimizers and other parts
    pending    saves that go on while training does
"""

from fastlr.checkpoint.layout import UnreadableError as UnreadableError
from fastlr.checkpoint.loading import Loaded as Loaded
from fastlr.checkpoint.loading import load as load
from fastlr.checkpoint.pending import Saving as Saving
from fastlr.checkpoint.saving import save as save
from fastlr.statedict import Stateful as Stateful
