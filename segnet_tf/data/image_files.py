"""Opening image files, also those that lie in another file; what is said of damaged ones."""

from __future__ import annotations

import io
import os
import re
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from segnet_tf.errors import UserError
from segnet_tf.system.limits import MAX_PIXELS, limit

# What is opened, by content and whatever the name. Not the rest of what Pillow knows: for EPS it
# runs Ghostscript, and what nobody uses for data sets is code for hostile files alone.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "WEBP", "TIFF", "GIF", "PPM", "AVIF")
# What Pillow has raised for damaged files and for files that are not images: RuntimeError is
# AVIF's, OverflowError that of numbers beyond a C integer.
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, struct.error, RuntimeError, OverflowError),
    *(TypeError, KeyError, IndexError, AttributeError, MemoryError, zlib.error),
)
# Of an uncompressed image with four bands of 16 bits.
_BYTES_A_PIXEL = 8
# Pillow warns from half of its limit on; below the limit all is well. Once for the process:
# `catch_warnings` around each opening would need a lock, and Python may collect garbage in the
# thread of `tf.data` that holds it. An abandoned iterator is removed there, for which TensorFlow
# waits for its reads, which wait for the lock.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
if MAX_PIXELS in os.environ:
    # Pillow's own limit would refuse what the user has allowed.
    Image.MAX_IMAGE_PIXELS = max(limit(MAX_PIXELS), Image.MAX_IMAGE_PIXELS or 0)


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
        _require_bytes(path)
        image = _opened(path)
        if image.width * image.height > limit(MAX_PIXELS):
            raise _too_large(path, image.width * image.height)
        # Pillow drops the low bytes of 16-bit colors when it decodes: the only trace is here.
        modes = [str(tile[3]) for tile in getattr(image, "tile", ())]
        image.info["deep"] = any(";16" in mode for mode in modes)
        # Further bands of a TIFF that are no transparency. Pillow drops them too.
        image.info["extra"] = max((mode.count("X") for mode in modes), default=0)
        if decode:
            image.load()
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        # Its text has the pixels, and nothing else has them.
        raise _too_large(path, int(re.findall("[0-9]+", str(error))[0])) from error
    except UNREADABLE as error:
        raise damaged(path, error) from error
    return image


def _opened(path: ImageFile) -> Image.Image:
    file = io.BytesIO(path.content) if isinstance(path, Encoded) else path
    try:
        return Image.open(file, formats=FORMATS)
    except Image.DecompressionBombWarning:  # of a program that makes errors of warnings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(file, formats=FORMATS)


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


def _require_bytes(path: ImageFile) -> None:
    size = len(path.content) if isinstance(path, Encoded) else os.stat(path).st_size
    largest = _BYTES_A_PIXEL * limit(MAX_PIXELS)
    if size > largest:
        raise UserError(
            f"an image file must have at most {largest} bytes. Received: {size} in {path}. Save it "
            f"compressed, or set {MAX_PIXELS} in the environment to an eighth of the bytes."
        )


def _too_large(path: ImageFile, pixels: int) -> UserError:
    return UserError(
        f"an image must have at most {limit(MAX_PIXELS) / 1e6:g} megapixels. Received: "
        f"{pixels / 1e6:.6g} megapixels in {path}. Cut image and mask into tiles, scale both down "
        f"(masks by nearest neighbor), or set {MAX_PIXELS}={pixels} in the environment if there "
        "are 16 bytes of memory a pixel."
    )
