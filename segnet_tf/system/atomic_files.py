"""Files that are replaced as a whole: a killed process leaves the old file or the new one.

Until it is finished a file lies beside its place, `.segnet_tf-RANDOM.partial` and its suffix. Its
writer holds a lock on it. One that nobody holds is what a killed process has left: the next process
that writes into the folder removes it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from segnet_tf.errors import UserError
from segnet_tf.system.locks import try_lock
from segnet_tf.system.termination import undisturbed

_MARK = re.compile(r"\.segnet_tf-[0-9a-f]{16}\.partial(\..*)?", re.DOTALL)
_ALONE = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Folders that this process has cleaned, by device and number.
_cleaned: set[tuple[int, int]] = set()
_cleaning = threading.Lock()


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Gives a path to write to, and renames it to `path` when the block ends without an error.

    A link stays, and the file that it leads to is replaced. A file keeps its mode. When the block
    is left, the file and its name are on the disk, not only in memory.

    Args:
        path: the file to write. Its folder must exist.

    Yields:
        A path in the same folder with the same suffix (Keras insists on `.keras`). An empty file is
        there, of a name that no other process takes.

    Raises:
        UserError: the disk is full or the file cannot be written, or `path` is no ordinary file.
            An earlier file at `path` is unchanged.
    """
    try:
        with aside_of(path) as aside:
            yield aside
    except OSError as error:
        kept = "The previous file is intact. " if os.path.isfile(path) else ""
        raise UserError(
            f"`{path}` could not be written. Received: {error.strerror or error}. "
            f"{kept}Free some space or choose another output folder."
        ) from error


@contextlib.contextmanager
def aside_of(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[Path]:
    """`replacing` with the system's own errors, for callers that go on without the file.

    Args:
        path: as there.
        durable: False does not wait for the disk. After a power cut the file may be damaged.

    Raises:
        OSError: the file cannot be written.
        UserError: `path` is no ordinary file.
    """
    require_ordinary(path)
    target = Path(os.path.realpath(path))
    mode = _mode_of(target)
    with temporary(target.parent, target.suffix, 0o666 if mode is None else 0o600) as aside:
        yield aside
        _finish(aside, target, mode, durable)


def put_in_place(aside: Path, path: Path) -> None:
    """Renames a finished file to `path`, as `replacing` does.

    Raises:
        UserError: it cannot, or `path` is no ordinary file. Both files are unchanged.
    """
    require_ordinary(path)
    target = Path(os.path.realpath(path))
    try:
        _finish(aside, target, _mode_of(target), durable=True)
    except OSError as error:
        raise UserError(
            f"`{path}` could not be written. Received: {error.strerror}. What was to be in it is "
            f"in {aside}."
        ) from error


def require_ordinary(path: str | os.PathLike[str], argument: str | None = None) -> None:
    """Raises UserError if a path is there and is a device, a pipe, a folder or a loop of links.

    Args:
        path: of the file.
        argument: what the user calls it; None for the path itself.
    """
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        reason = error.strerror
    else:
        # The standard streams are files sometimes, but not to be replaced under their writers.
        if stat.S_ISREG(found.st_mode) and not _is_stream(path):
            return
        reason = "a folder" if stat.S_ISDIR(found.st_mode) else "a device, pipe or open stream"
    raise UserError(
        f"`{argument or path}` must be an ordinary file. Received: {path}: {reason}. "
        "Choose another name."
    )


def _is_stream(path: str | os.PathLike[str]) -> bool:
    return os.path.abspath(path).startswith(("/dev/std", "/dev/fd/", "/proc/"))


@contextlib.contextmanager
def temporary(folder: Path, suffix: str, mode: int = 0o600) -> Iterator[Path]:
    """An empty file of a random name, for this process alone, removed when the block is left.

    Args:
        folder: where. What killed processes have left there is removed.
        suffix: of its name.
        mode: of the file, less what the user's umask takes.

    Raises:
        OSError: it cannot be made.
    """
    clean(folder)
    is_made = False
    while not is_made:
        path = folder / f".segnet_tf-{secrets.token_hex(8)}.partial{suffix}"
        descriptor = None
        try:
            with undisturbed():
                descriptor = os.open(path, _ALONE | os.O_RDWR, mode)
                try_lock(descriptor)
                # A process that cleans may have been faster than the lock.
                is_made = os.fstat(descriptor).st_nlink > 0
            if is_made:
                yield path
        finally:
            if descriptor is not None:
                with undisturbed():
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)
                    os.close(descriptor)


@contextlib.contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """As `temporary`, a folder, which is removed with all that is in it."""
    clean(folder)
    path = folder / f".segnet_tf-{secrets.token_hex(8)}.partial"
    descriptor = None
    try:
        with undisturbed():
            path.mkdir(mode=0o700)
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try_lock(descriptor)
        yield path
    finally:
        with undisturbed():
            shutil.rmtree(path, ignore_errors=True)
            if descriptor is not None:
                os.close(descriptor)


def is_leftover(name: str) -> bool:
    """Whether a file of that name is one of a writer that is at work, or was killed."""
    return _MARK.fullmatch(name) is not None


def _mode_of(path: Path) -> int | None:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


def _finish(aside: Path, target: Path, mode: int | None, durable: bool) -> None:
    descriptor = os.open(aside, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        if durable:
            # Else the new name could be on an empty file after a power cut.
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(aside, target)
    if durable:
        flush_folder(target.parent)


def flush_folder(folder: Path) -> None:
    """Waits until the names in a folder are on the disk, where the file system can."""
    # Some cannot open or flush a folder; the file itself is safe by now.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def clean(folder: Path) -> None:
    """Removes what killed processes of this user have left in a folder, once in a process."""
    found = folder.stat()
    with _cleaning:
        if (found.st_dev, found.st_ino) in _cleaned:
            return
        _cleaned.add((found.st_dev, found.st_ino))
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if is_leftover(entry.name):
                with contextlib.suppress(OSError):
                    _remove_if_left(entry.path)


def _remove_if_left(path: str) -> None:
    is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
    # A network file system locks a file that is open for writing only.
    mode = os.O_RDONLY | os.O_DIRECTORY if is_folder else os.O_RDWR | os.O_NONBLOCK
    descriptor = os.open(path, mode | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid() or not try_lock(descriptor):
            return
        if is_folder:
            shutil.rmtree(path, ignore_errors=True)
        elif stat.S_ISREG(found.st_mode):
            os.unlink(path)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Removes a file if it is there, for good: its name is gone also after a power cut."""
    path.unlink(missing_ok=True)
    flush_folder(path.parent)
