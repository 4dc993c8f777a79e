"""CamVid's 11 classes and their colors, as SegNet's authors grouped and prepared them."""

from __future__ import annotations

from segnet_tf.data.classes import Classes

CLASSES = Classes(
    names=(
        "Sky",
        "Building",
        "Pole",
        "Road",
        "Pavement",
        "Tree",
        "SignSymbol",
        "Fence",
        "Car",
        "Pedestrian",
        "Bicyclist",
    ),
    colors=(
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (60, 40, 222),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    ),
)
SPLITS = ("train", "val", "test")
# Void in the masks of SegNet's authors.
STORED_VOID = 11
