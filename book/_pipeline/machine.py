"""What a measurement was made on: the machine and the versions."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

VERSIONS_OF = ("course-lib", "numpy", "torch")
_DETAILS = ("vendor_id", "cpu family", "model", "stepping", "cache size")


def cpu_model() -> str:
    """The processor's name as the system gives it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def cpu_details() -> dict[str, str]:
    """What else the system tells of the processor; a virtual machine may hide its model's name.

    On Linux the vendor, family, model and stepping, which name the generation, and its cache.
    """
    info, details = Path("/proc/cpuinfo"), {}
    if info.exists():
        first = info.read_text(encoding="utf-8").partition("\n\n")[0]
        for line in first.splitlines():
            name, _, value = (part.strip() for part in line.partition(":"))
            if name in _DETAILS:
                details[name.replace("_", " ")] = value
    return {"architecture": platform.machine(), **details}


def cores() -> int:
    """The number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that do the arithmetic."""
    return {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in VERSIONS_OF},
    }
