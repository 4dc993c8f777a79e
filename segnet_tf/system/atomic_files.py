"""Files that are replaced as a whole: a killed process leaves the old file or the new one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from segnet_tf.errors import UserError


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a path to write to, and renames it to `path` when the block ends without an error.

    Args:
        path: the file to write. Its folder must exist.

    Yields:
        A path in the same folder with the same suffix (Keras insists on `.keras`).

    Raises:
        UserError: the disk is full or the file cannot be written. An earlier file at `path`
            is unchanged.
    """
    path = Path(path)
    aside = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        yield aside
        # Without the flush the new name could be on an empty file after a power cut.
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
