"""What the processor of this machine can do."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

# Linux lists them as `flags` on x86-64 and as `Features` on aarch64.
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}


def has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether it multiplies in bfloat16; False where that cannot be told."""
    try:
        lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        return False
    return any(_BFLOAT16 & set(line.split()) for line in lines)


def description(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name and how many of its cores there are: times of two machines differ."""
    try:
        name = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        name = None
    return f"{name[1].strip() if name else platform.machine()}, {os.cpu_count()} cores"


def usable_cores() -> int:
    """Cores that this process may use, where the system says which, or else all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
