"""Builds the compiled parts: the engine, and the kernels, which are generated from the rules' own text."""

import importlib
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
GENERATED = Path("build/generated")
MSVC = sys.platform == "win32"

# What equal bits need: no fusing, no reassociation, no flush-to-zero, whatever CFLAGS say (so these come last).
# The other two change no value and let loops be vectorised.
EXACT = (
    ["/O2", "/fp:precise"]
    if MSVC
    else [
        "-O3",
        "-fno-fast-math",
        "-ffp-contract=off",
        "-fno-math-errno",
        "-fno-trapping-math",
        "-fno-strict-aliasing",
    ]
)
OPENMP = ["/openmp"] if MSVC else ["-fopenmp"]
THREADED = ("fastlr.engine.native", "fastlr.engine.rows", "fastlr.bench.stream")


def rule_modules() -> list[Any]:
    """`fastlr.kernels.levels`, `.codegen` and `fastlr.rules`, without the compiled parts that `fastlr` needs."""
    for name in ("fastlr", "fastlr.kernels"):
        package = types.ModuleType(name)
        package.__path__ = [str(ROOT / name.replace(".", "/"))]
        sys.modules[name] = package
    names = ("fastlr.kernels.levels", "fastlr.kernels.codegen", "fastlr.rules")
    return [importlib.import_module(name) for name in names]


def extensions() -> list[Extension]:
    levels, codegen, rules = rule_modules()
    source = codegen.cython_module((*rules.RULES, *rules.ROW_RULES))
    GENERATED.mkdir(parents=True, exist_ok=True)
    modules = [engine("native"), engine("rows"), stream(), memory()]
    for level, flags in levels.LEVELS.items():
        path = GENERATED / f"_{level}.pyx"
        if not path.exists() or path.read_text() != source:
            path.write_text(source)
        modules.append(
            Extension(
                f"fastlr.kernels._{level}",
                [str(path)],
                include_dirs=["fastlr/kernels"],
                depends=["fastlr/kernels/vocabulary.h", "fastlr/kernels/measure.h"],
                extra_compile_args=[*EXACT, *flags],
            )
        )
    return cythonize(modules, build_dir="build/cython", quiet=True)


def engine(name: str) -> Extension:
    return Extension(
        f"fastlr.engine.{name}",
        [f"fastlr/engine/{name}.pyx"],
        include_dirs=[np.get_include(), "fastlr/engine"],
        depends=["fastlr/engine/machine.h", "fastlr/engine/rows.h", "fastlr/engine/chunks.pxd"],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        extra_compile_args=list(EXACT),
    )


def stream() -> Extension:
    return Extension(
        "fastlr.bench.stream",
        ["fastlr/bench/stream.pyx"],
        include_dirs=["fastlr/bench"],
        depends=["fastlr/bench/stream.h"],
        extra_compile_args=list(EXACT),
    )


def memory() -> Extension:
    return Extension(
        "fastlr.torch.memory",
        ["fastlr/torch/memory.pyx"],
        include_dirs=[np.get_include(), "fastlr/torch"],
        depends=["fastlr/torch/dlpack.h"],
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
        extra_compile_args=list(EXACT),
    )


class BuildExt(build_ext):
    """Says what to install where the compiler is missing or too old, and uses OpenMP where it is there."""

    def build_extensions(self) -> None:
        self.must_compile(
            [],
            "a C compiler is needed to build fastlr: install gcc or clang and the Python headers "
            "(Debian and Ubuntu: apt install gcc python3-dev; Fedora: dnf install gcc python3-devel; "
            "macOS: xcode-select --install; Windows: the Visual C++ build tools)",
        )
        if hasattr(self.compiler, "linker_so"):
            # setuptools gives CFLAGS to the linker too, where gcc answers these by flushing subnormals in the process.
            fast = ("-Ofast", "-ffast-math", "-funsafe-math-optimizations")
            self.compiler.linker_so = [flag for flag in self.compiler.linker_so if flag not in fast]
        openmp = self.compiles(OPENMP, link=True)
        if not openmp:
            print("fastlr: this compiler has no OpenMP, steps will use one thread", file=sys.stderr)
        for extension in self.extensions:
            flags = extension.extra_compile_args
            self.must_compile(
                flags,
                f"the C compiler does not take the flags {' '.join(flags)}: "
                "install gcc 11 or newer, or clang 12 or newer",
            )
            if openmp and extension.name in THREADED:
                flags += OPENMP
                extension.extra_link_args = [] if MSVC else OPENMP
        super().build_extensions()

    def must_compile(self, flags: list[str], message: str) -> None:
        if not self.compiles(flags):
            raise SystemExit(f"fastlr: {message}")

    def compiles(self, flags: list[str], link: bool = False) -> bool:
        """Whether a small program compiles (and links) with these flags."""
        include = [] if MSVC else [f"-I{directory}" for directory in self.compiler.include_dirs]
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "probe.c"
            source.write_text("#include <Python.h>\n#include <math.h>\nint main(void) { return sqrtf(0.0f) > 1; }\n")
            try:
                objects = self.compiler.compile([str(source)], folder, extra_postargs=[*include, *flags])
                if link:
                    self.compiler.link_shared_object(objects, str(Path(folder) / "probe.so"), extra_postargs=flags)
            except Exception as error:  # each compiler class has its own
                print(f"fastlr: probe with {flags or 'no flags'} failed: {error}", file=sys.stderr)
                return False
        return True


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildExt})
