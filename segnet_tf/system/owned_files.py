"""Files that a command writes into a folder anew each time, and no file of anybody else.

All of them are written aside first. Then a list of them and of the earlier ones is kept in the
folder until all have their names and the earlier ones are removed: after a kill each file is whole,
and the next call still knows which are its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from segnet_tf.errors import UserError
from segnet_tf.system.atomic_files import clean, remove, replacing
from segnet_tf.system.json_files import read_json, write_json
from segnet_tf.system.locks import only_writer
from segnet_tf.system.outputs import check_folder, make_folder, require_plain_name
from segnet_tf.system.termination import undisturbed

UNFINISHED = ".segnet_tf-unfinished.json"
# Name, with / between folders -> SHA-256 of what was written there, hexadecimal.
Owned = Mapping[str, str]


def check_owned(folder: Path, files: Iterable[str], owned: Owned) -> None:
    """Raises UserError if files cannot be written, or would replace files that are not `owned`.

    Args:
        folder: may be missing.
        files: names to write.
        owned: files of an earlier call, out of what it left in the folder.
    """
    files = list(files)
    for name in (*files, *owned):
        for part in name.split("/"):
            require_plain_name(part, name, folder)
    check_folder(folder, files, overwrite=True)
    known = set(owned) | {name for name, _ in _unfinished(folder)}
    for name in files:
        path = folder / name
        is_there = os.path.lexists(path)
        if not _leads_inside(path.parent, folder) or (
            is_there and (name not in known or not _is_inside(path, folder))
        ):
            raise UserError(
                f"`output` must not hold files of others. Received: {folder} with {name}. "
                "Choose another folder."
            )


def replace_owned(folder: Path, files: Mapping[str, bytes | Path], owned: Owned) -> None:
    """Writes files in place of earlier ones, and removes those of them that are not written again.

    An earlier file whose content has changed meanwhile is not removed.

    Args:
        folder: made if missing.
        files: name -> content, or a file to copy. The first one gets its name last.
        owned: as for `check_owned`.

    Raises:
        UserError: as `check_owned`; a full disk; another process writes there. Nothing is changed.
    """
    make_folder(folder)
    with only_writer(folder, "output"):
        check_owned(folder, files, owned)
        earlier = {*owned.items(), *_unfinished(folder)}
        new = {}
        with contextlib.ExitStack() as all_of_it:
            stack = all_of_it.enter_context(contextlib.ExitStack())
            for name, content in files.items():
                path, data = folder / name, _data_of(content)
                new[name] = hashlib.sha256(data).hexdigest()
                if path.is_file() and _digest_of(path) == new[name]:
                    continue
                make_folder(path.parent)
                _write(stack.enter_context(replacing(path)), data)
            all_of_it.enter_context(undisturbed())
            write_json(folder / UNFINISHED, {"files": sorted({*earlier, *new.items()})})
            stack.close()
            _remove_others(folder, earlier, new)
            remove(folder / UNFINISHED)


def _remove_others(
    folder: Path, earlier: Iterable[tuple[str, str]], new: Mapping[str, str]
) -> None:
    for name, digest in sorted(earlier):
        path = folder / name
        if name not in new and _is_inside(path, folder) and _digest_of(path) == digest:
            remove(path)
    for parent in {(folder / name).parent for name, _ in earlier} - {folder}:
        with contextlib.suppress(OSError):  # one that is gone, or not empty
            clean(parent)
            parent.rmdir()


def _data_of(content: bytes | Path) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def _write(aside: Path, data: bytes) -> None:
    with open(aside, "wb") as file:
        file.write(data)
        # Now, and not when the first of the others have their names.
        file.flush()
        os.fsync(file.fileno())


def _unfinished(folder: Path) -> set[tuple[str, str]]:
    """Names and digests that a killed call has left; those of others are ignored."""
    try:
        listed = read_json(folder / UNFINISHED)["files"]
        return {
            (name, digest)
            for name, digest in listed
            if not any(part in ("", ".", "..") for part in name.split("/"))
        }
    except (UserError, KeyError, TypeError, ValueError, AttributeError):
        return set()


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a file is an ordinary one, in the folder itself and not behind a link."""
    if path.is_symlink() or not path.is_file():
        return False
    return _leads_inside(path, folder)


def _leads_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
