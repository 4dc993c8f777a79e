"""In which order an epoch shows its images: a function of (seed, epoch), alike on every machine."""

from __future__ import annotations

import tensorflow as tf


def epoch_key(seed: int, epoch: tf.Tensor | int) -> tf.Tensor:
    """int64 `(2,)`, what all that is random in an epoch begins with."""
    return tf.stack([tf.constant(seed, tf.int64), tf.cast(epoch, tf.int64)])


def epoch_order(seed: int, epoch: tf.Tensor | int, count: int) -> tf.Tensor:
    """int64 `(count,)`, the indices of all images in the order of an epoch.

    All indices are shuffled, not a window of images: 8 bytes an image, 8 MB for a million. Step s
    of global batches of b images has the positions s*b to s*b+b-1, whoever reads them.
    """
    indices = tf.range(count, dtype=tf.int64)
    return tf.random.experimental.stateless_shuffle(indices, seed=epoch_key(seed, epoch))


def position_key(seed: int, epoch: tf.Tensor | int, position: tf.Tensor) -> tf.Tensor:
    """int64 `(2,)`, what the augmentation at a position of an epoch begins with."""
    return tf.random.experimental.stateless_fold_in(epoch_key(seed, epoch), position)
