"""A library that is not installed."""

from fastlr.bench.peers.base import Library

LIBRARY = Library("absent", {"absent": lambda case: lambda: None}, ("no_such_module",), "absent", "pip install absent")
