"""Standard output and error of a command: if they fail, words are lost and no work."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO


class LastingStream:
    """A text stream that drops what it cannot write: a full disk or a closed pipe raises nothing.

    Args:
        stream: to write to. Whatever else is asked of this object is asked of it.

    Attributes:
        error: the first failure, None if all is well.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        """Writes a text; returns its length."""
        if self.error is None:
            try:
                self._stream.write(text)
            except OSError as error:
                self.error = error
        return len(text)

    def flush(self) -> None:
        """Hands on what was written."""
        if self.error is None:
            try:
                self._stream.flush()
            except OSError as error:
                self.error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def lasting_streams() -> Iterator[LastingStream]:
    """Makes a `LastingStream` of standard output and standard error for a while.

    Yields:
        That of standard output, whose `error` is known when the block is left.
    """
    _open_closed()
    given = sys.stdout, sys.stderr
    out, error = (LastingStream(stream or _nowhere()) for stream in given)
    sys.stdout, sys.stderr = out, error
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = given
        for stream in (out, error):
            stream.flush()
            if stream.error is not None:
                # Else Python would try again at its end, and say so.
                with contextlib.suppress(OSError, ValueError), _nowhere() as nowhere:
                    os.dup2(nowhere.fileno(), stream.fileno())


def _open_closed() -> None:
    """Opens standard streams that are closed, on nothing.

    Else the next file that is opened, a checkpoint perhaps, gets the number of one of them, and
    what TensorFlow says is written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")
