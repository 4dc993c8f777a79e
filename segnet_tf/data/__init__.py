"""Data sets by name or folder. `open_samples` finds out which layout a folder has."""

from __future__ import annotations

from pathlib import Path

from segnet_tf.data import camvid, folder
from segnet_tf.data.classes import VOID, Classes, colorize
from segnet_tf.data.samples import Samples
from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError

__all__ = ["VOID", "Classes", "Samples", "colorize", "open_samples"]

LAYOUTS = (
    "train/ with trainannot/ (CamVid), train.txt (SegNet's tutorial), "
    "train/images/ with train/masks/, or images/train/ with masks/train/"
)


def open_samples(
    data: str | Path,
    split: str,
    *,
    size: tuple[int, int] | None = None,
    limit: int | None = None,
) -> Samples:
    """Opens one split of a data set.

    Args:
        data: "synthetic", "synthetic:COUNT" (COUNT training scenes, a quarter as many
            for val and for test), or a folder in one of the layouts of `LAYOUTS`.
        split: "train", "val" or "test"; a folder may have others.
        size: `(height, width)` of synthetic scenes in pixels; files keep their own size.
        limit: how many pairs to use at most, the first ones.

    Raises:
        UserError: no such data, layout or split, an empty split, a missing pair.
    """
    name = str(data)
    if name == "synthetic" or name.startswith("synthetic:"):
        samples = _synthetic(name, split, size)
    else:
        samples = _directory(Path(data), split)
    return samples if limit is None else samples.subset(limit)


def _synthetic(name: str, split: str, size: tuple[int, int] | None) -> Samples:
    count = None
    if ":" in name:
        text = name.split(":", 1)[1]
        if not (text.isascii() and text.isdigit() and int(text) > 0):
            raise UserError(
                '`data` must be "synthetic" or "synthetic:COUNT" with COUNT of at least 1. '
                f"Received: {name!r}. Write for example synthetic:400."
            )
        count = int(text) if split == "train" else max(1, int(text) // 4)
    return synthetic.samples(split, size=size or synthetic.SIZE, count=count)


def _directory(directory: Path, split: str) -> Samples:
    if not directory.is_dir():
        raise UserError(
            '`data` must be "synthetic" or an existing folder. '
            f"Received: {str(directory)!r}. Correct the path."
        )
    for reader in (camvid, folder):
        if reader.splits(directory):
            return reader.samples(directory, split)
    raise UserError(
        f"`data` must be a folder in a known layout: {LAYOUTS}. "
        f"Received: {directory}, which has none of these. Arrange it in one of them."
    )
