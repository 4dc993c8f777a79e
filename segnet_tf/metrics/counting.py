"""Counts of pixels, exact in whole numbers on every device.

On a CPU `tf.math.bincount` counts. XLA refuses its int64 form, and a GPU has no deterministic
kernel of it, which is an error where `segnet-tf train` asks for determinism. There, sums of one-hot
labels count: float32 within a row of an image, which has far fewer than 2**24 pixels, and whole
numbers over rows, so no count is rounded.
"""

from __future__ import annotations

import tensorflow as tf

from segnet_tf.system import devices


def class_counts(labels: tf.Tensor, chosen: tf.Tensor, ids: int) -> tf.Tensor:
    """Chosen pixels of each class in each image.

    Args:
        labels: class ids below `ids`, int32 `(batch, H, W)`.
        chosen: bool `(batch, H, W)`.
        ids: number of classes.

    Returns:
        int64 `(batch, ids)`.
    """
    if not devices.on_cpu_kernels():
        rows = tf.reduce_sum(_one_hot(labels, chosen, ids), axis=2)
        return tf.reduce_sum(tf.cast(rows, tf.int64), axis=1)
    batch = tf.shape(labels)[0]
    cells = tf.range(batch)[:, None, None] * ids + labels
    return tf.reshape(_bincount(cells, chosen, batch * ids), (batch, ids))


def confusion_counts(
    labels: tf.Tensor, predicted: tf.Tensor, chosen: tf.Tensor, ids: int
) -> tf.Tensor:
    """Chosen pixels of each pair of a true and a predicted class.

    Args:
        labels: true class ids below `ids`, int32 `(batch, H, W)`.
        predicted: the same of a prediction.
        chosen: bool `(batch, H, W)`.
        ids: number of classes.

    Returns:
        int64 `(ids, ids)`, rows the truth.
    """
    if not devices.on_cpu_kernels():
        pair = _one_hot(labels, chosen, ids), tf.one_hot(predicted, ids)
        rows = tf.einsum("bhwi,bhwj->bhij", *pair)
        return tf.reduce_sum(tf.cast(rows, tf.int64), axis=(0, 1))
    return tf.reshape(_bincount(labels * ids + predicted, chosen, ids**2), (ids, ids))


def _one_hot(labels: tf.Tensor, chosen: tf.Tensor, ids: int) -> tf.Tensor:
    """float32 `(batch, H, W, ids)`, all zeros where a pixel is not chosen."""
    return tf.one_hot(tf.where(chosen, labels, -1), ids)


def _bincount(cells: tf.Tensor, chosen: tf.Tensor, size: int | tf.Tensor) -> tf.Tensor:
    """How many chosen pixels have each number below `size`, int64 `(size,)`."""
    # One spare cell takes the other pixels: cheaper than gathering the chosen ones.
    cells = tf.where(chosen, cells, size)
    counts = tf.math.bincount(
        tf.reshape(cells, [-1]), minlength=size + 1, maxlength=size + 1, dtype=tf.int64
    )
    return counts[:-1]
