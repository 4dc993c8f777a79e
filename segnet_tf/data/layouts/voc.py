"""Pascal VOC, and CVAT's export "Segmentation mask", which follows it.

`DIR/JPEGImages`, `DIR/SegmentationClass`, lists of names in `DIR/ImageSets/Segmentation/*.txt`
and, from CVAT, `DIR/labelmap.txt`. Names of a list may have folders.

Reference:
    Everingham et al., 2010; the palette is the development kit's VOClabelcolormap.
    https://docs.cvat.ai/docs/dataset_management/formats/format-smask
"""

from __future__ import annotations

import re
from pathlib import Path

from segnet_tf.data.class_file import ClassFile
from segnet_tf.data.classes import VOID, Classes, Color
from segnet_tf.data.layouts.base import (
    Found,
    Layout,
    has_class_file,
    legend_of,
    listed,
    pairs_of,
)
from segnet_tf.data.masks import MASK_SUFFIXES
from segnet_tf.data.pairing import files_below
from segnet_tf.errors import UserError

NAMES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
    *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant"),
    *("sheep", "sofa", "train", "tvmonitor"),
)
_MASKS = "SegmentationClass"
# Files of the challenge are named by year and number.
_OF_THE_CHALLENGE = re.compile(r"20[01][0-9]_[0-9]{6}")


def color(index: int) -> Color:
    """Color of an index in VOC's palette: its bits, three at a time, from the highest bit on."""
    parts = [0, 0, 0]
    for bit in range(8):
        for channel in range(3):
            parts[channel] |= (index >> (3 * bit + channel) & 1) << (7 - bit)
    return parts[0], parts[1], parts[2]


def _own_legend() -> ClassFile:
    colors = tuple(map(color, range(len(NAMES))))
    by_id = {**{i: i for i in range(len(NAMES))}, VOID: VOID}
    by_color = {**{c: i for i, c in enumerate(colors)}, color(VOID): VOID}
    return ClassFile(Classes(NAMES, colors), by_id, by_color, void_ids=(VOID,))


def _legend(directory: Path) -> ClassFile:
    if has_class_file(directory):
        return legend_of(directory)()
    stems = [path.stem for path in files_below(directory / _MASKS, MASK_SUFFIXES)]
    if stems and all(_OF_THE_CHALLENGE.fullmatch(stem) for stem in stems):
        return _own_legend()
    return legend_of(directory)()  # which says what to write


def _open(directory: Path) -> Found:
    if not (directory / "JPEGImages").is_dir():
        raise UserError(
            "a folder of Pascal VOC or CVAT must have its images in JPEGImages/. "
            f"Received: {directory} without it. Export with images, or copy them there."
        )
    lists = sorted((directory / "ImageSets" / "Segmentation").glob("*.txt"))
    # VOC has ten times as many images as masks.
    whole = pairs_of(directory / "JPEGImages", directory / _MASKS, more_images=True)
    listings = {path.stem: listed(whole, path) for path in lists}
    return Found(listings or {"all": whole}, lambda: _legend(directory))


LAYOUT = Layout(
    name="voc",
    tree="JPEGImages/ with SegmentationClass/ and ImageSets/Segmentation/train.txt (VOC, CVAT)",
    marks=frozenset({"jpegimages", "segmentationclass", "imagesets", "labelmap.txt"}),
    detect=lambda directory: (
        (directory / _MASKS).is_dir()
        and any((directory / name).is_dir() for name in ("JPEGImages", "ImageSets/Segmentation"))
    ),
    open=_open,
    special_of=("flat", "folder"),
)
