"""CamVid with SegNet's 11 classes, as its authors prepared it.

Two layouts are read, `SPLIT` being train, val or test:

- `DIR/SPLIT/NAME.png` with `DIR/SPLITannot/NAME.png`;
- `DIR/SPLIT.txt`, each line "IMAGE MASK", as in SegNet's tutorial. Its paths start
  with a folder of the authors' machine, so only their last two parts are used, below `DIR`.

Masks are 8-bit images of class ids; 11 is void.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from segnet_tf.data.classes import VOID, Classes
from segnet_tf.data.images import read_image
from segnet_tf.data.masks import read_mask, relabel, require_same_size
from segnet_tf.data.pairing import pair_folders
from segnet_tf.data.samples import Samples, require_pairs
from segnet_tf.errors import UserError

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
STORED_VOID = 11

_TABLE = {**{i: i for i in range(len(CLASSES))}, STORED_VOID: VOID}


def splits(directory: str | Path) -> tuple[str, ...]:
    """The splits found in `directory`; empty if it has neither of the two layouts."""
    directory = Path(directory)
    return tuple(
        split
        for split in SPLITS
        if (directory / f"{split}.txt").is_file() or (directory / f"{split}annot").is_dir()
    )


def samples(directory: str | Path, split: str) -> Samples:
    """The pairs of one split, in order of their names (or of the lines of `SPLIT.txt`).

    Raises:
        UserError: the split is missing or empty, or an image or a mask is alone. Reading a
            pair raises it for a damaged file, a mask of another size or an unknown id.
    """
    directory = Path(directory)
    found = splits(directory)
    if split not in found:
        raise UserError(
            f"`split` must be one that is in {directory}: {', '.join(found) or 'none is'}. "
            f"Received: {split!r}. Choose another split or add {split}/ and {split}annot/."
        )
    listing = directory / f"{split}.txt"
    if listing.is_file():
        pairs = _listed_pairs(directory, listing)
    else:
        if not (directory / split).is_dir():
            raise UserError(
                f"{split}annot must have its images beside it. "
                f"Received: no folder {directory / split}. Add it."
            )
        pairs = list(pair_folders(directory / split, directory / f"{split}annot").complete())
    return require_pairs(
        Samples(
            source="camvid",
            split=split,
            classes=CLASSES,
            stems=tuple(image.stem for image, _ in pairs),
            read=partial(_read, tuple(pairs)),
        ),
        str(directory),
    )


def _listed_pairs(directory: Path, listing: Path) -> list[tuple[Path, Path]]:
    pairs = []
    try:
        lines = listing.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"a list of pairs must be readable text. Received: {listing} ({error}). Write it again."
        ) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        parts = line.split()
        if len(parts) != 2:
            raise UserError(
                'each line of a list of pairs must be "IMAGE MASK", with no blanks in the '
                f"paths. Received: {line.strip()!r} in line {number} of {listing}. Correct it."
            )
        image, mask = (directory.joinpath(*PurePosixPath(part).parts[-2:]) for part in parts)
        for path in (image, mask):
            if not path.is_file():
                raise UserError(
                    f"each file of a list of pairs must exist. Received: {path}, "
                    f"named in line {number} of {listing}. Add the file or remove the line."
                )
        pairs.append((image, mask))
    return pairs


def _read(pairs: tuple[tuple[Path, Path], ...], index: int) -> tuple[np.ndarray, np.ndarray]:
    image_path, mask_path = pairs[index]
    image = read_image(image_path)
    mask = read_mask(mask_path).values
    require_same_size(image, mask, image_path, mask_path)
    if mask.ndim != 2:
        raise UserError(
            f"a CamVid mask must be an image of class ids 0..{STORED_VOID}. "
            f"Received: colors in {mask_path}. For color masks use the folder layout, "
            "images/ and masks/ with a class file."
        )
    return image, relabel(mask, _TABLE, mask_path)
