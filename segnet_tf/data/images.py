"""Reading image files of every kind as RGB."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps

from segnet_tf.data.image_files import UNREADABLE, ImageFile, content_of, damaged, open_image
from segnet_tf.errors import UserError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
ALL_BITS = 65535
# How many files of a data set are looked at before it is read: enough to see what all are, and
# few enough for a folder of 100000.
LOOKED_AT = 48

Item = TypeVar("Item")


def read_image(path: ImageFile, image_range: int | None = None, channels: int = 3) -> np.ndarray:
    """Reads a PNG, JPEG or another common format as uint8 `(H, W, channels)`.

    It is turned upright as its EXIF orientation says. An animation gives its first frame.

    Args:
        channels: 3 for RGB, whatever the file holds, without transparency. 1 for a grey image, also
            where a file stores it as RGB. 4 for four bands as the file stores them.
        image_range: the value that is white in images of more than 8 bits a channel, e.g. 4095
            for 12 bits stored in 16. None takes all of 16 bits, of which the upper 8 are kept.

    Raises:
        UserError: the file is missing, empty, truncated, not an image, too large, or has 32 bits
            or floats a channel and no `image_range`, values above it, or other channels than
            these. The message names the file.
    """
    if channels not in (1, 3):
        return _bands(path, channels)
    image = open_image(path)
    if image.info["extra"] and channels == 3:
        raise _other_channels(path, 3, f"{3 + image.info['extra']} channels")
    rgb = _read_rgb(image, path, image_range)
    if channels == 3:
        return rgb
    if not (rgb == rgb[..., :1]).all():
        raise _other_channels(path, 1, "colors")
    return rgb[..., :1]


def _read_rgb(image: Image.Image, path: ImageFile, image_range: int | None) -> np.ndarray:
    if image.mode in ("I", "F") and image_range is None:
        raise UserError(
            "an image must have 8 or 16 bits a channel. "
            f"Received: 32 bits in {path}, whose white is not defined. Save it with 8, or give "
            "the value of white as `image_range`."
        )
    try:
        deep = image_range is not None and _deep_values(image, path)
        # A phone writes the pixels as the sensor has them, and in EXIF how to turn them.
        image = ImageOps.exif_transpose(image)
        if isinstance(deep, np.ndarray):
            return _scaled(deep, image_range or ALL_BITS, path)
        if image.mode.startswith("I;"):  # 16-bit grey: Pillow would clip it to white.
            grey = (np.asarray(image) >> 8).astype(np.uint8)
            return np.repeat(grey[:, :, None], 3, axis=2)
        return np.array(image.convert("RGB"))
    except UNREADABLE as error:
        if isinstance(error, UserError):
            raise
        raise damaged(path, error) from error


def as_rgb(image: np.ndarray) -> np.ndarray:
    """An image `(H, W, channels)` of any channels as `(H, W, 3)`, to be looked at."""
    return image.repeat(3, axis=-1) if image.shape[-1] < 3 else image[..., :3]


def _bands(path: ImageFile, channels: int) -> np.ndarray:
    image = open_image(path, decode=False)
    if image.info["extra"] == 1:
        # Else Pillow decodes the fourth band and drops it.
        image._mode = "RGBX"
    found = len(image.getbands())
    if channels != found:
        raise _other_channels(path, channels, f"{found} channel{'s' if found > 1 else ''}")
    try:
        return np.array(ImageOps.exif_transpose(image))
    except UNREADABLE as error:
        raise damaged(path, error) from error


def _other_channels(path: ImageFile, channels: int, found: str) -> UserError:
    wanted = {1: "1 channel (grey)", 3: "3 channels (RGB)"}.get(channels, f"{channels} channels")
    return UserError(
        f"an image must have {wanted}, which the model takes. Received: {found} in {path}. "
        "Convert it, or use images of the kind that the model was trained on."
    )


def require_image_range(paths: Sequence[Path], image_range: int | None) -> None:
    """Raises a `UserError` if images of 16 bits use 12 of them at most and no range is given.

    Read with all 16 bits such images are black. What is too dark is judged by the largest value
    in a sample of the images, as a single one may be a night scene.
    """
    if image_range is not None:
        if (
            isinstance(image_range, bool)
            or not isinstance(image_range, (int, float, np.integer))
            or not float(image_range).is_integer()
            or image_range < 1
        ):
            raise UserError(
                "`image_range` must be the whole number that is white, 1 or more. "
                f"Received: {image_range}. Leave it out for images of 8 bits."
            )
        return
    largest, where = -1, None
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        chosen = spread(paths, LOOKED_AT)
        for path, value in zip(chosen, pool.map(_largest_deep_value, chosen), strict=True):
            if value > largest:
                largest, where = value, path
    if 0 <= largest < 4096:
        white = next(2**bits - 1 for bits in (8, 10, 12) if largest < 2**bits)
        raise UserError(
            "images of 16 bits must use them, or `image_range` must say what is white. "
            f"Received: no value above {largest} ({where}), which would be nearly black. "
            f"Give image_range={white} (--image-range {white}), or {ALL_BITS} to read them as "
            "they are."
        )


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of the items, evenly spaced, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _deep_values(image: Image.Image, path: ImageFile) -> np.ndarray | None:
    """Values of an opened image of more than 8 bits, upright `(H, W)` or `(H, W, 3)`."""
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        return np.asarray(ImageOps.exif_transpose(image))
    if not image.info["deep"]:
        return None
    if image.format != "PNG":
        raise UserError(
            "an image of 16 bits a channel in color must be a PNG to be read with `image_range`. "
            f"Received: {path}. Convert it to PNG."
        )
    import tensorflow as tf  # seconds, and 8-bit data needs none of it

    values = tf.io.decode_png(content_of(path), channels=3, dtype=tf.uint16).numpy()
    planes = [Image.fromarray(np.ascontiguousarray(values[..., i])) for i in range(3)]
    for plane in planes:
        plane.info["exif"] = image.getexif().tobytes()
    return np.stack([np.asarray(ImageOps.exif_transpose(plane)) for plane in planes], axis=2)


def _largest_deep_value(path: Path) -> int:
    """-1 for an image of 8 bits, and for a damaged one, which reading will report."""
    try:
        # The header says whether there is something to decode.
        with open_image(path, decode=False) as head:
            is_deep = head.info["deep"] and head.format == "PNG"
            is_deep |= head.mode.startswith("I;")
        if not is_deep:
            return -1
        values = _deep_values(open_image(path), path)
    except UserError:
        return -1
    return -1 if values is None else int(values.max(initial=0))


def _scaled(values: np.ndarray, white: int, path: ImageFile) -> np.ndarray:
    if values.max(initial=0) > white:
        raise UserError(
            f"an image must not hold values above `image_range`, here {white}. "
            f"Received: {values.max()} in {path}. Give the largest value that the images can have."
        )
    rgb = np.clip(np.rint(values * np.float32(255 / white)), 0, 255).astype(np.uint8)
    return rgb if rgb.ndim == 3 else np.repeat(rgb[:, :, None], 3, axis=2)
