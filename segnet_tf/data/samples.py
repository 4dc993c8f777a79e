"""Pairs of image and labels, read when they are asked for, and the reading of their files."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from segnet_tf.data.classes import Classes
from segnet_tf.errors import UserError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")

# What Pillow has raised for damaged files and for files that are not images.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
)


# An image and its labels; what they hold is said in `Samples`.
Pair = tuple[np.ndarray, np.ndarray]
Read = Callable[[int], Pair]


@dataclass(frozen=True)
class Samples:
    """Pairs of one split. Nothing is read until `read` is called.

    Args:
        source: where they come from, e.g. "camvid".
        split: "train", "val" or "test".
        classes: what the label ids mean.
        stems: one name a pair: the file name without its suffix.
        read: index -> `(image, labels)`, RGB uint8 `(H, W, 3)` and uint8 `(H, W)` with
            ids 0..n-1 and `VOID`. The same index always gives the same arrays.
    """

    source: str
    split: str
    classes: Classes
    stems: tuple[str, ...]
    read: Read

    def __len__(self) -> int:
        return len(self.stems)

    def subset(self, which: int | Iterable[int]) -> Samples:
        """The first `which` pairs, or the pairs at the indices `which`, in that order."""
        if isinstance(which, int | np.integer):
            if which < 1:
                raise UserError(
                    f"`limit` must be at least 1 image. Received: {which}. "
                    "Leave it out to use them all."
                )
            which = range(min(int(which), len(self)))
        indices = tuple(int(i) for i in which)
        return replace(
            self,
            stems=tuple(self.stems[i] for i in indices),
            read=partial(_read_at, self.read, indices),
        )


def _read_at(read: Read, indices: tuple[int, ...], index: int) -> Pair:
    return read(indices[index])


def require_pairs(samples: Samples, where: str) -> Samples:
    """`samples` as they are, or a `UserError` if there are none."""
    if len(samples) == 0:
        raise UserError(
            f"`split` must hold at least one image. Received: {samples.split!r}, "
            f"which is empty in {where}. Put images there or choose another split."
        )
    return samples


def read_image(path: str | Path) -> np.ndarray:
    """Reads a PNG, JPEG or another common format as RGB uint8 `(H, W, 3)`.

    It is turned upright as its EXIF orientation says. Transparency is left out, 16 bits become
    the upper 8, and an animation gives its first frame.

    Raises:
        UserError: the file is missing, empty, truncated, not an image, or has 32 bits or floats
            a channel, for which white is not defined. The message names the file.
    """
    image = _open(path)
    if image.mode in ("I", "F"):
        raise UserError(
            "an image must have 8 or 16 bits a channel. "
            f"Received: 32 bits in {path}, whose white is not defined. Save it with 8."
        )
    try:
        # A phone writes the pixels as the sensor has them, and in EXIF how to turn them.
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;"):  # 16-bit grey: Pillow would clip it to white.
            grey = (np.asarray(image) >> 8).astype(np.uint8)
            return np.repeat(grey[:, :, None], 3, axis=2)
        return np.array(image.convert("RGB"))
    except _UNREADABLE as error:
        raise _damaged(path, error) from error


def read_mask(path: str | Path) -> np.ndarray:
    """Reads a mask as it is stored, with no color conversion.

    Returns:
        uint8 or uint16 `(H, W)` of ids (a palette image gives its indices),
        or uint8 `(H, W, 3)` of colors.

    Raises:
        UserError: the file is missing, truncated or not an image. The message names it.
    """
    mask = _open(path)
    if mask.mode in ("RGB", "RGBA"):
        return np.array(mask.convert("RGB"))
    if mask.mode == "LA":
        mask = mask.getchannel("L")
    if mask.mode == "1":
        return np.array(mask, np.uint8)
    if mask.mode in ("L", "P") or mask.mode.startswith("I"):
        return np.array(mask)
    raise UserError(
        "a mask must be an 8-bit or 16-bit image of class ids or an RGB image of class colors. "
        f"Received: mode {mask.mode} in {path}. Save it as PNG in one of these forms."
    )


def _open(path: str | Path) -> Image.Image:
    if not Path(path).is_file():
        raise UserError(
            f"an image file must exist. Received: {path}. Correct the path or restore the file."
        )
    try:
        image = Image.open(path)
        image.load()
    except _UNREADABLE as error:
        raise _damaged(path, error) from error
    return image


def _damaged(path: str | Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split()) or type(error).__name__
    if not Path(path).stat().st_size:
        reason = "0 bytes"
    elif isinstance(error, UnidentifiedImageError):
        reason = "no image format that Pillow knows"  # its own text has the path once more
    return UserError(
        f"an image file must be whole and readable. Received: {path} ({reason}). "
        "Copy or download it again, or leave it out."
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
    size = max(int(mask.max(initial=0)), *table) + 1
    lookup = np.full(size, -1, np.int16)
    lookup[list(table)] = list(table.values())
    labels = lookup[mask]
    if (labels < 0).any():
        y, x = np.argwhere(labels < 0)[0]
        raise UserError(
            f"a mask must hold known class ids only: {spans(table)}. "
            f"Received: {int(mask[y, x])} at row {y}, column {x} of {path}. "
            "Correct the mask or the class list."
        )
    return labels.astype(np.uint8)


def require_same_size(
    image: np.ndarray, mask: np.ndarray, image_path: str | Path, mask_path: str | Path
) -> None:
    """Raises a `UserError` naming both files unless the mask covers the image exactly."""
    if image.shape[:2] != mask.shape[:2]:
        raise UserError(
            "a mask must have the size of its image. "
            f"Received: {mask.shape[1]}x{mask.shape[0]} in {mask_path} for "
            f"{image.shape[1]}x{image.shape[0]} in {image_path}. "
            "Scale one of them (masks by nearest neighbour only)."
        )


def pair_by_stem(
    image_dir: Path, mask_dir: Path, mask_suffixes: Sequence[str] = (".png",)
) -> list[tuple[Path, Path]]:
    """Images and masks of the same file name without suffix, in order of that name.

    Raises:
        UserError: an image or a mask is alone, or two files differ by suffix only. The message
            names the file.
    """
    images = _by_stem(image_dir, IMAGE_SUFFIXES)
    masks = _by_stem(mask_dir, mask_suffixes)
    for stem, path in images.items():
        if stem not in masks:
            raise UserError(
                f"each image must have a mask of the same name. Received: {path} without "
                f"{mask_dir / (stem + mask_suffixes[0])}. Add the mask or remove the image."
            )
    for stem, path in masks.items():
        if stem not in images:
            raise UserError(
                f"each mask must have an image of the same name. Received: {path} without "
                f"an image {stem} in {image_dir}. Add the image or remove the mask."
            )
    return [(images[stem], masks[stem]) for stem in sorted(images)]


def _by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        # Hidden files are written by file managers ("._a.png" by macOS) and are not data.
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in found:
            raise UserError(
                "file names must differ by more than their ending. "
                f"Received: {found[path.stem]} and {path.name}. Rename or remove one."
            )
        found[path.stem] = path
    return found


def spans(values: Iterable[int]) -> str:
    """`{0, 1, 2, 3, 255}` as "0..3, 255"."""
    found: list[list[int]] = []
    for value in sorted(values):
        if found and value == found[-1][1] + 1:
            found[-1][1] = value
        else:
            found.append([value, value])
    return ", ".join(f"{lo}..{hi}" if lo < hi else f"{lo}" for lo, hi in found)
