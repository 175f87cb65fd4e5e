"""A library that is installed and cannot be loaded."""

from fastlr.bench.peers.base import Library


class Broken(Library):
    def load(self):
        raise AttributeError("a newer one is needed")


LIBRARY = Broken("broken", {"broken": lambda case: lambda: None}, (), "numpy", "pip install broken")
