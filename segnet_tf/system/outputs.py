"""Checks of what is to be written, made before the work that it is the result of."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from segnet_tf.errors import UserError
from segnet_tf.system.atomic_files import is_leftover, require_ordinary
from segnet_tf.system.locks import LOCK


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
        exists, is_folder = path.exists(), path.is_dir()
        folder = Path(os.path.realpath(path)).parent  # where a link leads
        has_folder = folder.is_dir()
    except OSError as error:  # a name that is too long
        raise UserError(
            f"`{argument}` must be a file that can be written. Received: {path}: {error.strerror}. "
            "Choose another name."
        ) from error
    if is_folder:
        raise UserError(
            f"`{argument}` must be a file. Received: {path}, a folder. Name a file in it."
        )
    require_ordinary(path, argument)
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
    if not _may_write(folder):
        raise UserError(
            f"`{argument}` must be in a folder that can be written. Received: {path}. "
            "Choose another folder."
        )


def check_folder(folder: Path, files: Iterable[str], overwrite: bool) -> None:
    """Raises UserError if `folder` is a file, or holds one of `files` that may not be replaced."""
    if folder.exists() and not folder.is_dir():
        raise UserError(
            f"`output` must be a folder. Received: {folder}, which is a file. Choose another name."
        )
    existing = [name for name in files if (folder / name).exists()]
    for name in existing:
        require_ordinary(folder / name)
    if not _may_write(folder):
        raise _cannot_be_written(folder, "no permission, or a read-only disk")
    if existing and not overwrite:
        raise UserError(
            f"`output` must not hold the files to write. Received: {folder} with {existing[0]}. "
            "Pass overwrite=True (--overwrite) or another folder."
        )


def is_unused(folder: Path) -> bool:
    """Whether a folder is missing or holds no file but those that a killed process has left."""
    if not folder.exists():
        return True
    if not folder.is_dir():
        return False
    return all(
        path.name == LOCK or is_leftover(path.name) or (path.is_dir() and not path.is_symlink())
        for path in folder.rglob("*")
    )


def make_folder(folder: Path) -> None:
    """Makes the folder of the output if it is missing; UserError if it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_be_written(folder, error.strerror) from error


def require_plain_name(name: object, field: str, where: str | os.PathLike[str]) -> str:
    """A name out of a file, which is to name a file in the output and nothing outside it.

    Args:
        name: what the file has there.
        field: that it is the value of.
        where: the file.

    Raises:
        UserError: it is no text, or has separators or unprintable characters.
    """
    if (
        isinstance(name, str)
        and name not in ("", ".", "..")
        and name.isprintable()
        and not set(name) & set("/\\")
    ):
        return name
    raise UserError(
        f"`{field}` in {where} must be a plain name, without separators, since a file is named "
        f"after it. Received: {name!a}. Correct it there."
    )


def _may_write(folder: Path) -> bool:
    """Whether files can be made in a folder, or in the one that it would be made in."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return os.access(there, os.W_OK | os.X_OK)


def _cannot_be_written(folder: Path, reason: str | None) -> UserError:
    return UserError(
        f"`output` must be a folder that can be written. Received: {folder}: {reason}. "
        "Choose another folder."
    )
