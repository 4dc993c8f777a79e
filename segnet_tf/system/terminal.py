"""What is printed while a command runs: names out of files must not command the terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from segnet_tf.errors import printable


class PrintableStream:
    """A text stream that writes everything as `printable` gives it, and never fails to encode it.

    Args:
        stream: to write to. Whatever else is asked of this object is asked of it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes a text; returns its length."""
        if not text.isprintable():
            # At the ends a progress line has it, which is updated in place.
            middle = text.strip("\r")
            text = text.replace(middle, printable(middle), 1) if middle else text
        encoding = self._stream.encoding or "utf-8"
        self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Writes several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def printable_streams() -> Iterator[None]:
    """Makes a `PrintableStream` of standard output and standard error for a while."""
    # Python has none where they are closed.
    given = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream and PrintableStream(stream) for stream in given)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = given
