"""How far a long loop is, on stderr: one line on a terminal, a line now and then in a log."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

WIDTH = 80
SECONDS_BETWEEN_UPDATES = 0.2
# In a log. Short loops write nothing there.
SECONDS_BETWEEN_LINES = 20.0


class ProgressLine:
    """Says how much of a loop is done, how fast it is and how long the rest takes.

    On a terminal it is one line, updated in place; `close`, or the end of a `with` block, removes
    it, so that whatever is printed next has a line of its own.

    Args:
        label: what the loop does, such as "evaluating".
        unit: what it counts, in the plural.

    Call arguments:
        done: how many are done.
        total: how many there are; `None` if nobody knows.
        note: shown after the count.
    """

    def __init__(self, label: str, unit: str = "images"):
        self.label = label
        self.unit = unit
        self._began = self._shown_at = time.monotonic()
        self._shown = ""

    def __call__(self, done: int, total: int | None, note: str = "") -> None:
        terminal = sys.stderr.isatty()
        now = time.monotonic()
        pause = SECONDS_BETWEEN_UPDATES if terminal else SECONDS_BETWEEN_LINES
        if now - self._shown_at < pause:
            return
        self._shown_at = now
        text = self._text(done, total, note, now - self._began)
        if terminal:
            # Spaces over the rest of a longer line before.
            print(f"\r{text:{len(self._shown)}}", end="", file=sys.stderr, flush=True)
            self._shown = text
        else:
            print(text, file=sys.stderr, flush=True)

    def _text(self, done: int, total: int | None, note: str, seconds: float) -> str:
        parts = [f"{done}{'' if total is None else f' of {total}'} {self.unit}"]
        parts += [note] if note else []
        each = seconds / done if done else 0.0
        if each > 0:
            parts.append(f"{each:.1f} s each" if each > 1 else f"{1 / each:.1f} a second")
            parts += [] if total is None else [f"{clock(each * (total - done))} left"]
        rest = ": " + ", ".join(parts)
        # A line as wide as the terminal would go on in the next one, where `\r` can't remove it.
        room = min(WIDTH, shutil.get_terminal_size().columns) - 1
        return (self.label[: max(0, room - len(rest))] + rest)[:room]

    def close(self) -> None:
        """Removes the line from a terminal."""
        if self._shown:
            print(f"\r{' ' * len(self._shown)}\r", end="", file=sys.stderr, flush=True)
            self._shown = ""

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def counted(items: Iterable[Item], total: int, label: str, unit: str = "images") -> Iterator[Item]:
    """Yields `items` and says how many of `total` are done."""
    with ProgressLine(label, unit) as progress:
        for done, item in enumerate(items, start=1):
            yield item
            progress(done, total)


def counter(
    progress: Callable[[int, int], None] | None, total: int
) -> Callable[[int], None] | None:
    """What calls `progress` with (done, total), from a call with how many have come to be done."""
    if progress is None:
        return None
    done = 0

    def add(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    return add


def clock(seconds: float) -> str:
    """Seconds as "1:02:03" or "2:03"."""
    hours, rest = divmod(round(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
