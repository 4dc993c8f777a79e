"""The folder of a run: new, replaced or gone on with, by one process at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from segnet_tf.errors import UserError
from segnet_tf.runs.records import RUN_FILES, read_run
from segnet_tf.system.locks import only_writer
from segnet_tf.system.outputs import is_unused, make_folder

_RECORD = "config.json"


@contextlib.contextmanager
def new_run(folder: Path, overwrite: bool) -> Iterator[None]:
    """Keeps a folder for a new run while the block runs; it is made if missing.

    An error in the block removes it again as long as it is empty.

    Args:
        folder: of the run.
        overwrite: whether it may hold another run, see `empty`.

    Raises:
        UserError: it is not unused, or another process writes it.
    """
    _require_new(folder, overwrite)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    make_folder(folder)
    try:
        with only_writer(folder, "output"):
            # Another process may have finished one before this lock.
            _require_new(folder, overwrite)
            yield
    except BaseException:
        with contextlib.suppress(OSError):  # the first that is not empty
            for path in missing:
                path.rmdir()
        raise


@contextlib.contextmanager
def resumed_run(folder: Path) -> Iterator[None]:
    """Keeps the folder of a run for this process while the block runs.

    Raises:
        UserError: another process writes it.
    """
    with only_writer(folder, "resume"):
        yield


def empty(folder: Path) -> None:
    """Removes the files of an earlier run, but its config.json, which is to be replaced.

    So a kill leaves a run that goes on from its beginning.
    """
    try:
        for name in RUN_FILES:
            if name != _RECORD:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"`output` must be a folder that can be written. Received: {folder}: {error.strerror}. "
            "Choose another folder."
        ) from error


def _require_new(folder: Path, overwrite: bool) -> None:
    if is_unused(folder):
        return
    if not folder.is_dir() or not overwrite:
        raise UserError(
            f"`output` must be a new or empty folder. Received: {folder}, which is there. "
            "Pass overwrite=True (--overwrite) to replace the run, or go on with it by "
            "segnet_tf.training.resume (--resume)."
        )
    if (folder / _RECORD).exists() and read_run(folder) is None:
        raise UserError(
            f"`output` must be a run to replace. Received: {folder}, whose {_RECORD} is of "
            "another program. Choose another folder."
        )
