"""Locks that die with their holder, `kill -9` included: the kernel takes them off a closed file."""

from __future__ import annotations

import errno
import fcntl

_HELD = (errno.EWOULDBLOCK, errno.EACCES)


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
