"""`tf.data` of samples: an endless stream for training, one pass for evaluation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from segnet_tf.data.augment import NONE, Augmentation, augment
from segnet_tf.data.decoded import DecodedSamples, is_large, named_errors
from segnet_tf.data.order import Share, epoch_order, position_key
from segnet_tf.data.pasting import Pasting, paste
from segnet_tf.data.samples import Samples
from segnet_tf.errors import UserError


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
    cache: str = "auto",
    share: Share | None = None,
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
        cache: where decoded images are kept, see `DecodedSamples`. It changes no batch.
        share: what this worker reads of each batch, in pieces of `batch_size / share.replicas`
            images; None for all of it. The workers' pieces together are the batch, bit for bit.

    Returns:
        Batches of float32 `(batch_size, h, w, 3)` in 0..255 and uint8 `(batch_size, h, w)`.

    Raises:
        UserError: fewer images than a batch, images of several sizes without a crop,
            or anything that reading them raises. Of large data it comes when the image is met, as
            an error of TensorFlow's, which `named_errors` turns back.
    """
    used = steps_per_epoch(samples, batch_size) * batch_size
    own = share or Share()
    decoded = DecodedSamples(samples, cache)
    if crop is None:
        decoded.require_one_size()

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = epoch_order(seed, epoch, len(samples))

        def drawn(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            position = own.position(number, batch_size)
            return order[position], position_key(seed, epoch, position)

        return tf.data.Dataset.range(used // own.workers).map(drawn)

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
        epochs.flat_map(one_epoch)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size // own.replicas, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def evaluation_dataset(
    samples: Samples,
    *,
    batch_size: int = 1,
    size: tuple[int, int] | None = None,
    cache: str = "auto",
) -> tf.data.Dataset:
    """One pass over the samples in order, with no augmentation.

    Args:
        batch_size: images a batch; the last batch may be smaller. Images of different
            sizes make batches of one whatever `batch_size` is, and so do those of large data,
            whose sizes are not known before they are read.
        size: `(height, width)` to scale to, images bilinear and labels nearest;
            None keeps each image's own.
        cache: where decoded images are kept for the next pass, see `DecodedSamples`.

    Returns:
        Batches of float32 `(b, H, W, channels)` in 0..255 and uint8 `(b, H, W)`.

    Raises:
        UserError: as `training_dataset`.
    """
    if batch_size < 1:
        raise UserError(f"`batch_size` must be at least 1. Received: {batch_size}. Raise it.")
    decoded = DecodedSamples(samples, cache)

    def load(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image, labels = decoded.tensors(index)
        image = tf.cast(image, tf.float32)
        if size is not None and decoded.one_size != tuple(size):
            image = tf.image.resize(image, size, antialias=True)
            labels = tf.image.resize(labels[:, :, None], size, method="nearest")[:, :, 0]
        return image, labels

    pairs = tf.data.Dataset.range(len(samples)).map(
        load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    if size is not None or decoded.one_size is not None:
        batches = pairs.batch(batch_size)
    else:
        batches = pairs.batch(1)
    return batches.prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
    samples: Samples, *, batch_size: int = 1
) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """The batches of `evaluation_dataset` for one pass, of which large data keeps none in memory.

    Of large data neighbors of one size make a batch.

    Raises:
        UserError: a file could not be read, when it is met.
    """
    with named_errors():
        if not is_large(samples):
            yield from evaluation_dataset(samples, batch_size=batch_size)
            return
        images: list[tf.Tensor] = []
        labels: list[tf.Tensor] = []
        for image, label in evaluation_dataset(samples, cache="none"):
            if images and (len(images) == batch_size or image.shape != images[0].shape):
                yield tf.concat(images, 0), tf.concat(labels, 0)
                images, labels = [], []
            images.append(image)
            labels.append(label)
        yield tf.concat(images, 0), tf.concat(labels, 0)
