"""Opening image files, also those that lie in another file; what is said of damaged ones."""

from __future__ import annotations

import io
import re
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from segnet_tf.errors import UserError

# What Pillow has raised for damaged files and for files that are not images.
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error)
# Pillow warns from half of its limit on; below the limit all is well. Once for the process:
# `catch_warnings` around each opening would need a lock, and Python may collect garbage in the
# thread of `tf.data` that holds it. An abandoned iterator is removed there, for which TensorFlow
# waits for its reads, which wait for the lock.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Encoded:
    """The content of an image file that lies in another file, and what messages call it."""

    content: bytes
    name: str

    def __str__(self) -> str:
        return self.name


ImageFile = str | Path | Encoded


def open_image(path: ImageFile, decode: bool = True) -> Image.Image:
    """Opens and decodes an image; `UserError` where that fails, which names the file."""
    if not isinstance(path, Encoded) and not Path(path).is_file():
        raise UserError(
            f"an image file must exist. Received: {path}. Correct the path or restore the file."
        )
    try:
        image = _opened(path)
        # Pillow drops the low bytes of 16-bit colors when it decodes: the only trace is here.
        modes = [str(tile[3]) for tile in getattr(image, "tile", ())]
        image.info["deep"] = any(";16" in mode for mode in modes)
        # Further bands of a TIFF that are no transparency. Pillow drops them too.
        image.info["extra"] = max((mode.count("X") for mode in modes), default=0)
        if decode:
            image.load()
    except Image.DecompressionBombError as error:
        raise _too_large(path, error) from error
    except UNREADABLE as error:
        raise damaged(path, error) from error
    return image


def _opened(path: ImageFile) -> Image.Image:
    file = io.BytesIO(path.content) if isinstance(path, Encoded) else path
    try:
        return Image.open(file)
    except Image.DecompressionBombWarning:  # of a program that makes errors of warnings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(file)


def content_of(path: ImageFile) -> bytes:
    """The bytes of an image file."""
    return path.content if isinstance(path, Encoded) else Path(path).read_bytes()


def damaged(path: ImageFile, error: Exception) -> UserError:
    """The error for a file that cannot be read."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if not content_of(path):
        reason = "0 bytes"
    elif isinstance(error, UnidentifiedImageError):
        reason = "no image format that Pillow knows"  # its own text has the path once more
    return UserError(
        f"an image file must be whole and readable. Received: {path} ({reason}). "
        "Copy or download it again, or leave it out."
    )


def _too_large(path: ImageFile, error: Exception) -> UserError:
    pixels, limit = (int(number) // 10**6 for number in re.findall(r"[0-9]+", str(error))[:2])
    return UserError(
        f"an image must have at most {limit} megapixels. Received: {pixels} megapixels in "
        f"{path}. Cut image and mask into tiles, or scale both down (masks by nearest neighbor)."
    )
