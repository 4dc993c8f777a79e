"""How far a long loop is, on stderr: a counter on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

# Short loops stay silent in a log file.
SECONDS_BETWEEN_LINES = 20.0


def counted(items: Iterable[Item], total: int, label: str, unit: str = "images") -> Iterator[Item]:
    """Yields `items` and says how many of `total` are done."""
    terminal = sys.stderr.isatty()
    began = said = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if not terminal and now - said < SECONDS_BETWEEN_LINES:
            continue
        said = now
        left = (now - began) / done * (total - done)
        line = f"{label}: {done} of {total} {unit}, {left:.0f} s left"
        start, end = ("\r", "" if done < total else "\n") if terminal else ("", "\n")
        print(f"{start}{line:60}", end=end, file=sys.stderr, flush=True)


def clock(seconds: float) -> str:
    """Seconds as "1:02:03" or "2:03"."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
