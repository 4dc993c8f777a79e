"""The class names that a `.tflite` file carries: a text file in a zip archive at its end."""

from __future__ import annotations

import io
import zipfile
import zlib

from segnet_tf.errors import UserError

# The name that TFLite Metadata's own tools give it; any other `.txt` serves if it is the only one.
LABELS = "labels.txt"
# What a file of 200 KB can hold as text is 200 MB.
_LARGEST = 2**16


def read_labels(content: bytes, name: str = "the file") -> tuple[str, ...] | None:
    """Class names in order of their ids, `None` if the file has none.

    Args:
        content: of the whole `.tflite` file.
        name: of the file, for the message.

    Raises:
        UserError: there is an archive, and it is damaged or its text is.
    """
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            texts = [entry for entry in archive.namelist() if entry.endswith(".txt")]
            wanted = LABELS if LABELS in texts else texts[0] if len(texts) == 1 else None
            if wanted is None:
                return None
            entry = archive.getinfo(wanted)
            if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError("a compression that no writer of labels uses")
            with archive.open(entry) as file:
                text = file.read(_LARGEST + 1)
            if len(text) > _LARGEST:
                raise ValueError(f"more than {_LARGEST} bytes")
            lines = text.decode("utf-8").splitlines()
    # A damaged directory or a password that nobody has.
    except (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError, OSError) as error:
        raise UserError(
            "`tflite` must hold its class names as text in a whole zip archive. "
            f"Received: {name}, where they cannot be read ({' '.join(str(error).split())}). "
            "Export it again."
        ) from error
    return tuple(line.strip() for line in lines if line.strip()) or None
