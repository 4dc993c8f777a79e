"""Folders of images and masks by split, with a class file.

`DIR/SPLIT/images` with `DIR/SPLIT/masks`, or `DIR/images/SPLIT` with `DIR/masks/SPLIT`, both
under any of the names in `base`. Below them images may lie in folders, their masks alike.
"""

from __future__ import annotations

from pathlib import Path

from segnet_tf.data.layouts.base import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    Found,
    Layout,
    folders,
    image_folder,
    legend_of,
    mask_folder,
    pairs_of,
)
from segnet_tf.data.splits import Listing, role
from segnet_tf.errors import UserError


def _inside(directory: Path) -> tuple[Path, Path] | None:
    """`images/` and `masks/` that hold a folder named like a split."""
    images, masks = image_folder(directory), mask_folder(directory)
    if images is None or masks is None:
        return None
    names = {path.name for parent in (images, masks) for path in folders(parent)}
    return (images, masks) if any(map(role, names)) else None


def _around(directory: Path) -> list[Path]:
    """The folders that hold `images/` and `masks/`, or one of them under its first name."""
    return [
        path
        for path in folders(directory)
        if path.name.lower() not in (*IMAGE_FOLDERS, *MASK_FOLDERS)
        and (
            (image_folder(path) and mask_folder(path))
            or (path / IMAGE_FOLDERS[0]).is_dir()
            or (path / MASK_FOLDERS[0]).is_dir()
        )
        and not _inside(path)  # a data set of its own, one folder further down
    ]


def _open(directory: Path) -> Found:
    listings: dict[str, Listing] = {}
    if inside := _inside(directory):
        images, masks = inside
        for name in {path.name for parent in inside for path in folders(parent)}:
            listings[name] = pairs_of(images / name, masks / name)
        return Found(listings, legend_of(directory, images, masks))
    places = _around(directory)
    if not places:
        raise UserError(
            "a folder in the layout 'folder' must hold images/train and masks/train, or "
            f"train/images and train/masks. Received: {directory}. Arrange it so."
        )
    for path in places:
        images = image_folder(path) or path / IMAGE_FOLDERS[0]
        listings[path.name] = pairs_of(images, mask_folder(path) or path / MASK_FOLDERS[0])
    return Found(listings, legend_of(directory, *places))


LAYOUT = Layout(
    name="folder",
    tree="images/train/ with masks/train/, or train/images/ with train/masks/",
    marks=frozenset({"train", "val", "valid", "test", "training", "validation"}),
    detect=lambda directory: bool(_inside(directory) or _around(directory)),
    open=_open,
)
