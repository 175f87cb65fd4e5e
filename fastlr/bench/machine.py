"""The machine that a race ran on: what its numbers belong to."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastlr.config import show_config

CPUINFO = Path("/proc/cpuinfo")
MEMINFO = Path("/proc/meminfo")
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
CGROUP = Path("/sys/fs/cgroup")


def facts() -> dict[str, Any]:
    """Processor, caches, memory, system, versions and date, as plain values; None for what cannot be found out.

    Returns
    -------
    dict
    """
    config = show_config("dicts")
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": processor(),
        "processors": config["threads available"],
        "caches": caches(),
        "memory": memory(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": config["python"],
        "fastlr": config["fastlr"],
        "instruction set": config["instruction set"],
    }


def processor(cpuinfo: Path = CPUINFO) -> str:
    """The processor's name."""
    for line in _lines(cpuinfo):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def caches(folder: Path = CACHES) -> dict[str, int]:
    """Bytes of each of the first processor's caches for data: {"L1": 32768, ...}; only Linux tells."""
    found = {}
    for index in sorted(folder.glob("index*")):
        level, kind, size = ("".join(_lines(index / name)).strip() for name in ("level", "type", "size"))
        if kind != "Instruction" and size.endswith("K"):
            found[f"L{level}"] = int(size[:-1]) * 1024
    return found


def memory() -> int | None:
    """Bytes of memory."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def available(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int | None:
    """Bytes that can be used without swapping, in a container too; None where the system does not say."""
    free = [1024 * int(line.split()[1]) for line in _lines(meminfo) if line.startswith("MemAvailable:")]
    limit = "".join(_lines(cgroup / "memory.max")).strip()
    if limit.isdecimal():  # what files fill of it would be given back
        used = [int(line.split()[1]) for line in _lines(cgroup / "memory.stat") if line.startswith("anon ")]
        free.append(int(limit) - sum(used))
    return min(free, default=None)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
