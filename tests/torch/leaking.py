"""Prints by how many bytes the process grows over many steps whose gradients are new each time."""

import gc
import sys

import torch

import fastlr.torch


def resident():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def main(name, steps):
    params = [torch.nn.Parameter(torch.ones(100)) for _ in range(4)]
    opt = getattr(fastlr.torch, name)(params)

    def run(count):
        for step in range(count):
            for k, param in enumerate(params):
                # Now and then there is none, or one that must be copied.
                new = torch.ones(200)[::2] if step % 7 == 0 else torch.ones(100)
                param.grad = None if (step + k) % 5 == 0 else new
            opt.step()

    run(500)
    gc.collect()
    before = resident()
    run(steps)
    gc.collect()
    print(resident() - before)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
