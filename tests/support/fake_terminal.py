"""A terminal to write to, and what it would show."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    def isatty(self):
        return True


def screen(written: str) -> list[str]:
    """The lines of a terminal after `written`: `\\r` goes back, what comes next overwrites."""
    lines = []
    for line in written.split("\n"):
        cells: list[str] = []
        for part in line.split("\r"):
            cells[: len(part)] = part
        lines.append("".join(cells).rstrip())
    return lines
