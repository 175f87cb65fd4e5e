"""The instruction sets that kernels are compiled for, read by the build and by the choice at import."""

import platform
import sys

X86 = platform.machine().lower() in ("x86_64", "amd64")

LEVELS: dict[str, tuple[str, ...]] = (
    {
        "v1": ("-march=x86-64", "-mfpmath=sse"),
        "v3": ("-march=x86-64-v3", "-mfpmath=sse"),
        "v4": ("-march=x86-64-v4", "-mfpmath=sse"),
    }
    if X86 and sys.platform != "win32"
    else {"v1": ()}
)
"""Name -> compiler flags, poorest first.  On x86-64: v1 is the baseline, v3 has AVX2, v4 AVX-512; elsewhere and with
Microsoft's compiler (which has no such flags) v1 is whatever the platform's baseline is."""
