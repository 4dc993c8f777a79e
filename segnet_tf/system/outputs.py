"""Checks of what is to be written, made before the work that it is the result of."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from segnet_tf.errors import UserError


def check_file(
    path: str | os.PathLike[str] | None, overwrite: bool, argument: str = "output"
) -> None:
    """Raises UserError for a file that may not or cannot be written; `None` is no file.

    Args:
        path: of the file.
        overwrite: whether it may replace one that exists.
        argument: what the user calls it.
    """
    if path is None:
        return
    path = Path(path)
    try:
        exists, is_folder, has_folder = path.exists(), path.is_dir(), path.parent.is_dir()
    except OSError as error:  # a name that is too long
        raise UserError(
            f"`{argument}` must be a file that can be written. Received: {path}: {error.strerror}. "
            "Choose another name."
        ) from error
    if is_folder:
        raise UserError(
            f"`{argument}` must be a file. Received: {path}, a folder. Name a file in it."
        )
    if exists and not overwrite:
        raise UserError(
            f"`{argument}` must be a new file. Received: {path}, which exists. "
            "Choose another name or pass overwrite=True (--overwrite)."
        )
    if not has_folder:
        raise UserError(
            f"`{argument}` must be in an existing folder. Received: {path}. "
            f"Make {path.parent} first."
        )


def check_folder(folder: Path, files: Iterable[str], overwrite: bool) -> None:
    """Raises UserError if `folder` is a file, or holds one of `files` that may not be replaced."""
    if folder.exists() and not folder.is_dir():
        raise UserError(
            f"`output` must be a folder. Received: {folder}, which is a file. Choose another name."
        )
    existing = [name for name in files if (folder / name).exists()]
    if existing and not overwrite:
        raise UserError(
            f"`output` must not hold the files to write. Received: {folder} with {existing[0]}. "
            "Pass overwrite=True (--overwrite) or another folder."
        )


def make_folder(folder: Path) -> None:
    """Makes the folder of the output if it is missing; UserError if it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"`output` must be a folder that can be written. Received: {folder}: "
            f"{error.strerror}. Choose another folder."
        ) from error
