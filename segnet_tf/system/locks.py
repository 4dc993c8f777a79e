"""Locks that die with their holder, `kill -9` included: the kernel takes them off a closed file."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from segnet_tf.errors import UserError
from segnet_tf.system.termination import undisturbed

# In a folder while a process writes it; after `kill -9` the file stays, and holds nobody off.
LOCK = ".segnet_tf.lock"
# So often others may remove it just when it is opened; a file system may also number files oddly.
_TRIES = 100
_HELD = (errno.EWOULDBLOCK, errno.EACCES)


@contextlib.contextmanager
def only_writer(folder: Path, argument: str) -> Iterator[None]:
    """Keeps all other processes out of a folder while the block runs.

    Where the file system knows no locks, nobody is kept out.

    Args:
        folder: exists.
        argument: what the user calls it.

    Raises:
        UserError: another process has it, or nothing can be written there.
    """
    path = folder / LOCK
    descriptor = None
    try:
        with undisturbed():
            descriptor = _taken(path, argument)
            with contextlib.suppress(OSError):  # on a full disk the lock holds without a name
                os.ftruncate(descriptor, 0)
                who = f"process {os.getpid()} on {socket.gethostname()}"
                os.write(descriptor, f"{who} since {time.strftime('%Y-%m-%d %H:%M:%S')}".encode())
        yield
    finally:
        if descriptor is not None:
            with undisturbed():
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
                os.close(descriptor)


def try_lock(descriptor: int) -> bool | None:
    """Locks an open file for this process until it is closed.

    Args:
        descriptor: of the file. Network file systems want it open for writing.

    Returns:
        False if another one holds it, None if the file system knows no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _HELD else None
    return True


def _taken(path: Path, argument: str) -> int:
    """The open file of a lock that this process has now."""
    try:
        descriptor = _locked(path)
    except OSError as error:
        raise UserError(
            f"`{argument}` must be a folder that can be written. Received: {path.parent}: "
            f"{error.strerror}. Choose another folder."
        ) from error
    if descriptor is None:
        raise UserError(
            f"`{argument}` must be a folder that no other process writes. Received: {path.parent}, "
            f"which is held by {_holder(path)}. Wait for its end or choose another folder."
        )
    return descriptor


def _locked(path: Path) -> int | None:
    """The open file, locked; None if another process has locked it."""
    for left in reversed(range(_TRIES)):
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        try:
            if try_lock(descriptor) is False:
                os.close(descriptor)
                return None
            # Its last holder may have removed it between the two calls.
            with contextlib.suppress(FileNotFoundError):
                if not left or os.path.samestat(os.fstat(descriptor), os.lstat(path)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    return None


def _holder(path: Path) -> str:
    try:
        text = path.read_bytes()[:200].decode("utf-8", "replace")
    except OSError:
        text = ""
    return text if text.startswith("process ") and text.isprintable() else "another process"
