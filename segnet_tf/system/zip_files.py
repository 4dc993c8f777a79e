"""Zip files, which .keras files are, under any clock."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import threading
import time
import types
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

# The first moment that a zip file can hold.
_DATE = time.struct_time((1980, 1, 1, 0, 0, 0, 1, 1, 0))
_CLOCK = types.SimpleNamespace(time=lambda: 0.0, localtime=lambda *_: _DATE)
# Where a .keras file says when it was saved, "2026-11-30@10:40:03".
_METADATA = "metadata.json"
_SAVED = re.compile(rb'"date_saved": "[0-9@:-]{19}"')
_SAVED_THEN = b'"date_saved": "1980-01-01@00:00:00"'
_LARGEST_RATIO, _SMALL = 50, 64 * 2**20
_patching = threading.RLock()


@contextlib.contextmanager
def dated_alike(path: Path | None = None) -> Iterator[None]:
    """Gives all that `zipfile` writes in the block the same date: the same content, the same bytes.

    A computer without a battery begins in 1970. There `zipfile` raises ValueError, and Keras, which
    takes no date, would lose the checkpoint; so it does after 2107.

    Args:
        path: a .keras file that the block writes. Keras puts a date into it too.
    """
    with _patching:
        clock = zipfile.time  # type: ignore[attr-defined]  # its `import time`
        zipfile.time = _CLOCK  # type: ignore[attr-defined]
        try:
            yield
        finally:
            zipfile.time = clock  # type: ignore[attr-defined]
    if path is not None:
        _take_date_out(path)


def require_whole(path: str | os.PathLike[str]) -> None:
    """Raises ValueError for a zip file that unpacks to far more than it is.

    Weights shrink to a third at most, and those of an untrained network's zeros are few.
    """
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    packed = os.stat(path).st_size
    if unpacked > _LARGEST_RATIO * packed + _SMALL:
        raise ValueError(f"its {packed} bytes unpack to {unpacked}")


def _take_date_out(path: Path) -> None:
    """Changes Keras's date in a file to that of `dated_alike`; the rest of it is not copied."""
    with zipfile.ZipFile(path) as archive:
        entry, directory = archive.getinfo(_METADATA), archive.start_dir
        content = _SAVED.sub(_SAVED_THEN, archive.read(entry))
    if entry.compress_type != zipfile.ZIP_STORED or len(content) != entry.file_size:
        return
    checksum = struct.pack("<I", zlib.crc32(content))
    with open(path, "r+b") as file:
        file.seek(entry.header_offset)
        name, extra = struct.unpack("<26x2H", file.read(30))  # their lengths
        file.seek(name + extra, os.SEEK_CUR)
        file.write(content)
        # The checksum stands before the content, and once more in the directory.
        file.seek(entry.header_offset + 14)
        file.write(checksum)
        while True:
            file.seek(directory)
            name, extra, comment, offset = struct.unpack("<28x3H8xI", file.read(46))
            if offset == entry.header_offset:
                file.seek(directory + 16)
                file.write(checksum)
                return
            directory += 46 + name + extra + comment
