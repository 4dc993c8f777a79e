"""Masks and overlays of images, from any model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from segnet_tf import plots
from segnet_tf.data import Classes, camvid
from segnet_tf.data.classes import default_colors
from segnet_tf.data.images import as_rgb
from segnet_tf.errors import UserError
from segnet_tf.inference import uncertainty_files
from segnet_tf.inference.image_inputs import Named, find_images
from segnet_tf.inference.image_scale import Asked, Notes, scene_size
from segnet_tf.inference.predictors import Predictor, open_predictor
from segnet_tf.inference.uncertainty import many_passes
from segnet_tf.runs.records import run_classes
from segnet_tf.runs.splits import reading_of
from segnet_tf.system.atomic_files import replacing
from segnet_tf.system.outputs import check_folder, make_folder
from segnet_tf.system.progress import counter


def predict_files(
    model: str | Path | keras.Model | Predictor,
    images: str | Path | Sequence[Named],
    output: str | Path,
    *,
    size: Asked = None,
    flip: bool = False,
    mc_samples: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Path]:
    """Writes NAME_mask.png, NAME_overlay.png for each image, and legend.png.

    A mask is a palette PNG of the image's size whose pixels are class ids. With samples, what they
    say of each pixel is written too, see `uncertainty_files.write`, and the overlay's color fades
    where they are unsure.

    Args:
        model: a run folder, a `.keras` or `.tflite` file, "weights:NAME", a `keras.Model`, or an
            open one.
        images: an image file, a folder of them or "synthetic", or names and functions that read
            uint8 `(H, W, channels)`, as `find_images` gives them.
        output: the folder, made if missing.
        size: `(height, width)` in pixels that images are resized to for the model, or "own";
            None for the scale of its training, see `ImageScale`.
        flip: average with the output for the mirrored image.
        mc_samples: predict the mean of so many samples with dropout alive, see
            `uncertainty.sample`; None for one pass.
        seed: of the samples.
        overwrite: replace existing files.
        progress: called with (images done, images), or samples where there are some.
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
    source = None
    if mc_samples is not None:
        tick = counter(progress, len(images) * mc_samples)
        source = many_passes(predictor, mc_samples, seed, size=size, flip=flip, tick=tick)
        progress = None
    names = [name for name, _ in images]
    check_folder(folder, _files_of(names, source is not None), overwrite)
    note = Notes(say)
    written: list[Path] = []
    faults: list[UserError] = []
    for done, (name, read) in enumerate(images, start=1):
        try:
            image = read()
            note(predictor.scale.note(image.shape[:2], size))
            found = None
            if source is None:
                labels = label_map(predictor, classes, image, size=size, flip=flip)
                painted = plots.overlay(as_rgb(image), labels, classes)
            else:
                found = source(image[None].astype(np.float32))
                labels = found.labels[0]
                entropy = found.uncertainty["predictive_entropy"][0]
                painted = plots.unsure_overlay(as_rgb(image), labels, classes, entropy)
        except UserError as fault:
            faults.append(fault)
        else:
            make_folder(folder)
            for ending, picture in (
                ("mask", _mask(labels, classes)),
                ("overlay", Image.fromarray(painted)),
            ):
                path = folder / f"{name}_{ending}.png"
                with replacing(path) as aside:
                    picture.save(aside)
                written.append(path)
            if found is not None:
                written += uncertainty_files.write(folder, name, found)
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


def find_classes(predictor: Predictor) -> Classes:
    """Names and colors of a model's classes.

    Those in a `.tflite` file, its run's, CamVid's if it has 11, or numbers. Names of a file without
    colors that the run or CamVid has too get the colors from there.

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
        found = next((c.colors for c in known if c.names == names), default_colors(len(names)))
        return Classes(names, predictor.model.colors or found)
    if count is None:
        return known[0]
    for classes in known:
        if count == len(classes):
            return classes
    if predictor.channels == 1:
        return Classes(("background", "foreground"), ((64, 64, 64), default_colors(1)[0]))
    return Classes(tuple(f"class {i}" for i in range(count)), default_colors(count))


def _files_of(names: Sequence[str], with_uncertainty: bool) -> Iterator[str]:
    for name in names:
        yield f"{name}_mask.png"
        yield f"{name}_overlay.png"
        if with_uncertainty:
            yield from uncertainty_files.names_of(name)
    yield "legend.png"


def _mask(labels: np.ndarray, classes: Classes) -> Image.Image:
    mask = Image.fromarray(labels.astype(np.uint8))
    mask.putpalette(classes.palette().tobytes())
    return mask
