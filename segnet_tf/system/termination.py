"""SIGTERM and SIGHUP end a command as Ctrl-C does: it cleans up and says how to go on."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

# `timeout` sends its signal twice, to the process and to its group: the second one must not stop
# the cleaning up after the first.
_ONE_SIGNAL = 1.0  # seconds


class Terminated(KeyboardInterrupt):
    """The process is to end.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__("terminated" if number == signal.SIGTERM else "the terminal was closed")
        self.number = number


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raises `Terminated` in the block at SIGTERM, and at SIGHUP unless `nohup` keeps it off."""
    last = float("-inf")

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if time.monotonic() - last > _ONE_SIGNAL:
            last = time.monotonic()
            raise Terminated(number)

    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield
        return
    kept = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            kept[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in kept.items():
            # A process that ends takes no more of them.
            signal.signal(number, handler if last == float("-inf") else signal.SIG_IGN)
