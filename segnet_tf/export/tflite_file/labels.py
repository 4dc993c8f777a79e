"""The class names and colors that a `.tflite` file carries: files in a zip archive at its end.

Behind the model, where TFLite runtimes do not look: the bytes of the network stay as they are.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Sequence

from segnet_tf.data.classes import Color
from segnet_tf.errors import UserError
from segnet_tf.system.text_files import parse_json

# The name that TFLite Metadata's own tools give it; any other `.txt` serves if it is the only one.
LABELS = "labels.txt"
# `[[red, green, blue], ...]` in order of the ids. No reader of labels looks at a `.json`.
COLORS = "colors.json"
# What a file of 200 KB can hold as text is 200 MB.
_LARGEST = 2**16


def append(content: bytes, labels: Sequence[str], colors: Sequence[Color] | None = None) -> bytes:
    """`content` with the archive behind it; the same bytes each time.

    Args:
        content: of the `.tflite` file.
        labels: class names in order of their ids.
        colors: one `(red, green, blue)` in 0..255 a class, or `None` for a file without.
    """
    texts = {LABELS: text_of(labels)}
    if colors is not None:
        texts[COLORS] = json.dumps([list(color) for color in colors], separators=(",", ":"))
    archive = io.BytesIO(content)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as packed:
        for name, text in texts.items():
            # Else the entry would hold today's date and this operating system.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, text)
    return archive.getvalue()


def text_of(labels: Sequence[str]) -> str:
    """The content of labels.txt: a class a line, in order of the ids."""
    return "".join(f"{label}\n" for label in labels)


def read_labels(content: bytes, name: str = "the file") -> tuple[str, ...] | None:
    """Class names in order of their ids, `None` if the file has none.

    Args:
        content: of the whole `.tflite` file.
        name: of the file, for the message.

    Raises:
        UserError: there is an archive, and it is damaged or its text is.
    """
    try:
        # It raises too, for an archive that says to have a part on another disk.
        if not zipfile.is_zipfile(io.BytesIO(content)):
            return None
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            texts = [entry for entry in archive.namelist() if entry.endswith(".txt")]
            wanted = LABELS if LABELS in texts else texts[0] if len(texts) == 1 else None
            if wanted is None:
                return None
            lines = _text(archive, wanted).splitlines()
    # A damaged directory or a password that nobody has.
    except (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError, OSError) as error:
        raise UserError(
            "`tflite` must hold its class names as text in a whole zip archive. "
            f"Received: {name}, where they cannot be read ({' '.join(str(error).split())}). "
            "Export it again."
        ) from error
    return tuple(line.strip() for line in lines if line.strip()) or None


def read_colors(content: bytes, name: str = "the file") -> tuple[Color, ...] | None:
    """The color of each class in order of their ids, `None` if the file has none.

    Args:
        content: of the whole `.tflite` file.
        name: of the file, for the message.

    Raises:
        UserError: the file has colors that are damaged, or of another number than its names.
    """
    labels = read_labels(content, name)
    if labels is None:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if COLORS not in archive.namelist():
                return None
            said = parse_json(_text(archive, COLORS))
        if not isinstance(said, list) or len(said) != len(labels):
            raise ValueError(f"no list of {len(labels)} colors")
        return tuple(_color(entry) for entry in said)
    except (zipfile.BadZipFile, zlib.error, ValueError, RuntimeError, EOFError, OSError) as error:
        raise UserError(
            f"`tflite` must hold a color for each of its classes in {COLORS}, or none. "
            f"Received: {name}, where they cannot be read ({' '.join(str(error).split())}). "
            "Export it again."
        ) from error


def _color(said: object) -> Color:
    if (
        not isinstance(said, list)
        or len(said) != 3
        or not all(type(part) is int and 0 <= part <= 255 for part in said)
    ):
        raise ValueError("a color that is not red, green and blue in 0..255")
    red, green, blue = said
    return red, green, blue


def _text(archive: zipfile.ZipFile, name: str) -> str:
    """One file of the archive, if it is short.

    Raises:
        ValueError: it is long, packed in an odd way or not UTF-8.
    """
    entry = archive.getinfo(name)
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("a compression that no writer of labels uses")
    with archive.open(entry) as file:
        text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise ValueError(f"more than {_LARGEST} bytes")
    return text.decode("utf-8")
