"""Small disks in memory, for those who may mount them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path


@contextlib.contextmanager
def small_disk(folder: Path, room: int) -> Iterator[tuple[int | None, Callable[[], None]]]:
    """A disk of its own around a folder, with so many bytes free.

    Yields:
        The limit of a file's size for the child instead, where nothing can be mounted; and what
        makes the disk large.
    """
    disk = folder.parent
    aside = disk.with_name(f"{disk.name}-aside")
    shutil.copytree(disk, aside)
    if not mount("size=64m", disk, "-t", "tmpfs", "tmpfs"):
        shutil.rmtree(aside)
        yield room, lambda: None
        return
    try:
        shutil.copytree(aside, disk, dirs_exist_ok=True)
        used = shutil.disk_usage(disk).used
        mount(f"remount,size={used + room}", disk)
        yield None, lambda: mount("remount,size=64m", disk) and None
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
        shutil.rmtree(aside)


def mount(options: str, place: Path, *more: str) -> bool:
    """Mounts something; False if this user may not."""
    command = ["mount", "-o", options, *more, str(place)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
