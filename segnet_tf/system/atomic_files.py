"""Files that are either the old one or the new one, whatever kills the process in between."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from segnet_tf.errors import UserError


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Gives a path to write to, and renames it to `path` when the block ends well.

    Args:
        path: the file to write. Its folder must exist.

    Yields:
        A path in the same folder with the same ending (Keras wants `.keras`).

    Raises:
        UserError: the disk is full or the file cannot be written. The file that was at
            `path` before is still there.
    """
    path = Path(path)
    aside = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield aside
        # Without the flush a power cut could leave the new name on an empty file.
        with open(aside, "rb") as file:
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        kept = "The previous file is intact. " if path.exists() else ""
        raise UserError(
            f"`{path}` could not be written. Received: {error.strerror or error}. "
            f"{kept}Free some space or choose another output folder."
        ) from error
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        raise
