"""How much memory there is and is taken. Imports almost nothing: imports take memory too."""

from __future__ import annotations

import os
from pathlib import Path


def resident_peak() -> int:
    """Peak resident bytes of this process since it began to run its program."""
    # Not getrusage: on Linux its peak of a subprocess begins with that of the parent process.
    status = Path("/proc/self/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


def physical_memory() -> int:
    """Bytes of the machine's memory, taken or not."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
