"""Zip files, which .keras files are, under any clock."""

from __future__ import annotations

import contextlib
import threading
import time
import types
import zipfile
from collections.abc import Iterator

# The first moment that a zip file can hold.
_DATE = time.struct_time((1980, 1, 1, 0, 0, 0, 1, 1, 0))
_CLOCK = types.SimpleNamespace(time=lambda: 0.0, localtime=lambda *_: _DATE)
_patching = threading.RLock()


@contextlib.contextmanager
def dated_alike() -> Iterator[None]:
    """Gives all that `zipfile` writes in the block the same date.

    A computer without a battery begins in 1970. There `zipfile` raises ValueError, and Keras, which
    takes no date, would lose the checkpoint; so it does after 2107.
    """
    with _patching:
        clock = zipfile.time  # type: ignore[attr-defined]  # its `import time`
        zipfile.time = _CLOCK  # type: ignore[attr-defined]
        try:
            yield
        finally:
            zipfile.time = clock  # type: ignore[attr-defined]
