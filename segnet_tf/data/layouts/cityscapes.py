"""Cityscapes: `leftImg8bit/SPLIT/CITY/*` with `gtFine/SPLIT/CITY/*`, its 19 training classes.

Masks are `*_labelIds.png`, or `*_labelTrainIds.png` where there are no label ids. All other ids
are void, as in the benchmark.

Reference:
    Cordts et al., 2016, https://arxiv.org/abs/1604.01685; ids and colors are those of
    cityscapesScripts, helpers/labels.py.
"""

from __future__ import annotations

from pathlib import Path

from segnet_tf.data.class_file import ClassFile
from segnet_tf.data.classes import VOID, Classes
from segnet_tf.data.images import IMAGE_SUFFIXES
from segnet_tf.data.layouts.base import Found, Layout, folders
from segnet_tf.data.pairing import Pairing, files_below, named, pair
from segnet_tf.data.splits import Listing
from segnet_tf.errors import UserError

TABLE = (  # label id, name, color; the training id is the place in this list
    (7, "road", (128, 64, 128)),
    (8, "sidewalk", (244, 35, 232)),
    (11, "building", (70, 70, 70)),
    (12, "wall", (102, 102, 156)),
    (13, "fence", (190, 153, 153)),
    (17, "pole", (153, 153, 153)),
    (19, "traffic light", (250, 170, 30)),
    (20, "traffic sign", (220, 220, 0)),
    (21, "vegetation", (107, 142, 35)),
    (22, "terrain", (152, 251, 152)),
    (23, "sky", (70, 130, 180)),
    (24, "person", (220, 20, 60)),
    (25, "rider", (255, 0, 0)),
    (26, "car", (0, 0, 142)),
    (27, "truck", (0, 0, 70)),
    (28, "bus", (0, 60, 100)),
    (31, "train", (0, 80, 100)),
    (32, "motorcycle", (0, 0, 230)),
    (33, "bicycle", (119, 11, 32)),
)
CLASSES = Classes(tuple(row[1] for row in TABLE), tuple(row[2] for row in TABLE))
_LAST_LABEL_ID = 33
_IMAGES = "leftImg8bit"
_MASKS = ("gtFine", "gtCoarse")


def _masks(directory: Path) -> Path | None:
    return next((directory / name for name in _MASKS if (directory / name).is_dir()), None)


def _kind(masks: Path) -> str:
    kinds = ("labelIds", "labelTrainIds")
    return next((kind for kind in kinds if next(masks.rglob(f"*_{kind}.png"), None)), kinds[0])


def _legend(kind: str) -> ClassFile:
    if kind == "labelTrainIds":
        by_id = {i: i for i in range(len(TABLE))}
    else:
        by_id = dict.fromkeys(range(_LAST_LABEL_ID + 1), VOID)
        by_id |= {row[0]: i for i, row in enumerate(TABLE)}
    # The license plate has id -1, which 8 bits store as 255.
    return ClassFile(CLASSES, {**by_id, VOID: VOID})


def _pairs(image_dir: Path, mask_dir: Path, kind: str) -> Listing:
    def listing() -> Pairing:
        problems: list[str] = []
        images = named(files_below(image_dir, IMAGE_SUFFIXES), image_dir, problems)
        # Beside them lie colors, instances and polygons of the same images.
        below = files_below(mask_dir, (".png",))
        chosen = [path for path in below if path.stem.endswith(f"_{kind}")]
        masks = named(chosen, mask_dir, problems)
        rule = (f"_{_IMAGES}", f"_{mask_dir.parent.name}_{kind}")
        return pair(images, masks, (image_dir, mask_dir), [rule], problems, ".png")

    return listing


def _open(directory: Path) -> Found:
    masks = _masks(directory)
    if masks is None or not (directory / _IMAGES).is_dir():
        raise UserError(
            "a folder of Cityscapes must hold leftImg8bit/ and gtFine/. "
            f"Received: {directory} without one of them. Extract both archives there."
        )
    kind = _kind(masks)
    listings = {
        path.name: _pairs(path, masks / path.name, kind) for path in folders(directory / _IMAGES)
    }
    return Found(listings, lambda: _legend(kind), is_fixed=True, source="cityscapes")


LAYOUT = Layout(
    name="cityscapes",
    tree="leftImg8bit/train/CITY/ with gtFine/train/CITY/ (Cityscapes)",
    marks=frozenset({"leftimg8bit", "gtfine", "gtcoarse"}),
    detect=lambda directory: (directory / _IMAGES).is_dir() and _masks(directory) is not None,
    open=_open,
)
