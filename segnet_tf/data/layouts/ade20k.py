"""ADE20K of the scene parsing challenge: `images/training` with `annotations/training`.

Masks hold 1 to 150, 0 is void ("other"). Names come from `objectInfo150.txt`, which the archive
holds; without it the classes are called by their numbers.

Reference:
    Zhou et al., 2017, https://github.com/CSAILVision/sceneparsing
"""

from __future__ import annotations

import re
from pathlib import Path

from segnet_tf.data.class_file import ClassFile
from segnet_tf.data.classes import VOID, Classes, default_colors
from segnet_tf.data.layouts.base import Found, Layout, has_class_file, pairs_of, read_lines
from segnet_tf.data.splits import in_order
from segnet_tf.errors import UserError

COUNT = 150
_INFO = ("objectInfo150.txt", "objectInfo150.csv")
_SPLITS = ("training", "validation")


def _detect(directory: Path) -> bool:
    has_folders = all(
        (directory / folder / "training").is_dir() for folder in ("images", "annotations")
    )
    return has_folders and not has_class_file(directory)


def _names(directory: Path) -> tuple[str, ...]:
    file = next((directory / name for name in _INFO if (directory / name).is_file()), None)
    if file is None:
        return tuple(f"class {number}" for number in range(1, COUNT + 1))
    found: dict[int, str] = {}
    # The first line is the header.
    for number, line in list(enumerate(read_lines(file), 1))[1:]:
        # Number, share of pixels, images for training and validation, perhaps "stuff", names.
        cells = line.split("\t") if "\t" in line else line.split(",", 5)
        if not line.strip():
            continue
        if len(cells) < 5 or not cells[0].strip().isdigit() or not cells[-1].strip():
            raise UserError(
                f"each line of {file.name} must be number, share, counts and name. "
                f"Received: line {number} {line.strip()!r} of {file}. Copy the file again."
            )
        # All synonyms would make a long legend: "door;double door" is "door".
        found[int(cells[0])] = re.split("[;,]", cells[-1].strip().strip('"'))[0].strip()
    if sorted(found) != list(range(1, COUNT + 1)):
        raise UserError(
            f"{file.name} must name the classes 1 to {COUNT}. "
            f"Received: {len(found)} of them in {file}. Copy the file again."
        )
    names = [found[number] for number in range(1, COUNT + 1)]
    # Two classes may share a first synonym.
    return tuple(
        name if names.index(name) == at else f"{name} {at + 1}" for at, name in enumerate(names)
    )


def _open(directory: Path) -> Found:
    listings = {
        split: pairs_of(directory / "images" / split, directory / "annotations" / split)
        for split in in_order(_SPLITS)
        if (directory / "images" / split).is_dir()
    }

    def legend() -> ClassFile:
        classes = Classes(_names(directory), default_colors(COUNT))
        return ClassFile(classes, {0: VOID, **{i + 1: i for i in range(COUNT)}})

    return Found(listings, legend, is_fixed=True, source="ade20k")


LAYOUT = Layout(
    name="ade20k",
    tree="images/training/ with annotations/training/ and no class file (ADE20K)",
    marks=frozenset({*map(str.lower, _INFO), "annotations"}),
    detect=_detect,
    open=_open,
    special_of=("folder",),
)
