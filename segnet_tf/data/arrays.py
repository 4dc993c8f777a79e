"""Images that a program holds, as `Samples`: NumPy arrays, lists of arrays, a `tf.data.Dataset`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from segnet_tf.data.classes import VOID, Classes, default_colors
from segnet_tf.data.samples import Pair, Samples, spans
from segnet_tf.errors import UserError


class Dataset(Protocol):
    """A `tf.data.Dataset`. TensorFlow's own class has no type: with it any `data` would do."""

    @property
    def element_spec(self) -> Any: ...

    def unbatch(self) -> Dataset: ...

    def as_numpy_iterator(self) -> Iterator[Any]: ...


# `(N, H, W, channels)`, or one array `(H, W, channels)` an image.
Images = np.ndarray | Sequence[np.ndarray]
Data = Images | tuple[Images, Images | None] | Dataset


def samples_of(
    data: Data, channels: int, count: int, classes: int | Classes, argument: str = "data"
) -> Samples:
    """Images in memory as `Samples`, checked before any is used.

    Args:
        data: images of RGB 0..255, uint8 or other whole numbers or floats: an array
            `(N, height, width, channels)` or a list of arrays `(height, width, channels)`; a tuple
            `(images, labels)` with labels of class ids `(N, height, width)`, 255 for void; or a
            `tf.data.Dataset` of images or of such pairs, batched or not.
        channels: of the images.
        count: how many images of a dataset are taken, the first ones. They are kept, since another
            pass may give others.
        classes: what the ids of labels mean, or how many there are.
        argument: what the caller calls `data`.

    Returns:
        The pairs, uint8. Without labels all are void, and `is_labelled` is False.

    Raises:
        UserError: other types, shapes or values.
    """
    given: Any = data
    labels: Any = None
    if isinstance(given, tf.data.Dataset):
        kind = "tf.data.Dataset"
        given, labels = _first(given, count, argument)
    elif isinstance(given, tuple):
        kind = "arrays"
        if len(given) != 2:
            raise _wrong(argument, f"a tuple of {len(given)}")
        given, labels = given
    else:
        kind = "array" if isinstance(given, np.ndarray) else "list of arrays"
    if not isinstance(classes, Classes):
        names = tuple(f"class {number}" for number in range(classes))
        classes = Classes(names, default_colors(classes))
    images = _checked_images(given, channels, argument)
    if labels is not None:
        _check_labels(labels, images, len(classes), argument)

    def read(index: int) -> Pair:
        image = np.rint(images[index]).astype(np.uint8)
        if labels is None:
            return image, np.full(image.shape[:2], VOID, np.uint8)
        return image, _map(labels[index]).astype(np.uint8)

    stems = tuple(str(number) for number in range(len(images)))
    return Samples(kind, "in memory", classes, stems, read, is_labelled=labels is not None)


def _first(
    dataset: Dataset, count: int, argument: str
) -> tuple[list[np.ndarray], list[np.ndarray] | None]:
    """The first images of a dataset, and their labels if it has any."""
    spec = dataset.element_spec
    parts = spec if isinstance(spec, tuple) else (spec,)
    ranks = [getattr(part, "shape", tf.TensorShape(None)).rank for part in parts]
    # A third part are sample weights, as `model.fit` takes them.
    if not 1 <= len(parts) <= 3 or ranks[0] not in (3, 4):
        raise _wrong(argument, f"a tf.data.Dataset of {spec}")
    unbatched = dataset if ranks[0] == 3 else dataset.unbatch()
    images: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    for element in itertools.islice(unbatched.as_numpy_iterator(), count):
        image, *rest = element if isinstance(spec, tuple) else (element,)
        images.append(image)
        labels += rest[:1]
    return images, labels if len(parts) > 1 else None


def _checked_images(images: Any, channels: int, argument: str) -> np.ndarray | list[np.ndarray]:
    """The images as they are; UserError for any that a network cannot see as RGB 0..255."""
    if not isinstance(images, (np.ndarray, list)):
        raise _wrong(argument, type(images).__name__)
    if len(images) == 0:
        raise UserError(
            f"`{argument}` must hold at least one image. Received: none. Give images as the model "
            "was trained on."
        )
    if isinstance(images, np.ndarray) and images.ndim == 3:
        raise UserError(
            f"`{argument}` must be several images (N, height, width, {channels}). "
            f"Received: shape {images.shape}. Add the missing axis: [None] in front for one "
            "image, [..., None] behind for grey ones."
        )
    for image in images:
        if not isinstance(image, np.ndarray) or image.ndim != 3 or 0 in image.shape:
            raise _wrong(argument, f"shape {np.shape(image)} for an image")
        if image.shape[-1] != channels:
            raise UserError(
                f"`{argument}` must have images of {channels} channels, which the model takes, "
                f"in the last axis. Received: shape {image.shape} for an image. "
                "Convert them, or put the channels last."
            )
    kinds = {image.dtype for image in images}
    if any(kind.kind not in "uif" for kind in kinds):
        raise _wrong(argument, f"dtype {', '.join(map(str, kinds))}")
    # NumPy's, which pass a NaN on.
    low = float(np.min([image.min() for image in images]))
    high = float(np.max([image.max() for image in images]))
    floats = any(kind.kind == "f" for kind in kinds)
    if not (0 <= low and high <= 255) or (floats and 0 < high <= 1):
        raise UserError(
            f"`{argument}` must have images of RGB 0..255, since a file takes the pixels as they "
            f"are. Received: values from {low:.4g} to {high:.4g}. Give the images before they were "
            "divided, and put the division into the model, e.g. keras.layers.Rescaling(1 / 255)."
        )
    return images


def _check_labels(labels: Any, images: Images, classes: int, argument: str) -> None:
    if not isinstance(labels, (np.ndarray, list)) or len(labels) != len(images):
        wrong = f"{len(labels)} of them" if hasattr(labels, "__len__") else type(labels).__name__
        raise UserError(
            f"`{argument}` must have a label map for each of its {len(images)} images. "
            f"Received: {wrong}. Give (images, labels), or the images alone."
        )
    ids: set[int] = set()
    for label, image in zip(labels, images, strict=True):
        found = _map(label) if isinstance(label, np.ndarray) else np.empty(0, object)
        if found.shape != image.shape[:2] or found.dtype.kind not in "uib":
            raise UserError(
                f"`{argument}` must have labels of class ids, whole numbers (height, width) as "
                f"their image. Received: shape {np.shape(label)}, dtype "
                f"{getattr(label, 'dtype', type(label).__name__)} for an image of {image.shape}. "
                'Use argmax(-1) on one-hot labels, astype("uint8") on floats.'
            )
        ids |= set(np.unique(found).tolist())
    outside = {number for number in ids if not 0 <= number < classes and number != VOID}
    if outside:
        raise UserError(
            f"`{argument}` must have labels of the model's {classes} classes, 0 to {classes - 1}, "
            f"or {VOID} for void. Received: {spans(outside)}. Change them to {VOID}, or give the "
            "labels that the model was trained on."
        )


def _map(label: np.ndarray) -> np.ndarray:
    return label[..., 0] if label.ndim == 3 and label.shape[-1] == 1 else label


def _wrong(argument: str, found: str) -> UserError:
    return UserError(
        f"`{argument}` must be a folder, Samples, a NumPy array (N, height, width, channels), a "
        "list of arrays (height, width, channels), a tuple (images, labels), or a tf.data.Dataset "
        f"of images or of such pairs. Received: {found}. Give images of RGB 0..255."
    )
