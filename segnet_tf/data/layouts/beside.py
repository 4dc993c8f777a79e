"""Masks beside their images, told apart by the ending of their names.

`DIR/train/a.jpg` with `DIR/train/a_mask.png`, as Roboflow and DeepGlobe have it, or both in
`DIR`. The class file may lie in each folder (`_classes.csv` of Roboflow).
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from segnet_tf.data.layouts.base import Found, Layout, folders, legend_of
from segnet_tf.data.masks import MASK_SUFFIXES
from segnet_tf.data.pairing import pair_one_folder
from segnet_tf.data.splits import role


def _places(directory: Path) -> dict[str, Path]:
    """Split -> the folder that holds its images and masks."""
    places = {path.name: path for path in folders(directory) if role(path.name)}
    places = {name: path for name, path in places.items() if _has_pairs(path)}
    if not places and _has_pairs(directory):
        places = {"all": directory}
    return places


def _has_pairs(folder: Path) -> bool:
    return bool(pair_one_folder(folder, MASK_SUFFIXES).pairs)


def _open(directory: Path) -> Found:
    places = _places(directory)
    listings = {
        name: partial(pair_one_folder, path, MASK_SUFFIXES) for name, path in places.items()
    }
    return Found(listings, legend_of(directory, *places.values()))


LAYOUT = Layout(
    name="beside",
    tree="train/a.jpg beside train/a_mask.png",
    marks=frozenset({"_classes.csv"}),
    detect=lambda directory: bool(_places(directory)),
    open=_open,
)
