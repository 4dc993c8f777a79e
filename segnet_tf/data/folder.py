"""Any folder of images and masks, with a class file.

`DIR/SPLIT/images` with `DIR/SPLIT/masks`, or `DIR/images/SPLIT` with `DIR/masks/SPLIT`;
an image and its mask have the same name without suffix. What the masks mean is in
`DIR/classes.json`, `classes.csv` or `classes.txt`, see `class_file`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from segnet_tf.data.class_file import ClassFile, find, load
from segnet_tf.data.images import read_image
from segnet_tf.data.masks import (
    MASK_SUFFIXES,
    from_colors,
    read_mask,
    relabel,
    require_same_size,
)
from segnet_tf.data.pairing import pair_folders
from segnet_tf.data.samples import Samples, require_pairs
from segnet_tf.errors import UserError


def _folders(directory: Path, split: str) -> list[tuple[Path, Path]]:
    return [
        (directory / split / "images", directory / split / "masks"),
        (directory / "images" / split, directory / "masks" / split),
    ]


def splits(directory: str | Path) -> tuple[str, ...]:
    """The splits found in `directory`; empty if it has neither of the two layouts."""
    directory = Path(directory)
    if (directory / "images").is_dir() and (directory / "masks").is_dir():
        parents = [*(directory / "images").iterdir(), *(directory / "masks").iterdir()]
        return tuple(sorted({path.name for path in parents if path.is_dir()}))
    return tuple(
        sorted(
            path.name
            for path in directory.iterdir()
            if (path / "images").is_dir() or (path / "masks").is_dir()
        )
    )


def samples(directory: str | Path, split: str) -> Samples:
    """The pairs of one split, in order of their names.

    Raises:
        UserError: the split or the class file is missing, empty or wrong, or an image or a
            mask is alone. Reading a pair raises it for a damaged file, a mask of another
            size, an unknown id or color.
    """
    directory = Path(directory)
    found = splits(directory)
    if split not in found:
        raise UserError(
            f"`split` must be one that is in {directory}: {', '.join(found) or 'none is'}. "
            f"Received: {split!r}. Choose another split or add its images and masks."
        )
    image_dir, mask_dir = next(
        pair for pair in _folders(directory, split) if any(path.is_dir() for path in pair)
    )
    for folder in (image_dir, mask_dir):
        if not folder.is_dir():
            raise UserError(
                "a split must have a folder of images and one of masks. "
                f"Received: no folder {folder}. Add it."
            )
    legend = load(find(directory))
    pairing = pair_folders(image_dir, mask_dir, MASK_SUFFIXES)
    pairs = pairing.complete()
    return require_pairs(
        Samples(
            source=directory.resolve().name,
            split=split,
            classes=legend.classes,
            stems=pairing.stems,
            read=partial(_read, pairs, legend),
        ),
        str(image_dir),
    )


def _read(
    pairs: tuple[tuple[Path, Path], ...], legend: ClassFile, index: int
) -> tuple[np.ndarray, np.ndarray]:
    image_path, mask_path = pairs[index]
    image = read_image(image_path)
    mask = read_mask(mask_path).values
    require_same_size(image, mask, image_path, mask_path)
    if mask.ndim == 2:
        return image, relabel(mask, legend.by_id, mask_path)
    return image, from_colors(mask, legend.by_color, mask_path)
