"""One folder of images and one of masks, with a class file.

Splits are drawn from the names, or listed in `train.txt` and `val.txt` beside the folders.
"""

from __future__ import annotations

from pathlib import Path

from segnet_tf.data.layouts.base import (
    Found,
    Layout,
    folders,
    image_folder,
    legend_of,
    listed,
    mask_folder,
    pairs_of,
    split_lists,
)
from segnet_tf.data.splits import role
from segnet_tf.errors import UserError


def _detect(directory: Path) -> bool:
    images, masks = image_folder(directory), mask_folder(directory)
    if images is None or masks is None:
        return False
    return not any(role(path.name) for parent in (images, masks) for path in folders(parent))


def _open(directory: Path) -> Found:
    images, masks = image_folder(directory), mask_folder(directory)
    if images is None or masks is None:
        raise UserError(
            "a folder in the layout 'flat' must hold images/ and masks/. "
            f"Received: {directory} without one of them. Add it."
        )
    whole = pairs_of(images, masks)
    lists = split_lists(directory)
    listings = {split: listed(whole, file) for split, file in lists.items()}
    return Found(listings or {"all": whole}, legend_of(directory, images, masks))


LAYOUT = Layout(
    name="flat",
    tree="images/ with masks/",
    marks=frozenset({"images", "imgs", "masks", "labels", "annotations", "segmentationclass"}),
    detect=_detect,
    open=_open,
)
