"""`tf.data` of samples: an endless stream for training, one pass for evaluation."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from segnet_tf.data.augment import NONE, Augmentation, augment
from segnet_tf.data.pasting import Pasting, paste
from segnet_tf.data.samples import Samples
from segnet_tf.errors import UserError

CACHE_BYTES = 4 * 2**30


class DecodedSamples:
    """Samples in memory as uint8, decoded once.

    All files are read at construction, so that a damaged one is reported before the first
    step of training and not in the middle of an epoch.

    Args:
        samples: what to read.
        cache_bytes: how much to keep in memory; other pairs are read again each time.

    Attributes:
        sizes: the different `(height, width)` found.
        channels: of the images.
    """

    def __init__(self, samples: Samples, cache_bytes: int = CACHE_BYTES) -> None:
        self._samples = samples
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.sizes: set[tuple[int, int]] = set()
        self.channels = 3
        used = brightest = 0
        # Pillow decodes without holding Python's global lock, so threads help.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for index, pair in enumerate(pool.map(samples.read, range(len(samples)))):
                self.sizes.add(pair[1].shape)
                self.channels = pair[0].shape[-1]
                brightest = max(brightest, int(pair[0].max(initial=0)))
                used += pair[0].nbytes + pair[1].nbytes
                if used <= cache_bytes:
                    self._kept[index] = pair
        if brightest == 1:
            warnings.warn(
                "images should hold 0..255, the division by 255 is in the model. Received: nothing "
                f"above 1 in all of {samples.source}, {samples.split}. Are they divided already, "
                "or masks in place of images?",
                stacklevel=2,
            )

    def __call__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        index = int(index)
        return self._kept.get(index) or self._samples.read(index)

    def tensors(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The pair at a scalar int64 index as uint8 tensors `(H, W, channels)` and `(H, W)`."""
        # Stateless, which is true (the same index gives the same arrays): then `map` runs it in
        # parallel even if TensorFlow has to be deterministic.
        image, labels = tf.numpy_function(self, [index], (tf.uint8, tf.uint8), stateful=False)
        height, width = next(iter(self.sizes)) if len(self.sizes) == 1 else (None, None)
        image.set_shape((height, width, self.channels))
        labels.set_shape((height, width))
        return image, labels


def steps_per_epoch(samples: Samples, batch_size: int) -> int:
    """Full batches in an epoch. The images left over are dropped, others in each epoch.

    Raises:
        UserError: there are fewer images than one batch holds.
    """
    if batch_size < 1:
        raise UserError(f"`batch_size` must be at least 1. Received: {batch_size}. Raise it.")
    if len(samples) < batch_size:
        raise UserError(
            "`batch_size` must be at most the number of images. "
            f"Received: batch_size={batch_size} for {len(samples)} {samples.split} images. "
            "Lower it or add images."
        )
    return len(samples) // batch_size


def training_dataset(
    samples: Samples,
    *,
    batch_size: int,
    crop: tuple[int, int] | None = None,
    augmentation: Augmentation = NONE,
    pasting: Pasting | None = None,
    seed: int = 0,
    start_epoch: int = 0,
) -> tf.data.Dataset:
    """An endless stream of augmented batches, a pure function of its arguments.

    Order and augmentation depend on (seed, epoch, position) only: with `start_epoch=k` the
    first batch is, bit for bit, the first of epoch k in the stream from epoch 0.

    Args:
        batch_size: images a batch; an epoch has `steps_per_epoch` batches, all full.
        crop: `(height, width)` in pixels; None takes whole images, all of one size.
        pasting: what an image gets of another one, which is augmented on its own.
        seed: any integer.
        start_epoch: the epoch to begin with, counted from 0.

    Returns:
        Batches of float32 `(batch_size, h, w, 3)` in 0..255 and uint8 `(batch_size, h, w)`.

    Raises:
        UserError: fewer images than a batch, images of several sizes without a crop,
            or anything that reading them raises.
    """
    used = steps_per_epoch(samples, batch_size) * batch_size
    decoded = DecodedSamples(samples)
    if crop is None and len(decoded.sizes) > 1:
        some = " and ".join(f"{w}x{h}" for h, w in sorted(decoded.sizes)[:2])
        raise UserError(
            "`crop` must be given when images differ in size. "
            f"Received: images of {some} and no crop. Give a height and width."
        )

    def epoch_order(epoch: tf.Tensor) -> tf.data.Dataset:
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.random.experimental.stateless_shuffle(
            tf.range(len(samples), dtype=tf.int64), seed=key
        )[:used]
        positions = tf.data.Dataset.range(used)
        keys = positions.map(lambda i: tf.random.experimental.stateless_fold_in(key, i))
        return tf.data.Dataset.zip(tf.data.Dataset.from_tensor_slices(order), keys)

    def augmented(index: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, labels = decoded.tensors(index)
        return augment(image, labels, key, crop, augmentation)

    def load(index: tf.Tensor, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pair = augmented(index, key)
        if pasting is None or not pasting.classes:
            return pair
        # One key for each: the same key draws the same numbers again.
        choice, own = (tf.random.experimental.stateless_fold_in(key, n) for n in (2, 3))
        draws = tf.random.stateless_uniform((2,), choice)
        other = tf.cast(draws[0] * len(samples), tf.int64)
        return tf.cond(
            draws[1] < pasting.share,
            lambda: paste(pair, augmented(other, own), pasting.classes),
            lambda: pair,
        )

    epochs = tf.data.Dataset.range(start_epoch, np.iinfo(np.int64).max)
    return (
        epochs.flat_map(epoch_order)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def evaluation_dataset(
    samples: Samples, *, batch_size: int = 1, size: tuple[int, int] | None = None
) -> tf.data.Dataset:
    """One pass over the samples in order, with no augmentation.

    Args:
        batch_size: images a batch; the last batch may be smaller. Images of different
            sizes make batches of one whatever `batch_size` is.
        size: `(height, width)` to scale to, images bilinear and labels nearest;
            None keeps each image's own.

    Returns:
        Batches of float32 `(b, H, W, channels)` in 0..255 and uint8 `(b, H, W)`.

    Raises:
        UserError: anything that reading the samples raises.
    """
    if batch_size < 1:
        raise UserError(f"`batch_size` must be at least 1. Received: {batch_size}. Raise it.")
    decoded = DecodedSamples(samples)

    def load(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, labels = decoded.tensors(index)
        image = tf.cast(image, tf.float32)
        if size is not None and decoded.sizes != {tuple(size)}:
            image = tf.image.resize(image, size, antialias=True)
            labels = tf.image.resize(labels[:, :, None], size, method="nearest")[:, :, 0]
        return image, labels

    one_size = size is not None or len(decoded.sizes) == 1
    return (
        tf.data.Dataset.range(len(samples))
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size if one_size else 1)
        .prefetch(tf.data.AUTOTUNE)
    )
