"""Reading mask files as they are stored, and stored ids and colors as labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ImageOps

from segnet_tf.data.classes import Color
from segnet_tf.data.image_files import UNREADABLE, damaged, open_image
from segnet_tf.data.samples import spans
from segnet_tf.errors import UserError

# No JPEG: its compression changes ids and colors.
MASK_SUFFIXES = (".png", ".bmp", ".gif", ".tif", ".tiff")
# Of the ids that a class file may have. An id of 2 ** 31 would need 4 GB, and a search is slow.
_LONGEST_TABLE = 2**17
_BLACK_AND_WHITE = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)


@dataclass(frozen=True)
class StoredMask:
    """What a mask file holds, with no color conversion.

    Attributes:
        values: integer `(H, W)` of ids, or uint8 `(H, W, 3)` of colors.
        palette: uint8 `(n, 3)`, the color of each id, if the file has colors for its ids; those
            of a 1-bit image are black and white.
    """

    values: np.ndarray
    palette: np.ndarray | None = None

    @property
    def is_color(self) -> bool:
        """Whether `values` are colors."""
        return self.values.ndim == 3


def read_mask(path: str | Path) -> StoredMask:
    """Reads a mask, turned upright as its EXIF orientation says, like an image.

    Raises:
        UserError: the file is missing, truncated, too large, not an image, or of a kind that
            holds neither ids nor colors. The message names it.
    """
    mask = open_image(path)
    try:
        mask = ImageOps.exif_transpose(mask)
        if mask.mode in ("RGB", "RGBA"):
            return StoredMask(np.array(mask.convert("RGB")))
        if mask.mode == "LA":
            mask = mask.getchannel("L")
        if mask.mode == "1":
            return StoredMask(np.array(mask, np.uint8), _BLACK_AND_WHITE)
        if mask.mode == "P":
            palette = np.array(mask.getpalette("RGB") or [], np.uint8).reshape(-1, 3)
            return StoredMask(np.array(mask), palette)
        if mask.mode == "L" or mask.mode.startswith("I"):
            return StoredMask(np.array(mask))
    except UNREADABLE as error:
        raise damaged(path, error) from error
    raise UserError(
        "a mask must be an 8-bit or 16-bit image of class ids or an RGB image of class colors. "
        f"Received: mode {mask.mode} in {path}. Save it as PNG in one of these forms."
    )


def require_same_size(
    image: np.ndarray, mask: np.ndarray, image_path: str | Path, mask_path: str | Path
) -> None:
    """Raises a `UserError` naming both files unless the mask covers the image exactly."""
    if image.shape[:2] == mask.shape[:2]:
        return
    way_out = "Scale one of them (masks by nearest neighbour only)."
    if image.shape[:2] == mask.shape[1::-1]:
        way_out = (
            "The sizes are swapped: the EXIF orientation of the image or the mask turns one of "
            "them only. Save the image upright without EXIF, or turn the mask."
        )
    raise UserError(
        "a mask must have the size of its image. "
        f"Received: {mask.shape[1]}x{mask.shape[0]} in {mask_path} for "
        f"{image.shape[1]}x{image.shape[0]} in {image_path}. {way_out}"
    )


def relabel(mask: np.ndarray, table: dict[int, int], path: str | Path) -> np.ndarray:
    """Stored ids to labels.

    Args:
        mask: integer `(H, W)` as read from `path`.
        table: stored id -> class id or `VOID`.

    Returns:
        uint8 `(H, W)`.

    Raises:
        UserError: a value is not in `table`. The message names the file and the value.
    """
    lowest, highest = min(0, *table), max(255, *table)
    if highest - lowest > _LONGEST_TABLE:
        labels = _searched(mask, table)
    else:
        labels = _looked_up(mask, table, lowest, highest)
    if (labels < 0).any():
        y, x = np.argwhere(labels < 0)[0]
        value = int(mask[y, x])
        way_out = "Correct the mask or the class list."
        if value < 0:
            way_out = f'If it is void, write "{value} void" in the class file.'
        raise UserError(
            f"a mask must hold known class ids only: {spans(table)}. "
            f"Received: {value} at row {y}, column {x} of {path}. {way_out}"
        )
    return labels.astype(np.uint8)


def _looked_up(mask: np.ndarray, table: dict[int, int], lowest: int, highest: int) -> np.ndarray:
    lookup = np.full(highest - lowest + 1, -1, np.int16)
    for stored, label in table.items():
        lookup[stored - lowest] = label
    if mask.dtype == np.uint8:
        return lookup[mask] if lowest == 0 else lookup[-lowest:][mask]
    # A negative index would count from the end, and a large one would need a table as large.
    known = (mask >= lowest) & (mask <= highest)
    # Signed: 16 bits have no place for a void of -1.
    places = np.where(known, mask.astype(np.int64), lowest) - lowest
    return np.where(known, lookup[places], -1)


def _searched(mask: np.ndarray, table: dict[int, int]) -> np.ndarray:
    ids = np.array(sorted(table))
    labels = np.array([table[stored] for stored in sorted(table)])
    place = np.searchsorted(ids, mask).clip(max=len(ids) - 1)
    return np.where(ids[place] == mask, labels[place], -1)


def from_colors(mask: np.ndarray, by_color: dict[Color, int], path: str | Path) -> np.ndarray:
    """uint8 `(H, W, 3)` of class colors to uint8 labels `(H, W)`.

    Raises:
        UserError: a color is not in `by_color`, or it is empty. The message names the file.
    """
    if not by_color:
        raise UserError(
            "a mask of colors needs a class file with colors. "
            f"Received: an RGB mask {path} and no colors. Add them or store class ids."
        )
    # One number a color, so that a binary search finds its class.
    packed = mask.astype(np.int32) @ np.array([65536, 256, 1], np.int32)
    known = sorted((r * 65536 + g * 256 + b, label) for (r, g, b), label in by_color.items())
    codes = np.array([code for code, _ in known], np.int32)
    labels = np.array([label for _, label in known], np.uint8)
    place = np.searchsorted(codes, packed).clip(max=len(codes) - 1)
    unknown = codes[place] != packed
    if unknown.any():
        y, x = np.argwhere(unknown)[0]
        raise UserError(
            "a mask must hold the colors of the class file only. "
            f"Received: color {tuple(int(v) for v in mask[y, x])} at row {y}, column {x} "
            f"of {path}. Correct the mask or add the color."
        )
    return labels[place]
