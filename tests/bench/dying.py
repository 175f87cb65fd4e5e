"""A library whose process ends."""

from tests.bench.fakes import DYING as LIBRARY  # noqa: F401
