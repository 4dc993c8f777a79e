"""Measures the range of every tensor that becomes int8, on training images only."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from segnet_tf.data.samples import Samples
from segnet_tf.errors import UserError
from segnet_tf.export.conversion import graph, sampling
from segnet_tf.system.json_files import read_json

Ranges = dict[str, tuple[float, float]]

# RGB bytes, whatever the calibration images hold: a scale of exactly 1, which MediaPipe assumes.
IMAGE_RANGE = (0.0, 255.0)

# The share of a tensor's values that may be below its range, and the same above it; and how many
# values of a tensor are looked at.
CLIPPED = 1e-4
SAMPLED = 200_000


class AnyRange(Ranges):
    """A range for every tensor: enough to see whether a model converts, wrong to compute with."""

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> tuple[float, float]:
        return (-1.0, 1.0)


def calibration_images(
    samples: Samples, count: int, size: tuple[int, int], seed: int = 0
) -> Iterable[np.ndarray]:
    """Yields `count` different images of `samples`, chosen at random by `seed`.

    Args:
        samples: the training split.
        count: how many at most.
        size: `(height, width)` in pixels that the exported model takes.
        seed: of the choice.

    Yields:
        float32 `(1, height, width, channels)`, 0..255.
    """
    if len(samples) == 0:
        raise UserError(
            "`data` must hold training images for int8 calibration. Received: none. "
            "Give data=images, or a folder (--data DIR)."
        )
    order = np.random.default_rng(seed).permutation(len(samples))[:count]
    for index in order:
        image, _ = samples.read(int(index))
        resized = tf.image.resize(tf.cast(image, tf.float32)[tf.newaxis], size)
        yield resized.numpy()


def read_ranges(path: str | Path) -> Ranges:
    """The ranges that an earlier export measured, out of its JSON report.

    Raises:
        UserError: no such file, or no ranges in it that can be used.
    """
    content = read_json(path)
    try:
        ranges = {
            name: (float(low), float(high)) for name, (low, high) in content["ranges"].items()
        }
    except (KeyError, AttributeError, TypeError, ValueError, OverflowError) as error:
        raise UserError(
            "`ranges` must be the JSON report of an int8 export. "
            f"Received: {path}, without a table of ranges. Give data (--data DIR) instead."
        ) from error
    for name, (low, high) in ranges.items():
        if not (np.isfinite([low, high]).all() and low <= 0 <= high and low < high):
            raise UserError(
                "`ranges` must be finite and hold 0 each, since padding and unpooling put zeros "
                f"everywhere. Received: {low} to {high} for {name} in {path}. "
                "Give data (--data DIR) instead."
            )
    return ranges


def measure_ranges(model: keras.Model, images: Iterable[np.ndarray]) -> Ranges:
    """Runs `model` on `images` and measures the range of each tensor.

    The ends of a range are the values that one in 10,000 exceeds, averaged over the images. On
    CamVid's validation images 92.5 % of a SegNet-Mini's pixels then kept their class, 89.8 % with
    the extremes of all images, 91.5 % with their average.

    Args:
        model: as `graph.walk` takes it.
        images: float32 `(1, height, width, channels)`, 0..255, all of one size.

    Returns:
        Name of the layer that makes the tensor -> `(min, max)`, zero included, since padding and
        unpooling put zeros everywhere.

    Raises:
        UserError: a tensor is not finite.
    """
    # The file computes in float32 or int8, also after a training in mixed precision.
    return ranges_of_network(graph.network_of(model), images)


def ranges_of_network(model: keras.Model, images: Iterable[np.ndarray]) -> Ranges:
    """`measure_ranges` of a network as it is.

    A layer that is called more than once, once for each sample of its dropout, has one range: the
    ends of its calls are averaged as those of the images are. What `sampling` adds has none: its
    ranges follow from those before it.
    """
    added = {
        layer.name
        for layer in model.layers
        if isinstance(layer, (sampling.FixedDropout, sampling.Distribution))
    }

    @tf.function(autograph=False)  # AutoGraph would wrap a UserError in an error of many lines
    def ends(image: tf.Tensor) -> dict[str, tf.Tensor]:
        found: dict[str, list[tf.Tensor]] = {}

        @functools.cache  # 0.8 MB of the graph each: 8 samples have hundreds of tensors
        def draw(size: int) -> tf.Tensor:
            # At random, but the same each time: every n-th value could be of the same few channels.
            return tf.constant(np.random.default_rng(0).integers(0, size, SAMPLED), tf.int32)

        def observe(name: str, value: Any) -> Any:
            if isinstance(value, tf.Tensor) and value.dtype.is_floating and name not in added:
                flat = tf.reshape(value, [-1])
                finite = tf.reduce_all(tf.math.is_finite(flat))
                size = flat.shape[0]
                some = tf.gather(flat, draw(size)) if size > SAMPLED else flat
                found.setdefault(name, []).append(tf.where(finite, _ends(some), np.nan))
            return value

        graph.walk(model, image, {}, observe)
        return {name: tf.stack(spans) for name, spans in found.items()}

    seen: dict[str, list[np.ndarray]] = {}
    for image in images:
        for name, span in ends(tf.constant(image)).items():
            seen.setdefault(name, []).extend(span.numpy())
    return {name: _range(name, np.mean(spans, axis=0)) for name, spans in seen.items()}


def _ends(values: tf.Tensor) -> tf.Tensor:
    """`(low, high)`: one in 10,000 values is below, one above."""
    exceeding = int(values.shape[0] * CLIPPED) + 1
    high = tf.math.top_k(values, exceeding).values[-1]
    low = -tf.math.top_k(-values, exceeding).values[-1]
    return tf.stack([low, high])


def _range(name: str, span: np.ndarray) -> tuple[float, float]:
    low, high = float(span[0]), float(span[1])
    if not np.isfinite([low, high]).all():
        raise UserError(
            "`model` must give finite numbers on the calibration images. "
            f"Received: {name} between {low} and {high}. Train it again."
        )
    low, high = min(low, 0.0), max(high, 0.0)
    # A layer whose output is 0 everywhere needs a scale too.
    return (low, high) if low < high else (0.0, 1.0)
