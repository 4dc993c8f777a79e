"""The images that a user means: a file, a folder, synthetic scenes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from segnet_tf.data import Samples
from segnet_tf.data.images import IMAGE_SUFFIXES, read_image, require_image_range
from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError

# What Pillow reads too, beside the suffixes that data sets have.
_SUFFIXES = (*IMAGE_SUFFIXES, ".gif", ".jfif", ".ppm", ".pgm", ".avif")
_SYNTHETIC_SCENES = 8

Named = tuple[str, Callable[[], np.ndarray]]


def find_images(
    images: str | Path,
    limit: int | None = None,
    size: tuple[int, int] | None = None,
    channels: int = 3,
    image_range: int | None = None,
) -> list[Named]:
    """Names and readers of images, in order of the name.

    Args:
        images: an image file, a folder of them, or "synthetic".
        limit: the first so many only.
        size: `(height, width)` of synthetic scenes in pixels.
        channels: of the images, as the model takes them; see `read_image`.
        image_range: the value that is white in images of more than 8 bits.

    Raises:
        UserError: there are no such files, the folder holds no image, or images of 16 bits are
            nearly black without an `image_range`.
    """
    if images == "synthetic":
        scenes = synthetic.samples(
            "test", size=size or synthetic.SIZE, count=limit or _SYNTHETIC_SCENES
        )
        scenes = scenes.in_channels(channels)
        return [(stem, partial(_scene, scenes, i)) for i, stem in enumerate(scenes.stems)]
    path = Path(images)
    read = partial(read_image, image_range=image_range, channels=channels)
    if path.is_file():
        require_image_range([path], image_range)
        return [(path.stem, partial(read, path))]
    if not path.is_dir():
        raise UserError(
            "`images` (--input) must be an image, a folder of images or synthetic. "
            f"Received: {images}, which does not exist. Correct the path."
        )
    files = sorted(
        file
        for file in path.iterdir()
        if file.suffix.lower() in _SUFFIXES and file.is_file() and not file.name.startswith(".")
    )
    if not files:
        raise UserError(
            f"`images` (--input) must hold images ({', '.join(_SUFFIXES)}). Received: {images}, "
            "which holds none. Choose the folder that does."
        )
    require_image_range(files, image_range)
    stems = [file.stem for file in files]
    return [
        # a.png and a.jpg must not write the same mask.
        (file.stem if stems.count(file.stem) == 1 else file.name, partial(read, file))
        for file in itertools.islice(files, limit)
    ]


def _scene(samples: Samples, index: int) -> np.ndarray:
    return samples.read(index)[0]
