"""Files of a data set in shards, on a disk or on any file system that TensorFlow knows."""

from __future__ import annotations

import contextlib
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow as tf

from segnet_tf.data.shards.places import is_remote
from segnet_tf.system.atomic_files import aside_of, temporary


def join(directory: str | Path, name: str) -> str:
    """A path in a folder; `Path` would make one slash of the two in `gs://`."""
    return f"{str(directory).rstrip('/')}/{name}"


def read_file(path: str) -> bytes:
    """The content of a file."""
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()


def read_part(path: str, start: int, length: int) -> bytes:
    """`length` bytes of a file, fewer at its end. Of a remote file TensorFlow reads 512 kB more.

    Args:
        length: no more than the file has: memory for it is taken before anything is read.

    Raises:
        OSError, tf.errors.OpError: it cannot be read.
    """
    with tf.io.gfile.GFile(path, "rb") if is_remote(path) else open(path, "rb") as file:
        file.seek(start)
        return file.read(length)


def write_file(path: str, content: bytes) -> None:
    """Writes a file: it is there as a whole or not at all."""
    with writing(path) as local:
        Path(local).write_bytes(content)


@contextlib.contextmanager
def writing(path: str) -> Iterator[str]:
    """Gives a path on this machine to write to; `path` is there as a whole when the block ends.

    Raises:
        OSError, tf.errors.OpError: it cannot be written.
    """
    if not is_remote(path):
        with aside_of(path) as aside:
            yield str(aside)
        return
    # An object of a storage is written in one go.
    with temporary(Path(tempfile.gettempdir()), "") as local:
        yield str(local)
        there = f"{path}.{secrets.token_hex(8)}.partial"
        tf.io.gfile.copy(str(local), there)
        tf.io.gfile.rename(there, path, overwrite=True)


def leftovers(names: Iterable[str], written: Iterable[str]) -> list[str]:
    """Those of `names` that `writing` left of the files `written` when it was killed."""
    ours = "|".join(re.escape(name) for name in written)
    return [name for name in names if re.fullmatch(rf"({ours})\.[0-9a-f]{{16}}\.partial", name)]


def first_line(error: Exception) -> str:
    """The first line of an error's text."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = error.message if isinstance(error, tf.errors.OpError) else str(error)
    return (text.splitlines() or [type(error).__name__])[0]
