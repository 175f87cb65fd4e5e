"""How long imports take, each in a new process."""


class Imports:
    """`numpy` is what `fastlr` needs in any case; the lab and the command come on top."""

    params = (("numpy", "fastlr", "fastlr.lab", "fastlr.cli"),)
    param_names = ("module",)
    timeout = 120.0

    def timeraw_import(self, module: str) -> str:
        """With everything that the module imports."""
        return f"import {module}"


def timeraw_import_after_numpy() -> tuple[str, str]:
    """What fastlr adds to a program that has NumPy."""
    return "import fastlr", "import numpy"
