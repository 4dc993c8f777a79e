"""Masks and overlays of images, from any model."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from segnet_tf import plots
from segnet_tf.data import Classes, Samples, camvid
from segnet_tf.data.classes import default_colors
from segnet_tf.data.images import IMAGE_SUFFIXES, as_rgb, read_image, require_image_range
from segnet_tf.data.scenes import synthetic
from segnet_tf.errors import UserError
from segnet_tf.inference.image_scale import Asked, Notes, scene_size
from segnet_tf.inference.predictors import Predictor, open_predictor
from segnet_tf.runs.records import run_classes
from segnet_tf.runs.splits import reading_of
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.outputs import check_folder, make_folder

# What Pillow reads too, beside the suffixes that data sets have.
_SUFFIXES = (*IMAGE_SUFFIXES, ".gif", ".jfif", ".ppm", ".pgm", ".avif")
_SYNTHETIC_SCENES = 8

Named = tuple[str, Callable[[], np.ndarray]]


def predict_files(
    model: str | Path | keras.Model | Predictor,
    images: str | Path | Sequence[Named],
    output: str | Path,
    *,
    size: Asked = None,
    flip: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Path]:
    """Writes NAME_mask.png, NAME_overlay.png for each image, and legend.png.

    A mask is a palette PNG of the image's size whose pixels are class ids.

    Args:
        model: a run folder, a `.keras` or `.tflite` file, "weights:NAME", a `keras.Model`, or an
            open one.
        images: an image file, a folder of them or "synthetic", or names and functions that read
            uint8 `(H, W, channels)`, as `find_images` gives them.
        output: the folder, made if missing.
        size: `(height, width)` in pixels that images are resized to for the model, or "own";
            None for the scale of its training, see `ImageScale`.
        flip: average with the output for the mirrored image.
        overwrite: replace existing files.
        progress: called with (images done, images).
        say: called with each line on the scale that the user must know, before it takes its time.

    Returns:
        The files written.

    Raises:
        UserError: a file exists, or images cannot be read. The masks of all others are
            written first; the message names the images that failed.
    """
    predictor = open_predictor(model)
    if isinstance(images, (str, Path)):
        known = reading_of(predictor.record["config"]) if predictor.record else {}
        images = find_images(
            images,
            size=scene_size(predictor.scale, size),
            channels=predictor.image_channels,
            image_range=known.get("image_range"),
        )
    classes = find_classes(predictor)
    folder = Path(output)
    check_folder(folder, _files_of([name for name, _ in images]), overwrite)
    note = Notes(say)
    written: list[Path] = []
    faults: list[UserError] = []
    for done, (name, read) in enumerate(images, start=1):
        try:
            image = read()
            note(predictor.scale.note(image.shape[:2], size))
            labels = label_map(predictor, classes, image, size=size, flip=flip)
        except UserError as fault:
            faults.append(fault)
        else:
            make_folder(folder)
            for ending, picture in (
                ("mask", _mask(labels, classes)),
                ("overlay", Image.fromarray(plots.overlay(as_rgb(image), labels, classes))),
            ):
                path = folder / f"{name}_{ending}.png"
                with replacing(path) as aside:
                    picture.save(aside)
                written.append(path)
        if progress:
            progress(done, len(images))
    if written:
        with replacing(folder / "legend.png") as aside:
            plots.legend(classes, aside)
        written.append(folder / "legend.png")
    if len(faults) == 1:
        raise faults[0]
    if faults:
        # Each text once: a size that doesn't suit the model is wrong for every image.
        texts = dict.fromkeys(str(fault) for fault in faults)
        raise UserError(f"{len(faults)} images: " + " ".join(texts))
    return written


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


def label_map(
    predictor: Predictor,
    classes: Classes,
    image: np.ndarray,
    *,
    size: Asked = None,
    flip: bool = False,
) -> np.ndarray:
    """Class ids, int32 `(H, W)`, of one image, uint8 `(H, W, channels)`.

    Raises:
        UserError: the size doesn't suit the model, or it predicts an id that has no class.
    """
    labels = predictor.labels(image[None].astype(np.float32), size=size, flip=flip)[0]
    if labels.max() >= len(classes):
        raise UserError(
            f"`model` must predict ids below its {len(classes)} classes. "
            f"Received: class {labels.max()} from {predictor.name}. Export it again."
        )
    return labels


def _scene(samples: Samples, index: int) -> np.ndarray:
    return samples.read(index)[0]


def find_classes(predictor: Predictor) -> Classes:
    """Names and colors of a model's classes.

    Those in a `.tflite` file, its run's, CamVid's if it has 11, or numbers. Names that the run or
    CamVid has too get the colors from there.

    Raises:
        UserError: a `.tflite` file names more or fewer classes than it has.
    """
    count = None if predictor.channels is None else max(predictor.channels, 2)
    names = predictor.model.labels if predictor.is_tflite else None
    if names is not None and count not in (None, len(names)):
        raise UserError(
            f"`model` must name each of its {count} classes, or none. Received: {predictor.name} "
            f"with {len(names)} names in it. Export it again with labels=FILE (--labels FILE)."
        )
    record = predictor.record
    known = [camvid.CLASSES] if record is None else [run_classes(record), camvid.CLASSES]
    if names is not None:
        colors = next((c.colors for c in known if c.names == names), default_colors(len(names)))
        return Classes(names, colors)
    if count is None:
        return known[0]
    for classes in known:
        if count == len(classes):
            return classes
    if predictor.channels == 1:
        return Classes(("background", "foreground"), ((64, 64, 64), default_colors(1)[0]))
    return Classes(tuple(f"class {i}" for i in range(count)), default_colors(count))


def _files_of(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield f"{name}_mask.png"
        yield f"{name}_overlay.png"
    yield "legend.png"


def _mask(labels: np.ndarray, classes: Classes) -> Image.Image:
    mask = Image.fromarray(labels.astype(np.uint8))
    mask.putpalette(classes.palette().tobytes())
    return mask
